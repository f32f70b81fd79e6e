"""Resampling of people, never of photos: the seven photos of a person share that person's errors.

Notation:
    N samples, C classes, P people, H strata, B resamples, K sets of predictions.
    y: int [N] true class; predicted: int [N] or [K, N]; g: int [N] person of a sample.
    counts: float [P, M]: M additive figures of a person (here true positives, predicted and
    actual samples of each class).
    weights: float [B, P]: how much of a person is in a resample; a row sums to P.

A stratum is the set of people with the same label vector (the sorted classes of their samples), so
every resample has the class counts of the data. Of the n people of a stratum n - 1 are drawn with
replacement and weigh n / (n - 1): drawing n would understate the variance by (n - 1) / n, a tenth
in a stratum of ten (Rao and Wu 1988, Resampling inference with complex survey data, section 2).
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.metrics import (
    Floats,
    Ints,
    as_classes,
    macro_f1_gradient,
    macro_f1_of_counts,
    person_counts,
    person_index,
)
from search.analysis.uncertainty.interval import Interval, interval_of_draws

_CHUNK_CELLS = 2_000_000  # weights held at a time: 16 MB


def person_strata(y: ArrayLike, person: Ints, num_people: int) -> Ints:
    """Returns the stratum of every person: people with equal sorted labels are together.

    People whose label vector nobody shares form one stratum; if that is a single person, it joins
    the smallest other stratum.

    Args:
        y: int [N] true classes.
        person: int [N] in [0, P), each at least once.
        num_people: P.

    Returns:
        int [P] in [0, H); every stratum has two people or more unless P is 1.
    """
    labels = np.asarray(y, dtype=np.int64)
    order = np.lexsort((labels, person))
    bounds = np.searchsorted(person[order], np.arange(num_people + 1))
    labels = labels[order]
    vectors = [labels[low:high].tobytes() for low, high in pairwise(bounds.tolist())]
    index: dict[bytes, int] = {}
    stratum = np.array([index.setdefault(vector, len(index)) for vector in vectors])
    sizes = np.bincount(stratum)
    alone = sizes[stratum] < 2
    if alone.sum() == 1 and num_people > 1:
        shared = np.where(sizes < 2, num_people + 1, sizes)
        stratum[alone] = int(np.argmin(shared))
    else:
        stratum[alone] = len(index)
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def resample_weights(
    strata: Ints, num_resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yields person weights [b, P] in chunks whose rows add up to `num_resamples`.

    Args:
        strata: int [P] from `person_strata`; at least two people in each.
        num_resamples: B >= 1.
        rng: source of the draws.

    Raises:
        AnalysisError: a stratum has a single person, or B < 1.
    """
    sizes = np.bincount(strata)
    if num_resamples < 1 or sizes.min() < 2:
        raise AnalysisError(
            f"resampling needs `num_resamples >= 1` and two people in every stratum, got "
            f"num_resamples={num_resamples}, smallest stratum {sizes.min()}; merge strata"
        )
    num_people = len(strata)
    order = np.argsort(strata, kind="stable")  # people stratum by stratum
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    slots = np.repeat(np.arange(len(sizes)), sizes - 1)  # the stratum each draw is made from
    first, width = starts[slots], sizes[slots]
    scale = (sizes / (sizes - 1))[strata]
    step = max(1, _CHUNK_CELLS // num_people)
    for done in range(0, num_resamples, step):
        rows = min(step, num_resamples - done)
        drawn = order[first + (rng.random((rows, len(slots))) * width).astype(np.int64)]
        drawn += np.arange(rows)[:, None] * num_people
        tally = np.bincount(drawn.ravel(), minlength=rows * num_people)
        yield tally.reshape(rows, num_people) * scale


def resample_macro_f1(
    counts: Floats, strata: Ints, num_resamples: int, rng: np.random.Generator
) -> Floats:
    """Returns the macro-F1 of every set of predictions in every resample, the same people for all.

    Args:
        counts: float [K, P, 3, C] from `person_counts`.
        strata: int [P] from `person_strata`.
        num_resamples: B.
        rng: source of the draws.

    Returns:
        float [B, K].
    """
    num_sets, num_people, _, num_classes = counts.shape
    columns = np.ascontiguousarray(counts.transpose(1, 0, 2, 3)).reshape(num_people, -1)
    scores = [
        macro_f1_of_counts((weights @ columns).reshape(-1, num_sets, 3, num_classes))
        for weights in resample_weights(strata, num_resamples, rng)
    ]
    return np.concatenate(scores)


def influence(counts: Floats) -> Floats:
    """Returns what every person adds to the macro-F1 to first order, float [..., P].

    Args:
        counts: float [..., P, 3, C] from `person_counts`.
    """
    gradient = macro_f1_gradient(counts.sum(axis=-3))
    effect: Floats = np.einsum("...pkc,...kc->...p", counts, gradient)
    return effect


def people_degrees(effect: Floats, strata: Ints) -> float:
    """Returns the degrees of freedom of the variance over people (Satterthwaite 1946).

    Where nine old men carry a third of the variance, the data hold far fewer independent pieces of
    evidence on it than they hold people.

    Args:
        effect: float [P] influence of every person on the figure.
        strata: int [P] from `person_strata`.

    Returns:
        Between 1 and P - H; P - H when nobody differs.
    """
    sizes = np.bincount(strata)
    means = np.bincount(strata, effect) / sizes
    squares = np.bincount(strata, (effect - means[strata]) ** 2)
    variance = squares * sizes / (sizes - 1)
    if variance.sum() <= 0:
        return float(len(strata) - len(sizes))
    return max(1.0, float(variance.sum() ** 2 / (variance**2 / (sizes - 1)).sum()))


def person_bootstrap_interval(
    y: ArrayLike,
    predicted: ArrayLike,
    g: ArrayLike,
    num_classes: int,
    num_resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Returns the macro-F1 of one set of predictions with its interval over people.

    Args:
        y: int [N] true classes, N >= 1.
        predicted: int [N] predicted classes.
        g: int or str [N] person of every sample.
        num_classes: C.
        num_resamples: B; 2,000 hold the ends of the interval still to about 0.001.
        seed: of the draws.

    Returns:
        The macro-F1 and its 95 % interval; of a single person, who tells nothing about others,
        the interval is [0, 1].

    Raises:
        AnalysisError: empty or unequally long arrays, or a class outside [0, C).
    """
    true = as_classes(y, num_classes, "true classes")
    person, num_people = person_index(g)
    if not true.size or person.shape != true.shape:
        raise AnalysisError(
            f"labels and people must be vectors of one length >= 1, got shapes {true.shape} and "
            f"{person.shape}"
        )
    counts = person_counts(true, predicted, person, num_people, num_classes)
    value = float(macro_f1_of_counts(counts.sum(axis=0)))
    if num_people < 2:
        return Interval(value=value, low=0.0, high=1.0)
    strata = person_strata(true, person, num_people)
    rng = np.random.default_rng(seed)
    scores = resample_macro_f1(counts[None], strata, num_resamples, rng)[:, 0]
    return interval_of_draws(value, scores, people_degrees(influence(counts), strata))
