"""Whose luck a score is: of the search, of the people trained on, of the training, of the test.

Notation:
    L independent trainings by S seeds each, P people who test, G groups of scores.

A score is a weighted mean of the scores of L x S models. Over repeats it varies with what differs
between them (the luck that is asked for), with the luck of the S seeds, and because finitely many
people test: what a model does on those very people and on no others. The first is what is left of
the mean square between scores:

    luck = mean square - W - (B - I)

W, the variance over people of the differences between scores, holds all luck of those who test,
that of the seeds included; B, the variance between seeds, holds their true luck and I, their part
of W. So I is put back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from search.analysis.metrics import Floats, Ints

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A score as some people have measured it.

    Attributes:
        value: the score.
        influence: of every person who tests on it, float [P], to first order.
        trainings: variance that the luck of every training adds to it, float [L].
        interaction: part of their sum that is luck on these people alone.
        seeds: S.
    """

    value: float
    influence: Floats
    trainings: Floats
    interaction: float
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A mean square of an estimate, times a coefficient; known exactly with infinite degrees."""

    coefficient: float
    value: float
    degrees: float = np.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A variance with its interval; below zero where it is smaller than its own error."""

    value: float
    low: float
    high: float

    @property
    def sd(self) -> tuple[float, float, float]:
        """Standard deviation with its interval; 0 of what is below zero."""
        value, low, high = (max(0.0, each) ** 0.5 for each in (self.value, self.low, self.high))
        return value, low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """What the variance of scores within groups is made of."""

    total: Term
    tested: float
    training: Term
    interaction: float

    @property
    def terms(self) -> tuple[Term, ...]:
        """Those of the luck that is neither of seeds nor of people who test."""
        return (*self.with_training, *scaled(self.of_training, -1.0))

    @property
    def with_training(self) -> tuple[Term, ...]:
        """Those of the luck that is not of people who test."""
        return self.total, Term(coefficient=-1.0, value=self.tested)

    @property
    def of_training(self) -> tuple[Term, ...]:
        """Those of the luck of seeds."""
        return self.training, Term(coefficient=-1.0, value=self.interaction)


def people_variance(influence: Floats, strata: Ints) -> float:
    """Returns the variance of a sum over people, drawn anew within their strata.

    Args:
        influence: of every person, float [P].
        strata: of every person, int [P]; two people or more in each.
    """
    size = np.bincount(strata)
    centred = influence - (np.bincount(strata, influence) / size)[strata]
    return float((size / (size - 1) * np.bincount(strata, centred**2)).sum())


def measured(scores: Floats, influence: Floats, weights: Floats, strata: Ints) -> Measured:
    """Returns the weighted mean of the scores of models.

    Args:
        scores: of the models, float [L, S], S >= 2.
        influence: of every person on them, float [L, S, P].
        weights: of the trainings, float [L].
        strata: of every person, int [P].
    """
    seeds = scores.shape[1]
    mean = influence.mean(axis=1, keepdims=True)
    own = [sum(people_variance(x, strata) for x in each) for each in influence - mean]
    return Measured(
        value=float(weights @ scores.mean(axis=1)),
        influence=np.tensordot(weights, influence.mean(axis=1), axes=1),
        trainings=weights**2 * scores.var(axis=1, ddof=1) / seeds,
        interaction=float(weights**2 @ np.array(own)) / (seeds * (seeds - 1)),
        seeds=seeds,
    )


def mean_of(scores: Sequence[Measured]) -> Measured:
    """Returns the mean of scores of models that have nothing in common."""
    num = len(scores)
    return replace(
        scores[0],
        value=float(np.mean([each.value for each in scores])),
        influence=np.mean([each.influence for each in scores], axis=0),
        trainings=np.concatenate([each.trainings for each in scores]) / num**2,
        interaction=sum(each.interaction for each in scores) / num**2,
    )


def luck(groups: Iterable[Sequence[Measured]], strata: Sequence[Ints]) -> Luck:
    """Returns what the variance within groups of scores is made of, pooled over the groups.

    Args:
        groups: of scores that are measured by the same people; those of one score say nothing.
        strata: of the people of every group, int [P].
    """
    whole = [(g, s) for g, s in zip(groups, strata, strict=True) if len(g) > 1]
    degrees = sum(len(group) - 1 for group, _ in whole)
    squares = tested = interaction = 0.0
    trainings = []
    for group, own in whole:
        squares += (len(group) - 1) * np.var([each.value for each in group], ddof=1)
        mean = np.mean([each.influence for each in group], axis=0)
        tested += sum(people_variance(each.influence - mean, own) for each in group)
        share = (len(group) - 1) / len(group) / degrees
        interaction += share * sum(each.interaction for each in group)
        trainings += [share * each.trainings for each in group]
    parts = np.concatenate(trainings)
    return Luck(
        total=Term(coefficient=1.0, value=float(squares) / degrees, degrees=degrees),
        tested=tested / degrees,
        training=Term(
            coefficient=1.0,
            value=float(parts.sum()),
            degrees=_degrees(parts, whole[0][0][0].seeds - 1),
        ),
        interaction=interaction,
    )


def _degrees(parts: Floats, each: int) -> float:
    """Returns Satterthwaite's degrees of a sum of variances [L] with `each` degrees.

    The square of an estimate is (each + 2) / each times the square that is meant, on average.
    """
    found = (each + 2) * float(parts.sum() ** 2 / (parts**2).sum())
    return min(found, each * len(parts))


def scaled(terms: Iterable[Term], factor: float) -> tuple[Term, ...]:
    """Returns the terms times a factor."""
    return tuple(replace(term, coefficient=factor * term.coefficient) for term in terms)


def component(terms: Iterable[Term]) -> Component:
    """Returns the sum of terms with its interval at `LEVEL`.

    Modified large samples (Ting, Burdick, Graybill, Jeyaratnam, Lu 1990, J. Stat. Comput. Simul.
    35, 135), without the terms for pairs: every mean square goes to its own chi-square limit, and
    the distances are added in squares.
    """
    value = below = above = 0.0
    for term in terms:
        part = term.coefficient * term.value
        value += part
        down, up = _limits(term.degrees)
        if part < 0:
            down, up = up, down
        below += (down * part) ** 2
        above += (up * part) ** 2
    return Component(value=value, low=value - below**0.5, high=value + above**0.5)


def _limits(degrees: float) -> tuple[float, float]:
    """Returns how far below and above a mean square its expectation may lie, as shares of it."""
    if np.isinf(degrees):
        return 0.0, 0.0
    tail = (1 - LEVEL) / 2
    high, low = stats.chi2.ppf([1 - tail, tail], degrees)
    return 1 - degrees / high, degrees / low - 1


def false_wins(error: float, luck_sd: float, term_sd: float = 0.0) -> float:
    """Returns how often equal approaches are called different at 5 %, by the normal distribution.

    Args:
        error: standard error of their difference without that luck.
        luck_sd: of the expected score of each.
        term_sd: what a rule takes it for; 0 is no term.
    """
    known, true = (np.hypot(error, 2**0.5 * sd) for sd in (term_sd, luck_sd))
    return float(2 * stats.norm.sf(stats.norm.ppf(0.975) * known / true))
