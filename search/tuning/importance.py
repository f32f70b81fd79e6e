"""Which parameters a space's score depends on: functional ANOVA over the trials of its study.

Hutter, Hoos, Leyton-Brown: An efficient approach for assessing hyperparameter importance (ICML
2014), as Optuna computes it: a random forest is fitted to the trials, and the importance of a
parameter is the share of the forest's variance that it explains alone.

Three things make it fit define-by-run spaces:

    conditional   a parameter that is inactive in a trial takes the middle of its domain there
                  (section 4 of the paper asks for a default): inactive ones tell nothing, and what
                  the choice of the branch does is told by the parameter that chose it;
    ranges        one that depends on another parameter is widened to all values seen;
    stopped       trials the scheduler stopped count with their last value, as everywhere else:
                  without them only the good configs would be left to compare.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from search.analysis.data_look import spread
from search.store.records import Cause, State, cause_of
from search.tuning.journal import read_trials

LEAST_TRIALS = 12
"""Trials with a value below which a forest says more about itself than about the space."""
MOST_TRIALS = 1_000
"""Beyond them every so-manieth counts: the cost of a forest grows as their square."""
_NUMERIC = (FloatDistribution, IntDistribution)


def parameter_importance(
    trials: Sequence[FrozenTrial], seed: int, *, least_trials: int = LEAST_TRIALS
) -> dict[str, float] | None:
    """Returns the share of the variance of the score that each parameter explains alone.

    Parameters that never varied are left out. Failed trials, trials that ran out of memory and
    trials that reported nothing are not counted.

    Args:
        trials: of one study with a single objective.
        seed: of the random forest; the same trials and seed give the same shares.
        least_trials: with a value, below which nothing is said.

    Returns:
        parameter -> share in [0, 1], the largest first, together at most 1 (the rest is due to
        interactions); None with too few trials, one value in all of them, or nothing that varied.
    """
    known = [(trial, value) for trial in trials if (value := _value(trial)) is not None]
    known = [known[place] for place in spread(len(known), MOST_TRIALS)]
    domains = _domains([trial for trial, _ in known])
    if len(known) < least_trials or not domains or len({value for _, value in known}) < 2:
        return None
    rows = [
        optuna.create_trial(params=_complete(trial, domains), distributions=domains, value=value)
        for trial, value in known
    ]
    study = _study_of(rows)
    # It loads scikit-learn, which nothing else of a search does.
    from optuna.importance import FanovaImportanceEvaluator

    shares = FanovaImportanceEvaluator(seed=seed % 2**32).evaluate(study)
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return {name: float(share) for name, share in ranked}


def _value(trial: FrozenTrial) -> float | None:
    """Returns the objective of a trial that says something about its parameters."""
    noted = trial.user_attrs.get("cause", "")
    if cause_of(State(trial.state.name), noted, trial.value) is not Cause.NONE:
        return None
    value = trial.value if trial.state is TrialState.COMPLETE else None
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return value if value is not None and math.isfinite(value) else None


def _domains(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Returns the domain of every parameter that varies, on the scale it is drawn on."""
    seen: dict[str, list[BaseDistribution]] = {}
    values: dict[str, set[object]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            seen.setdefault(name, []).append(distribution)
            values.setdefault(name, set()).add(trial.params[name])
    return {name: _widened(found) for name, found in sorted(seen.items()) if len(values[name]) > 1}


def _widened(found: Sequence[BaseDistribution]) -> BaseDistribution:
    """Returns one domain that holds all; a parameter never changes its kind within a study."""
    numeric = [each for each in found if isinstance(each, _NUMERIC)]
    if not numeric:
        return found[0]
    ends = [_scaled(end, each) for each in numeric for end in (each.low, each.high)]
    return FloatDistribution(min(ends), max(ends))


def _scaled(value: float, distribution: BaseDistribution) -> float:
    """Returns a number on the scale its parameter is drawn on."""
    is_log = isinstance(distribution, _NUMERIC) and distribution.log
    return math.log(value) if is_log else float(value)


def _complete(
    trial: FrozenTrial, domains: Mapping[str, BaseDistribution]
) -> dict[str, str | int | float | bool | None]:
    """Returns all parameters of a trial, inactive ones at the middle of their domains."""
    params: dict[str, str | int | float | bool | None] = {}
    for name, domain in domains.items():
        if isinstance(domain, CategoricalDistribution):
            params[name] = trial.params.get(name, domain.choices[len(domain.choices) // 2])
        elif isinstance(domain, FloatDistribution):
            active = name in trial.params
            params[name] = (
                _scaled(trial.params[name], trial.distributions[name])
                if active
                else (domain.low + domain.high) / 2
            )
    return params


def _study_of(trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Returns a study in memory, without Optuna's note that it made one."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
    finally:
        optuna.logging.set_verbosity(level)
    study.add_trials(trials)
    return study


def importances_of(
    journal: Path, studies: Mapping[str, str], seed: int
) -> dict[str, dict[str, float]]:
    """Returns the importance of the parameters of every space with trials enough, by space."""
    found = {
        space: parameter_importance(read_trials(journal, study), seed)
        for space, study in studies.items()
    }
    return {space: shares for space, shares in found.items() if shares}
