"""Pairs of made figures, and looks at them."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from scipy import stats

from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.training_luck import TrainingLuck
from search.analysis.verdict.rounds import Rounds

MANY = 1e9  # degrees of freedom: Student's t is the normal distribution
AB, AC, BC = combinations("abc", 2)
THIRD = 0.05 / 3
"""The level of the first of three pairs."""


def luck(excess: float, seeds: int, interaction: float = 0.0) -> TrainingLuck:
    """Returns the luck of one side, with as good as normal quantiles."""
    return TrainingLuck(
        variance=excess + interaction, interaction=interaction, num_seeds=seeds, folds=MANY
    )


def pair_with(
    p_value: float = 1.0,
    variance: float = 1e-4,
    excess: float = 0.0,
    seeds: int = 3,
    sign: int = 1,
) -> PairEstimate:
    """Returns a pair of this p; what is not excess of training is the variance of people."""
    half = luck(excess / 2, seeds)
    return PairEstimate(
        difference=sign * float(stats.norm.isf(p_value / 2)) * variance**0.5,
        people_variance=variance - excess,
        people_degrees=MANY,
        training=(half, half),
        num_differing=500,
    )


def luck_of_seeds(z: float, ratio: float, seeds: int) -> PairEstimate:
    """Returns a pair z standard errors apart.

    People have variance 1, one seed of both sides has `ratio`.
    """
    half = luck(ratio / 2 / seeds, seeds)
    return PairEstimate(
        difference=z * (1 + ratio / seeds) ** 0.5,
        people_variance=1.0,
        people_degrees=MANY,
        training=(half, half),
        num_differing=500,
    )


def rounds_of(
    names: str = "abc", num_people: int = 300, full: int = 6, margin: float = 0.005
) -> Rounds:
    """Returns rounds that have not looked yet."""
    return Rounds(names=tuple(names), num_people=num_people, margin=margin, full=full)


def looked(p_values: Sequence[float], *, ended: bool, **options: Any) -> Rounds:
    """Returns rounds after one look at pairs of these p."""
    found = rounds_of(**options)
    estimates = [pair_with(p) for p in p_values]
    found.look(dict(zip(found.pairs, estimates, strict=True)), ended=ended)
    return found
