"""Cells of the simulation of verdicts beside the grid: mistakes, searches, plans, fixed models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from search.analysis.approaches.approach import Approach
from search.analysis.approaches.choice_luck import choice_variance
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.power import would_decide
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    Verdict,
)
from search.analysis.verdict.rules import (
    MARGIN,
    Outcome,
    Rules,
)
from tests.search.builders.one_model import build_one
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample, World
from tests.search.builders.verdict_grid import Place, samples, won_alone

WINS = (Outcome.A_WINS, Outcome.B_WINS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated: data sets a cell, resamples a data set, base seed."""

    sets: int
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedCell:
    """What was declared on two given models, and which intervals held the truth; one a data set.

    `photos` is the win declared if every photo is taken for a person of its own.
    """

    wins: tuple[int, ...]
    photos: tuple[bool, ...]
    covered: tuple[bool, ...]
    score_covered: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The people that are said to decide, and whether the better approach won at as many."""

    people: int | None
    found: tuple[bool, ...]


def above_five_percent(hits: Iterable[bool]) -> bool:
    """Whether the exact 95 % binomial interval of a rate lies wholly above 5 %."""
    found = np.asarray(list(hits), dtype=bool)
    test = stats.binomtest(int(found.sum()), len(found))
    return bool(test.proportion_ci(0.95, "exact").low > 0.05)


def any_winner(verdict: Verdict) -> bool:
    """Whether a win is declared in any pair."""
    return any(pair.outcome in WINS for pair in verdict.pairs)


def fixed_cell(place: Place, effort: Effort, *, gain: float, shared: float) -> FixedCell:
    """Returns what is declared on two models, one prediction each, judged as they are.

    Args:
        place: where they predict.
        effort: how much.
        gain: by which the first is truly better.
        shared: as in `World`.
    """
    world = replace(place.world((gain, 0.0), num_seeds=1, seed_sd=0.0), shared=shared)
    wins, photos, covered, score_covered = [], [], [], []
    for sample in samples(world, effort.sets, effort.seed):
        people = sample.people
        figures = _judged(sample, people, effort, fixed_models=True).pairs[0].headline
        single = replace(people, person=np.arange(len(people)), fold=None)
        photos.append(any_winner(_judged(sample, single, effort, fixed_models=True)))
        wins.append(won_alone(figures))
        covered.append(figures.difference.low <= gain <= figures.difference.high)
        interval = person_bootstrap_interval(
            people, sample.predicted[1, 0], num_resamples=effort.resamples
        )
        score_covered.append(interval.low <= place.score() <= interval.high)
    return FixedCell(
        wins=tuple(wins),
        photos=tuple(photos),
        covered=tuple(covered),
        score_covered=tuple(score_covered),
    )


def seeds_cell(world: World, effort: Effort) -> list[tuple[bool, ...]]:
    """Returns whether a winner is declared: luck by folds, by whole seeds, seeds left out.

    Where the world has no folds, people are dealt to five, as if each had a luck of its own.
    """
    found = []
    for sample in samples(world, effort.sets, effort.seed):
        fold = sample.g % 5 if sample.fold is None else sample.fold
        by_folds = replace(sample.people, fold=fold)
        by_seeds = replace(by_folds, fold=None)
        found.append(
            (
                any_winner(_judged(sample, by_folds, effort)),
                any_winner(_judged(sample, by_seeds, effort)),
                any_winner(_judged(sample, by_seeds, effort, fixed_models=True)),
            )
        )
    return found


def searches_cell(world: World, num_first: int, effort: Effort) -> list[tuple[bool, ...]]:
    """Returns whether a winner is declared between the best of some equal configs and of others.

    Chosen for the people of a fold by the others, with the luck of the choice (ours) and without
    it; then chosen on the very people the verdict is on.

    Args:
        world: one approach in it is one config; it has folds.
        num_first: configs of the first search; the others are the second's.
        effort: how much.
    """
    found = []
    groups = (range(num_first), range(num_first, len(world.error_factors)))
    for sample in samples(world, effort.sets, effort.seed):
        cross_fit = CrossFit.of_people(sample.fold, sample.g)
        ours = [_chosen(sample, group, cross_fit, effort) for group in groups]
        plain = [replace(approach, choice_variance=0.0) for approach in ours]
        seen = [Approach(name=str(i), predicted=_best_seen(sample, i)) for i in groups]
        rules = Rules(num_resamples=effort.resamples)
        verdicts = (judge(pair, sample.people, rules=rules) for pair in (ours, plain, seen))
        found.append(tuple(any_winner(verdict) for verdict in verdicts))
    return found


def planning_cell(
    place: Place, gain: float, effort: Effort, *, num_seeds: int, seed_sd: float
) -> Plan:
    """Returns the people that `would_decide` names for a gain, and what happens at that many.

    The plan is the median of those from up to 60 data sets of `place`, each with the luck it
    estimates and the gain in place of the difference it found: would_decide promises power for a
    true difference as large as the one it is given.
    """

    def world(num_people: int) -> World:
        there = replace(place, num_people=num_people)
        return there.world((gain, 0.0), num_seeds=num_seeds, seed_sd=seed_sd)

    named = [
        _named(sample, place, gain, effort)
        for sample in samples(world(place.num_people), min(effort.sets, 60), effort.seed)
    ]
    people = float(np.median(named))
    if not np.isfinite(people):
        return Plan(people=None, found=())
    found = [
        won_alone(_judged(sample, sample.people, effort).pairs[0].headline) == 1
        for sample in samples(world(round(people)), effort.sets, effort.seed)
    ]
    return Plan(people=round(people), found=tuple(found))


def _named(sample: Sample, place: Place, gain: float, effort: Effort) -> float:
    estimate = _judged(sample, sample.people, effort).pairs[0].headline.estimate
    if estimate is None:
        raise ValueError("a pair that was just judged must have its estimate")
    named = would_decide(
        replace(estimate, difference=gain),
        num_people=place.num_people,
        num_seeds=sample.predicted.shape[1],
        margin=MARGIN,
        num_pairs=1,
    )
    return np.inf if named.people is None else named.people


def _judged(
    sample: Sample, people: People, effort: Effort, *, fixed_models: bool = False
) -> Verdict:
    parts = [Approach(name=str(i), predicted=rows) for i, rows in enumerate(sample.predicted)]
    rules = Rules(num_resamples=effort.resamples, fixed_models=fixed_models)
    return judge(parts, people, rules=rules)


def _chosen(sample: Sample, group: Sequence[int], cross_fit: CrossFit, effort: Effort) -> Approach:
    """Returns the approach of configs chosen for the people of a fold by the others."""
    configs = {str(i): np.eye(NUM_CLASSES)[sample.predicted[i]] for i in group}
    built = build_one(str(group), configs, sample.people, cross_fit)
    rng = np.random.default_rng(0)
    luck = choice_variance(built.targets, cross_fit, num_resamples=effort.resamples, rng=rng)
    return Approach.from_probs(built.name, built.probs, choice_variance=luck)


def _best_seen(sample: Sample, group: Sequence[int]) -> NDArray[np.int64]:
    """Returns the predictions of the config that is best on the people it is judged on."""
    scores = {
        i: np.mean([macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[i]])
        for i in group
    }
    return sample.predicted[max(scores, key=lambda i: scores[i])]
