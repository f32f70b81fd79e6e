"""Samplers and schedulers that a search is tried with: what runs, and what might run instead.

A scheduler that pauses keeps a trial at a rung with its checkpoint, and the study goes on with it
when it is among the best third there (Li et al. 2020, promotion). One-epoch discarding (Egele et
al. 2024, arXiv 2404.04111, "1-epoch") trains every config for one epoch in the first half of the
time and then the best ones to their end.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from search.store.records import DEFAULT_NUMBER
from search.tuning.fair_share import Usage
from search.tuning.journal import Asked, StudyJournal, tpe
from search.tuning.scheduler import MultiSpaceScheduler, asha
from search.tuning.searcher import StudySearcher
from tests.search.builders.virtual_run import Train, Training

_DISCARD_UNTIL = 0.5
"""Share of an approach's time after which one-epoch discarding trains its best configs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a search chooses and stops.

    Attributes:
        make_sampler: returns the sampler of a seed.
        make_asha: from the length of a schedule and the first rung wanted to an ASHA.
        rungs: from that length to the epochs at which trials pause; None where none does.
        discards: whether paused trials go on only in the second half of the time, to their end.
        serves_solved: whether a solved space gets as much time as one that is not.
        last: epochs whose mean an epoch is told as, to sampler, early stopping and choice.
        chosen_by: epochs at the end of a training whose mean the choice is by.
    """

    make_sampler: Callable[[int], BaseSampler] = tpe
    make_asha: Callable[[int, int], AsyncHyperBandScheduler] = asha
    rungs: Callable[[int], tuple[int, ...]] | None = None
    discards: bool = False
    serves_solved: bool = False
    last: int = 1
    chosen_by: int = 1

    def told(self, train: Train) -> Train:
        """Returns what trainings report where every value is the mean of the last ones."""

        def smoothed(given: Mapping[str, Any]) -> Training:
            training = train(given)
            values = training.values
            ends = range(1, len(values) + 1)
            return replace(
                training, values=tuple(fmean(values[max(0, e - self.last) : e]) for e in ends)
            )

        return train if self.last == 1 else smoothed


def rungs_from(first: int) -> Callable[[int, int], AsyncHyperBandScheduler]:
    """Returns what makes an ASHA with its first rung at an epoch, whatever is wanted."""
    return lambda max_epochs, _: asha(max_epochs, min(first, max_epochs))


def sampler(kind: Callable[..., BaseSampler], seed: int, **options: Any) -> BaseSampler:
    """Returns a sampler of Optuna, its warnings unsaid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(seed=seed, **options)


def _sampled(kind: Callable[..., BaseSampler], **options: Any) -> Callable[[int], BaseSampler]:
    return partial(sampler, kind, **options)


_TPE = optuna.samplers.TPESampler
POLICIES: Mapping[str, Policy] = {
    "as it runs": Policy(),
    "rungs 1, 3": Policy(make_asha=rungs_from(1)),
    "rungs 2, 6": Policy(make_asha=rungs_from(2)),
    "solved spaces served": Policy(serves_solved=True),
    "chosen by the mean of 3": Policy(chosen_by=3),
    "mean of 2 epochs": Policy(last=2),
    "mean of 3 epochs": Policy(last=3),
    "TPE, one by one": Policy(
        make_sampler=_sampled(
            _TPE, multivariate=False, group=False, constant_liar=True, n_startup_trials=8
        )
    ),
    "TPE, not grouped": Policy(
        make_sampler=_sampled(
            _TPE, multivariate=True, group=False, constant_liar=True, n_startup_trials=8
        )
    ),
    "GP": Policy(make_sampler=_sampled(optuna.samplers.GPSampler, n_startup_trials=8)),
    "CMA-ES": Policy(make_sampler=_sampled(optuna.samplers.CmaEsSampler, n_startup_trials=8)),
    "random": Policy(make_sampler=_sampled(optuna.samplers.RandomSampler)),
    "random, no stopping": Policy(
        make_sampler=_sampled(optuna.samplers.RandomSampler), make_asha=rungs_from(1000)
    ),
    "pausing at 2, 6": Policy(rungs=lambda epochs: (2, 6)),
    "pausing at 1, 3": Policy(rungs=lambda epochs: (1, 3)),
    "one-epoch discarding": Policy(
        make_sampler=_sampled(optuna.samplers.RandomSampler),
        rungs=lambda epochs: (1,),
        discards=True,
    ),
}


class PausingScheduler(MultiSpaceScheduler):
    """Pauses trials at rungs instead of stopping them; the default config never pauses.

    Args:
        max_epochs: length of the schedule of every space's trials.
        rungs: epochs at which trials pause, by space.
    """

    def __init__(
        self, max_epochs: Mapping[str, int], rungs: Mapping[str, tuple[int, ...]]
    ) -> None:
        super().__init__(max_epochs)
        self._pauses = {
            space: [epoch for epoch in found if epoch < max_epochs[space]]
            for space, found in rungs.items()
        }
        self.paused: set[str] = set()
        self.recorded: dict[str, dict[int, dict[int, float]]] = {
            space: {epoch: {} for epoch in found} for space, found in self._pauses.items()
        }
        """Value at a rung, by space, epoch of the rung and number of the trial."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Pauses the trial at a rung; cuts it off where its approach used up its share."""
        space, number, epoch = trial.config["space"], trial.config["number"], result["epoch"]
        if trial.trial_id in self.cut:
            return str(TrialScheduler.STOP)
        if epoch in self.recorded[space]:
            self.recorded[space][epoch][number] = result["value"]
            if number != DEFAULT_NUMBER:
                self.paused.add(trial.trial_id)
                return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)


@dataclass(slots=True)
class _Paused:
    asked: dict[int, tuple[Asked, int]] = field(default_factory=dict)
    """Trials by number, with the epoch that they paused at."""


class PausingSearcher(StudySearcher):
    """Goes on with paused trials that are promoted before it asks for new ones."""

    def __init__(self, *given: Any, discards: bool, **more: Any) -> None:
        super().__init__(*given, **more)
        self._discards = discards
        self._paused = {space: _Paused() for space in self._journals}
        for journal in self._journals.values():
            journal.ask = partial(self._ask, journal, journal.ask)  # type: ignore[method-assign]

    def usage(self) -> dict[str, Usage]:
        """Returns what every space has used, its paused trials included."""
        found = super().usage()
        return {
            space: replace(
                used,
                finished=used.finished
                + sum(asked.device_seconds for asked, _ in self._paused[space].asked.values()),
            )
            for space, used in found.items()
        }

    def close(self) -> None:
        """Tells of every trial that stayed paused that it was stopped there."""
        super().close()
        for space, paused in self._paused.items():
            for number in paused.asked:
                self._journals[space].prune(number)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Keeps a trial that has paused; of others as ever."""
        is_paused = trial_id in self._scheduler.paused  # type: ignore[attr-defined]
        live = self._live.pop(trial_id, None) if is_paused and result else None
        if live is None or result is None:
            super().on_trial_complete(trial_id, result, error)
            return
        self._store(live, result)
        asked = live.going_on
        self._paused[asked.space].asked[asked.number] = (asked, int(result["epoch"]))

    def _ask(self, journal: StudyJournal, ask: Callable[[], Asked]) -> Asked:
        space = journal.space.name
        number = self._best_paused(space) if self._discards else self._promoted(space)
        if number is None:
            return ask()
        return self._paused[space].asked.pop(number)[0]

    def _promoted(self, space: str) -> int | None:
        """Returns a paused trial among the best third of its rung, of the highest rung."""
        recorded = self._scheduler.recorded[space]  # type: ignore[attr-defined]
        for epoch in sorted(recorded, reverse=True):
            ordered = sorted(recorded[epoch], key=recorded[epoch].__getitem__, reverse=True)
            for number in ordered[: len(ordered) // 3]:
                if self._paused[space].asked.get(number, (None, 0))[1] == epoch:
                    return number
        return None

    def _best_paused(self, space: str) -> int | None:
        share, paused = self._share(), self._paused[space].asked
        if share is None or not paused or self._least_spent(space) < _DISCARD_UNTIL * share:
            return None
        (recorded,) = self._scheduler.recorded[space].values()  # type: ignore[attr-defined]
        return max(paused, key=recorded.__getitem__)
