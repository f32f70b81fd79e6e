"""Sums and spreads in which equal data stay equal to the last bit, on every processor.

Notation:
    B resamples, P people, M columns of figures.

A matrix product may round a column by its place, so that two equal columns come out one ulp
apart; whether it does depends on the processor. An ulp is nothing until somebody asks whether a
difference is 0 or which of two equal scores is the larger: then predictions that agree everywhere
differ by 1e-17, and the data seem to show it. So equal columns take the sum of the first, equal
terms cancel before they are weighted, and sums over seeds do not depend on their order. Where
nobody differs is decided by the counts of people, which are whole numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from search.analysis.metrics import Floats, Ints

ROUNDING = 1e-12
"""Scores nearer to each other than this differ by the rounding of sums, not by the data."""


def first_equals(rows: Iterable[Floats]) -> Ints:
    """Returns for every row the position of the first one that is equal to it, int [K].

    Args:
        rows: K arrays of one shape, without NaN or -0.
    """
    first: dict[bytes, int] = {}
    found = [first.setdefault(row.tobytes(), place) for place, row in enumerate(rows)]
    return np.array(found, dtype=np.int64)


def weighted_sums(weights: Iterable[Floats], columns: Floats) -> Iterator[Floats]:
    """Yields `weights @ columns`, float [b, M], with equal columns equal bit for bit.

    Args:
        weights: float [b, P] each.
        columns: float [P, M].
    """
    first = first_equals(columns.T)
    again = np.flatnonzero(first != np.arange(len(first)))
    for rows in weights:
        sums = _product(rows, columns)
        sums[:, again] = sums[:, first[again]]
        yield sums


def _product(weights: Floats, columns: Floats) -> Floats:
    """The one product over people: what it rounds differently by place is mended above."""
    product: Floats = weights @ columns
    return product


def net_weights(weights: Sequence[Fraction], rows: Iterable[Floats]) -> Floats:
    """Returns weights in which equal rows are gathered on their first, float [K]; the others 0.

    What is added and taken away is exactly 0 then, in whatever order and in thirds too.

    Args:
        weights: K of them.
        rows: K arrays of one shape, what is weighted.
    """
    net = [Fraction(0)] * len(weights)
    for place, weight in zip(first_equals(rows).tolist(), weights, strict=True):
        net[place] += weight
    return np.array([float(weight) for weight in net])


def variance(scores: Floats, axis: int = -1, ddof: int = 1) -> Floats:
    """Returns the variance of scores, exactly 0 for equal ones, whose mean may round."""
    spread: Floats = scores.var(axis=axis, ddof=ddof)
    return np.where(np.ptp(scores, axis=axis) <= ROUNDING, 0.0, spread)


def variance_of_mean(scores: Floats) -> float:
    """Returns the variance of the mean of independent scores, float [n]; 0 for a single one."""
    return float(variance(scores) / len(scores)) if len(scores) > 1 else 0.0


def mean_in_any_order(values: Floats, axis: int = -1) -> Floats:
    """Returns the mean, the same to the last bit for the same values in another order."""
    mean: Floats = np.sort(values, axis=axis).mean(axis=axis)
    return mean
