"""One ASHA per space behind one Ray scheduler, and the memory of which trials it stopped.

Asynchronous successive halving (Li et al. 2020). The resource is our own `epoch`, so that a
resumed trial lands on the right rung. The rungs of a resumed study are filled again through the
scheduler's own interface.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from search.store.records import DEFAULT_NUMBER, TrialRecord

REDUCTION_FACTOR = 3
FEW_TRIALS = 10
# Of a full training of the default config: what a trial costs on average beside it. Early stopping
# leaves it 0.45 of the epochs, and it costs 1.4 times as much an epoch, for the default is small.
_PART_OF_DEFAULT = 0.63


def grace_epochs(max_epochs: int) -> int:
    """Returns the epochs every trial gets: 2 (the first says little), 1 in short schedules."""
    return 2 if max_epochs >= 4 else 1


@dataclass(frozen=True, slots=True)
class _Known:
    """A trial as ASHA knows it, which asks for its id and nothing else.

    It keeps its id over restarts, and where it begins again after its worker was lost: under
    another, as Ray gives it then, it would meet rungs that it has passed already.
    """

    trial_id: str

    @classmethod
    def of(cls, trial: Trial) -> "_Known":
        """Returns the trial of the study behind one of Ray's."""
        return cls(f"{trial.config['space']}-{trial.config['number']}")


def affords_few(seconds: float, full_s: float) -> bool:
    """Returns whether a space has time for fewer than ten trials beside its default config.

    Args:
        seconds: device seconds of the space.
        full_s: of a full training of its default config, which counts once.
    """
    return seconds - full_s < FEW_TRIALS * _PART_OF_DEFAULT * full_s


def asha(max_epochs: int, first_rung: int) -> AsyncHyperBandScheduler:
    """Returns an ASHA of one space; its rungs are thrice as far from one to the next."""
    return AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="value",
        mode="max",
        # The last epoch is the trial's own end, not a rung: one more than it is never reached.
        max_t=max_epochs + 1,
        grace_period=first_rung,
        reduction_factor=REDUCTION_FACTOR,
        brackets=1,
    )


class _Both:
    """The ASHA of a space, and one whose first rung is the first epoch."""

    def __init__(self, usual: AsyncHyperBandScheduler, early: AsyncHyperBandScheduler) -> None:
        self._usual, self._early = usual, early
        self.is_early = False

    def on_trial_add(self, tune_controller: Any, trial: _Known) -> None:
        """Tells both of a new trial."""
        for each in (self._usual, self._early):
            each.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: _Known, result: dict[str, Any]) -> str:
        """Tells both of an epoch; returns what the one that decides makes of the trial."""
        decisions = [
            str(each.on_trial_result(tune_controller, trial, result))
            for each in (self._usual, self._early)
        ]
        return decisions[self.is_early]

    def on_trial_complete(
        self, tune_controller: Any, trial: _Known, result: dict[str, Any]
    ) -> None:
        """Tells both of a trial that ended by itself."""
        for each in (self._usual, self._early):
            each.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: _Known) -> None:
        """Tells both of a trial that is gone."""
        for each in (self._usual, self._early):
            each.on_trial_remove(tune_controller, trial)


class MultiSpaceScheduler(TrialScheduler):  # type: ignore[misc]
    """Hands every trial to the ASHA of its space.

    A space with time for few trials has its first rung after one epoch, so that there are more of
    them. Both ASHAs hear of every epoch, so the one may take over from the other at any time.

    Args:
        max_epochs: length of the schedule of every space's trials.
        make_asha: from that length and the first rung to an ASHA.
    """

    def __init__(
        self,
        max_epochs: Mapping[str, int],
        make_asha: Callable[[int, int], AsyncHyperBandScheduler] = asha,
    ) -> None:
        super().__init__()
        self._max_epochs = dict(max_epochs)
        self._asha = {
            space: _Both(make_asha(epochs, grace_epochs(epochs)), make_asha(epochs, 1))
            for space, epochs in max_epochs.items()
        }
        self.stopped: dict[str, int] = {}
        """Epoch at which each stopped trial was stopped, by Ray's trial id."""
        self.errors: dict[str, str] = {}
        """What Ray said of the last worker of a trial that died, by Ray's trial id."""
        self.cut: set[str] = set()
        """Ray's ids of trials to end at their next report: their approach used up its share."""
        self.silent: set[str] = set()
        """Ray's ids of trials to end now, with their workers: they make no step."""

    def suit(self, space: str, seconds: float, epoch_s: float) -> None:
        """Takes over how much time a space has.

        Args:
            space: name of the space.
            seconds: device seconds that it gets.
            epoch_s: of an epoch of its default config.
        """
        self._asha[space].is_early = affords_few(seconds, epoch_s * self._max_epochs[space])

    def refill(self, records: Iterable[TrialRecord]) -> None:
        """Enters the stored values of an earlier start into the rungs."""
        for record in records:
            past = _Known(f"{record.space}-{record.number}")
            self._asha[record.space].on_trial_add(None, past)
            for epoch, value in record.values.items():
                told = {"epoch": epoch, "value": value}
                self._asha[record.space].on_trial_result(None, past, told)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A trial was created."""
        self._asha[trial.config["space"]].on_trial_add(tune_controller, _Known.of(trial))

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Decides after an epoch whether the trial goes on."""
        # ASHA never stops a NaN, and an infinite value on a rung would stop everybody else.
        if trial.trial_id in self.cut or not math.isfinite(result["value"]):
            return str(TrialScheduler.STOP)
        space, epoch = trial.config["space"], int(result["epoch"])
        known = _Known.of(trial)
        decision = str(self._asha[space].on_trial_result(tune_controller, known, result))
        if decision == TrialScheduler.STOP and epoch < self._max_epochs[space]:
            if trial.config["number"] == DEFAULT_NUMBER:
                # The default config is the baseline that every best config is shown beside.
                return str(TrialScheduler.CONTINUE)
            self.stopped[trial.trial_id] = epoch
        return decision

    def on_trial_complete(
        self, tune_controller: Any, trial: Trial, result: dict[str, Any]
    ) -> None:
        """A trial ended by itself; a broken one leaves no value on a rung."""
        if result and "epoch" in result and math.isfinite(result.get("value", math.nan)):
            asha = self._asha[trial.config["space"]]
            asha.on_trial_complete(tune_controller, _Known.of(trial), result)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ARG002
        """A worker died; ASHA keeps what the trial reported, and the searcher may ask why."""
        file = getattr(trial, "error_file", None)
        with suppress(OSError):
            self.errors[trial.trial_id] = Path(file).read_text(errors="replace") if file else ""

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """A trial was removed before it ran."""
        self._asha[trial.config["space"]].on_trial_remove(tune_controller, _Known.of(trial))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Returns the first trial that waits for a slot, and ends those that make no step."""
        for trial in list(tune_controller.get_trials()) if self.silent else ():
            if trial.trial_id in self.silent:
                self.silent.discard(trial.trial_id)
                _end(tune_controller, trial)
        for status in (Trial.PENDING, Trial.PAUSED):
            for trial in tune_controller.get_trials():
                if trial.status == status:
                    return trial
        return None

    def debug_string(self) -> str:
        """Returns a line for Ray's logs."""
        return f"ASHA for {', '.join(self._asha)}"


def _end(tune_controller: Any, trial: Trial) -> None:
    """Ends a trial with its worker, which Ray would keep warm for the next one."""
    actor = trial.temporary_state.ray_actor
    if actor is None:
        tune_controller.stop_trial(trial)
    else:
        ray.kill(actor)
