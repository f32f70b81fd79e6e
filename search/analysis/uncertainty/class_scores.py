"""F1 of every class with its interval over people.

Notation:
    N samples, C classes, P people, B resamples. counts: float [P, 3, C] as in people.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.metrics import f1_of_counts, macro_f1_gradient
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import people_degrees, side_by_side
from search.analysis.uncertainty.interval import Interval, interval_of_draws


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """F1 of one class, and how much data it rests on."""

    f1: Interval
    photos: int
    people: int


def class_scores(
    people: People, predicted: ArrayLike, *, num_resamples: int = 2_000, seed: int = 0
) -> tuple[ClassScore, ...]:
    """Returns the F1 of every class with its 95 % interval over people.

    A class whose people are all predicted rightly, or all wrongly, shows no spread to resample:
    its interval is a point, and says little where the people are few.

    Args:
        people: labels and people.
        predicted: int [N] predicted classes.
        num_resamples: B.
        seed: of the draws.

    Returns:
        One per class, in order; the interval is [0, 1] where there is a single person.

    Raises:
        AnalysisError: not one prediction per sample, or a class outside [0, C).
    """
    num_classes = people.num_classes
    counts = people.counts(predicted)
    total = counts.sum(axis=0)
    values = f1_of_counts(total)
    if people.num_people < 2:
        intervals = [Interval(value=float(value), low=0.0, high=1.0) for value in values]
    else:
        draws = people.resample(
            side_by_side(counts),
            lambda sums: f1_of_counts(sums.reshape(-1, 3, num_classes)),
            num_resamples,
            np.random.default_rng(seed),
        )
        # macro-F1 is the mean over classes, so C times its gradient holds the classes' own.
        effect = (counts * macro_f1_gradient(total) * num_classes).sum(axis=1)
        intervals = [
            interval_of_draws(
                float(value), draws[:, c], people_degrees(effect[:, c], people.strata)
            )
            for c, value in enumerate(values)
        ]
    has_class = counts[:, 2] > 0
    return tuple(
        ClassScore(f1=f1, photos=int(total[2, c]), people=int(has_class[:, c].sum()))
        for c, f1 in enumerate(intervals)
    )
