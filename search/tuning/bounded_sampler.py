"""A sampler that looks at a bounded number of trials: a suggestion costs the same for ever.

TPE by itself weighs every trial of the study for every group of parameters: some 50 ms a
suggestion after 1,000 trials and half a second after 10,000, while a device waits. Bounded, it
takes 18 and 22 ms (`benchmarks/suggest_cost.py`).
"""

from bisect import insort
from collections.abc import Container, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.trial import FrozenTrial, TrialState

MOST_TRIALS = 250
"""From so many ended trials on TPE takes 25 for good, however many there are."""


class BoundedSampler(BaseSampler):
    """Another sampler that sees at most `most` ended trials of a study that maximises.

    Those are the trials that TPE takes for good, from which it draws, and of the others every
    so-manieth over the study: so the density of what is not good keeps its shape, and the weights
    of old and new trials. Up to `most` ended trials a study is seen whole, and beyond 250 what is
    good is as with all trials. Running trials are all seen.

    Args:
        sampler: the other one.
        most: ended trials.
    """

    def __init__(self, sampler: BaseSampler, most: int = MOST_TRIALS) -> None:
        self._sampler = sampler
        self._ended = _Ended(most)
        self._seen: tuple[int, _Bounded] | None = None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Returns what the other sampler samples together."""
        return self._sampler.infer_relative_search_space(self._of(study, trial), trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Returns what the other sampler suggests together."""
        return self._sampler.sample_relative(self._of(study, trial), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Returns what the other sampler suggests for one parameter."""
        seen = self._of(study, trial)
        return self._sampler.sample_independent(seen, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Hands the call on."""
        self._sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Hands the call on."""
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Hands the call on."""
        self._sampler.reseed_rng()

    def _of(self, study: optuna.Study, trial: FrozenTrial) -> Any:
        # Once for all parameters of a trial: what is asked for within it changes nothing.
        if self._seen is None or self._seen[0] != trial.number:
            trials = self._ended.seen(study.get_trials(deepcopy=False))
            self._seen = trial.number, _Bounded(study, trials)
        return self._seen[1]


class _Bounded:
    """A study of which samplers see some of the trials."""

    def __init__(self, study: optuna.Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(
        self,
        deepcopy: bool = True,  # noqa: ARG002  samplers change no trial
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Returns the trials that a sampler sees."""
        return [t for t in self._trials if states is None or t.state in states]

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002  nothing changes while a trial is asked for
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)


class _Ended:
    """The ended trials of a study that maximises; each is looked at once, for it never changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._num_good = default_gamma(most)
        self._open: list[int] = []
        self._known = 0
        self._ended: list[int] = []
        self._complete: list[_Ranked] = []
        self._pruned: list[_Ranked] = []

    def seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Returns what a sampler sees of the trials of the study, in their order."""
        look = [*self._open, *range(self._known, len(trials))]
        self._open, self._known = [], len(trials)
        for number in look:
            self._look(trials[number])
        if len(self._ended) <= self._most:
            return trials
        good = {number for _, number in self._complete}
        good |= {number for _, number in self._pruned[: self._num_good - len(good)]}
        places = self._most - len(good)
        rest = [number for number in self._ended if number not in good]
        kept = {rest[place * len(rest) // places] for place in range(places)}
        running = {number for number in self._open if trials[number].state is TrialState.RUNNING}
        return [trials[number] for number in sorted(kept | good | running)]

    def _look(self, trial: FrozenTrial) -> None:
        if not trial.state.is_finished():
            self._open.append(trial.number)
        elif trial.state is not TrialState.FAIL:
            insort(self._ended, trial.number)
            is_complete = trial.state is TrialState.COMPLETE
            best = self._complete if is_complete else self._pruned
            insort(best, ((-(trial.value or 0.0),) if is_complete else _last(trial), trial.number))
            del best[self._num_good :]


_Ranked = tuple[tuple[float, ...], int]
"""What TPE ranks a trial by, the best first, and its number: of equals the first is the better."""


def _last(trial: FrozenTrial) -> tuple[float, ...]:
    """Returns the rank of a pruned trial: how far it came, then its last value."""
    if not trial.intermediate_values:
        return 1.0, 0.0
    step, value = max(trial.intermediate_values.items())
    return -float(step), -value
