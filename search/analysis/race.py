"""Racing of approaches: how likely each is to be the best one, from what it predicts so far.

Every approach predicts the same validation people. They are resampled as whole people, together
for all approaches, so that what all find hard cancels. Each score gets the luck of its search on
top: another search on the same people would have found configs that differ by `LUCK_SD`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import resample_macro_f1

LUCK_SD = 0.03
"""Of macro-F1: luck of the search 0.025 and of the people trained on 0.020 together (22 searches,
`benchmarks/search_luck`)."""


def chances_of_best(
    people: People, predicted: Mapping[str, ArrayLike], rng: np.random.Generator, num: int = 1000
) -> dict[str, float]:
    """Returns by approach the share of resamples in which it has the highest macro-F1.

    Args:
        people: that validate, with their joint labels.
        predicted: joint classes int [N] by approach.
        rng: of the draws.
        num: resamples.
    """
    counts = np.stack([people.counts(codes) for codes in predicted.values()])
    scores = resample_macro_f1(people, counts, num, rng)
    best = (scores + LUCK_SD * rng.standard_normal(scores.shape)).argmax(axis=1)
    shares = np.bincount(best, minlength=len(predicted)) / num
    return dict(zip(predicted, shares.tolist(), strict=True))
