"""One cell of the simulation of verdicts: many pairs from one world, and what was declared."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from search.analysis.approaches.approach import Approach
from search.analysis.approaches.choice_luck import choice_variance
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import Outcome, Rules, Verdict
from tests.search.builders.one_model import build_one
from tests.search.builders.simulated_people import (
    NUM_CLASSES,
    Sample,
    World,
    factor_of_gain,
    population_macro_f1,
    simulate,
)

WINS = (Outcome.A_WINS, Outcome.B_WINS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated: pairs a cell, resamples a pair, numbers of people, base seed."""

    pairs: int
    resamples: int
    people: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCell:
    """What was declared where `a` is truly better, and how wide and true the intervals were."""

    outcomes: tuple[Outcome, ...]
    half_widths: tuple[float, ...]
    covered: tuple[bool, ...]
    score_covered: tuple[bool, ...]


def judged(
    sample: Sample, effort: Effort, *, fixed_models: bool = False, photos: bool = False
) -> Verdict:
    """Returns the verdict on the approaches of a sample.

    Args:
        sample: one simulated data set.
        effort: for the resamples.
        fixed_models: judge the models as they are.
        photos: the mistake: take every photo for a person of its own.
    """
    parts = [Approach(name=str(i), predicted=rows) for i, rows in enumerate(sample.predicted)]
    people = sample.people
    if photos:
        people = replace(people, person=np.arange(len(people)))
    rules = Rules(num_resamples=effort.resamples, fixed_models=fixed_models)
    return judge(parts, people, rules=rules)


def any_winner(verdict: Verdict) -> bool:
    """Whether a win is declared in any pair."""
    return any(pair.outcome in WINS for pair in verdict.pairs)


def samples(world: World, effort: Effort) -> Iterator[Sample]:
    """Yields the data sets of a cell; every world has random numbers of its own."""
    rng = np.random.default_rng([effort.seed, zlib.crc32(repr(world).encode())])
    return (simulate(world, rng) for _ in range(effort.pairs))


def fixed_cell(world: World, effort: Effort) -> list[tuple[bool, bool]]:
    """Returns for every pair whether a winner is declared: ours, and photos as independent."""
    return [
        (
            any_winner(judged(sample, effort, fixed_models=True)),
            any_winner(judged(sample, effort, fixed_models=True, photos=True)),
        )
        for sample in samples(world, effort)
    ]


def seeds_cell(world: World, effort: Effort) -> list[tuple[bool, ...]]:
    """Returns whether a winner is declared: ours, S - 1 degrees, seeds drawn, seeds left out."""
    found = []
    for sample in samples(world, effort):
        pair = judged(sample, effort).pairs[0]
        estimate = pair.headline.estimate
        size, people = abs(estimate.difference), estimate.people_variance
        variances = np.array(estimate.seed_variances)
        spread = people**2 / estimate.people_degrees
        spread += float((variances**2).sum()) / (world.num_seeds - 1)
        plain = stats.t.ppf(0.975, estimate.variance**2 / spread) * estimate.variance**0.5
        normal = stats.norm.ppf(0.975)
        drawn = people + float(variances.sum()) * (world.num_seeds - 1) / world.num_seeds
        found.append(
            (
                pair.outcome in WINS,
                bool(size > plain),
                bool(size > normal * drawn**0.5),
                bool(size > normal * people**0.5),
            )
        )
    return found


def searches_cell(world: World, num_first: int, effort: Effort) -> list[tuple[bool, ...]]:
    """Returns whether a winner is declared between the best of some equal configs and of others.

    Chosen for the people of a fold by the others, with the luck of the choice (ours) and without
    it; then chosen on the very people the verdict is on.

    Args:
        world: one approach in it is one config.
        num_first: configs of the first search; the others are the second's.
        effort: how many pairs.
    """
    rules, found = Rules(num_resamples=effort.resamples), []
    groups = (range(num_first), range(num_first, len(world.error_factors)))
    for sample in samples(world, effort):
        cross_fit = CrossFit.of_people(sample.g % 5, sample.g)
        ours = [_chosen(sample, group, cross_fit, effort) for group in groups]
        plain = [replace(approach, choice_variance=0.0) for approach in ours]
        seen = [Approach(name=str(i), predicted=_best_seen(sample, i)) for i in groups]
        verdicts = (judge(pair, sample.people, rules=rules) for pair in (ours, plain, seen))
        found.append(tuple(any_winner(verdict) for verdict in verdicts))
    return found


def power_cell(people: int, gain: float, effort: Effort, *, num_seeds: int) -> PowerCell:
    """Returns what is declared where `a` is better by `gain`; one seed means fixed models."""
    world = World(
        num_people=people,
        shared=0.8,
        num_seeds=num_seeds,
        seed_sd=0.0 if num_seeds == 1 else 0.005,
        error_factors=(factor_of_gain(gain), 1.0),
    )
    outcomes, half_widths, covered, score_covered = [], [], [], []
    for sample in samples(world, effort):
        pair = judged(sample, effort, fixed_models=num_seeds == 1).pairs[0]
        interval = pair.headline.estimate.interval
        outcomes.append(pair.outcome)
        half_widths.append((interval.high - interval.low) / 2)
        covered.append(interval.low <= gain <= interval.high)
        score = person_bootstrap_interval(
            sample.people, sample.predicted[1, 0], num_resamples=effort.resamples
        )
        score_covered.append(score.low <= population_macro_f1() <= score.high)
    return PowerCell(
        outcomes=tuple(outcomes),
        half_widths=tuple(half_widths),
        covered=tuple(covered),
        score_covered=tuple(score_covered),
    )


def _chosen(sample: Sample, group: range, cross_fit: CrossFit, effort: Effort) -> Approach:
    """Returns the approach of configs chosen for the people of a fold by the others."""
    configs = {str(i): np.eye(NUM_CLASSES)[sample.predicted[i]] for i in group}
    built = build_one(str(group), configs, sample.people, cross_fit)
    rng = np.random.default_rng(0)
    luck = choice_variance(built.targets, cross_fit, num_resamples=effort.resamples, rng=rng)
    return Approach.from_probs(built.name, built.probs, choice_variance=luck)


def _best_seen(sample: Sample, group: range) -> np.ndarray:
    """Returns the predictions of the config that is best on the people it is judged on."""
    scores = {
        i: np.mean([macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[i]])
        for i in group
    }
    return sample.predicted[max(scores, key=lambda i: scores[i])]
