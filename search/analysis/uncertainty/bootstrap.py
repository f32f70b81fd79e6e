"""The macro-F1 of resampled people: its draws, what each person adds, and its interval.

Notation:
    C classes, P people, H strata, B resamples, K sets of predictions.
    counts: float [..., P, 3, C] as in people.py.
"""

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.metrics import Floats, Ints, macro_f1_gradient, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.interval import Interval, interval_of_draws
from search.analysis.uncertainty.training_luck import apart_from_stratum


def resample_macro_f1(
    people: People, counts: Floats, num_resamples: int, rng: np.random.Generator
) -> Floats:
    """Returns the macro-F1, float [B, K], of counts [K, P, 3, C], the same people for all sets."""
    shape = (-1, len(counts), 3, people.num_classes)
    return people.resample(
        side_by_side(counts),
        lambda sums: macro_f1_of_counts(sums.reshape(shape)),
        num_resamples,
        rng,
    )


def side_by_side(counts: Floats) -> Floats:
    """Returns the counts [..., P, 3, C] of all sets as columns to resample, float [P, M]."""
    return np.ascontiguousarray(np.moveaxis(counts, -3, 0)).reshape(counts.shape[-3], -1)


def influence(counts: Floats) -> Floats:
    """Returns what every person adds to the macro-F1 to first order, float [..., P]."""
    return effects_of(counts, macro_f1_gradient(counts.sum(axis=-3)))


def effects_of(counts: Floats, gradient: Floats) -> Floats:
    """Returns what every person adds to a figure of class counts with a gradient [..., 3, C]."""
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
    apart = apart_from_stratum(effect, strata)
    variance = np.bincount(strata, apart**2) * sizes / (sizes - 1)
    if variance.sum() <= 0:
        return float(len(strata) - len(sizes))
    return max(1.0, float(variance.sum() ** 2 / (variance**2 / (sizes - 1)).sum()))


def person_bootstrap_interval(
    people: People, predicted: ArrayLike, *, num_resamples: int = 2_000, seed: int = 0
) -> Interval:
    """Returns the macro-F1 of one set of predictions with its interval over people.

    Args:
        people: labels and people.
        predicted: int [N] predicted classes.
        num_resamples: B; 2,000 hold the ends of the interval still to about 0.001.
        seed: of the draws.

    Returns:
        The macro-F1 and its 95 % interval; of a single person, who tells nothing about others,
        the interval is [0, 1].

    Raises:
        AnalysisError: not one prediction per sample, or a class outside [0, C).
    """
    counts = people.counts(predicted)
    value = float(macro_f1_of_counts(counts.sum(axis=0)))
    if people.num_people < 2:
        return Interval(value=value, low=0.0, high=1.0)
    rng = np.random.default_rng(seed)
    scores = resample_macro_f1(people, counts[None], num_resamples, rng)[:, 0]
    return interval_of_draws(value, scores, people_degrees(influence(counts), people.strata))
