"""A search on a virtual clock: the real searcher, scheduler and fair share; no Ray, no training.

The calls are those of Ray's controller, in its order. What a training would report, and when, says
a function; a device holds one trial at a time, and the driver hands out one trial after another.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ray.tune.schedulers import TrialScheduler

from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher


@dataclass(slots=True)
class VirtualClock:
    """Seconds that pass when an event does."""

    now: float = 0.0

    def __call__(self) -> float:
        """Returns the seconds up to now."""
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a trial's training would report.

    Attributes:
        start_s: seconds from the hand-out until the worker's clock starts.
        seconds: on the worker's clock at the end of every epoch.
        values: of the objective after every epoch.
    """

    start_s: float
    seconds: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.values) or list(self.seconds) != sorted(self.seconds):
            raise ValueError(
                "a training needs a value for each of its increasing seconds, got "
                f"{len(self.values)} for {self.seconds}"
            )


Train = Callable[[Mapping[str, Any]], Training]
"""From what the searcher hands to a worker (space, number, config, seed) to its training."""


@dataclass(slots=True)
class _OnDevice:
    """A trial on a device, with what a scheduler asks of Ray's trial."""

    trial_id: str
    config: Mapping[str, Any]
    training: Training
    began: float
    epoch: int
    """Epochs done, those before the trial came to this device included."""
    before_s: float = field(init=False)
    error_file: str = ""

    def __post_init__(self) -> None:
        self.before_s = self.training.seconds[self.epoch - 1] if self.epoch else 0.0

    @property
    def trained_s(self) -> float:
        """Seconds of training on this device up to the last epoch done."""
        return self.training.seconds[self.epoch - 1] - self.before_s if self.epoch else 0.0

    def next_end(self) -> float:
        """Returns when the next epoch ends."""
        return (
            self.began + self.training.start_s + self.training.seconds[self.epoch] - self.before_s
        )


class VirtualRun:
    """Devices that run what a searcher hands out until it is over.

    Args:
        searcher: on the same clock.
        scheduler: of the searcher.
        train: what the trainings report.
        clock: that the run moves on.
        devices: trials at once.
        driver_s: seconds that the driver takes to hand out a trial.
    """

    def __init__(
        self,
        searcher: StudySearcher,
        scheduler: MultiSpaceScheduler,
        train: Train,
        clock: VirtualClock,
        devices: int,
        driver_s: float = 0.0,
    ) -> None:
        self._searcher, self._scheduler, self._train = searcher, scheduler, train
        self._clock, self._devices, self._driver_s = clock, devices, driver_s
        self._events: list[tuple[float, int, _OnDevice]] = []
        self._handed_out = 0
        self._driver_free = 0.0
        self._epochs: dict[tuple[str, int], int] = {}
        self.trained_s = 0.0
        """Device seconds of training, to the end of the last epoch or of the run."""
        self.began = clock.now
        self.trials: list[tuple[str, int]] = []
        """Space and number of what was handed out, in order."""

    def run(self) -> None:
        """Runs until the searcher is over, or has nothing more to hand out."""
        while not self._searcher.is_over():
            self._fill()
            if not self._events:
                break
            when, _, trial = heapq.heappop(self._events)
            left = self._searcher.seconds_left()
            if when > self._clock.now + left:
                heapq.heappush(self._events, (when, 0, trial))
                self._clock.now += left
                break
            self._clock.now = when
            self._epoch_ends(trial)
        for _, _, trial in self._events:  # cut off by the end
            self.trained_s += max(0.0, self._clock.now - trial.began - trial.training.start_s)
        self._searcher.close()

    @property
    def idle(self) -> float:
        """Share of the device time in which nothing was trained."""
        whole = self._devices * (self._clock.now - self.began)
        return 1 - self.trained_s / whole if whole else 0.0

    def _fill(self) -> None:
        while len(self._events) < self._devices:
            name = f"ray{self._handed_out}"
            answer = self._searcher.suggest(name)
            if not isinstance(answer, dict):
                return
            self._handed_out += 1
            self.trials.append((answer["space"], answer["number"]))
            self._driver_free = max(self._driver_free, self._clock.now) + self._driver_s
            done = self._epochs.get(self.trials[-1], 0)
            trial = _OnDevice(name, answer, self._train(answer), self._driver_free, done)
            self._scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
            self._push(trial)

    def _push(self, trial: _OnDevice) -> None:
        # Events of one moment come in the order of the trials, as those of Ray's loop.
        order = int(trial.trial_id.removeprefix("ray"))
        heapq.heappush(self._events, (trial.next_end(), order, trial))

    def _epoch_ends(self, trial: _OnDevice) -> None:
        value = trial.training.values[trial.epoch]
        trial.epoch += 1
        is_last = trial.epoch == len(trial.training.values)
        result = {
            "epoch": trial.epoch,
            "value": value,
            "last_epoch": is_last,
            "done": is_last,
            "started": trial.began,
            "seconds": trial.trained_s,
        }
        decision = str(TrialScheduler.STOP)
        if not is_last:
            decision = self._scheduler.on_trial_result(None, trial, result)  # type: ignore[arg-type]
        if decision != TrialScheduler.STOP:
            self._searcher.on_trial_result(trial.trial_id, result)
            self._push(trial)
            return
        self.trained_s += trial.trained_s
        self._epochs[(trial.config["space"], trial.config["number"])] = trial.epoch
        self._scheduler.on_trial_complete(None, trial, result)  # type: ignore[arg-type]
        self._searcher.on_trial_complete(trial.trial_id, result)
