"""Labels that are probably wrong, from out-of-fold probabilities: confident learning.

A model that never saw a thing is surer of another class than it usually is of that class where it
is the label: the label is suspect (Northcutt, Jiang and Chuang 2021, "Confident Learning", section
3). Photos of one person are pooled first where a label is the person's: their errors are one
event, not seven.

Notation: N things with a label (photos or people), K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search.analysis.metrics import Floats, Ints

_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspects:
    """Every label's doubt and what the model would have given instead.

    Attributes:
        doubt: float [N], log odds of the suggested class against the given one, each measured by
            how sure the model is of a class where it is the label; the larger, the more suspect.
        suggested: int [N], the best class beside the given one.
        is_suspect: bool [N], whether the model is as sure of the suggested class as of that
            class's own things on average, and less sure of the given one.
    """

    doubt: Floats
    suggested: Ints
    is_suspect: NDArray[np.bool_]

    @property
    def ranked(self) -> Ints:
        """All things, the most suspect first, int [N]."""
        return np.asarray(np.lexsort((-self.doubt, ~self.is_suspect)), dtype=np.int64)


def find_suspects(probs: Floats, given: Ints) -> Suspects:
    """Returns the doubt about every label.

    Args:
        probs: out-of-fold probabilities [N, K].
        given: labels int [N] in [0, K).
    """
    num, num_classes = probs.shape
    usual = np.ones(num_classes)
    for code in range(num_classes):
        own = given == code
        if own.any():
            usual[code] = max(float(probs[own, code].mean()), _TINY)
    rows = np.arange(num)
    relative = np.log(np.maximum(probs, _TINY)) - np.log(usual)
    mine = relative[rows, given]
    others = relative.copy()
    others[rows, given] = -np.inf
    suggested = others.argmax(axis=1)
    doubt = others[rows, suggested] - mine
    # Of a class without things nobody knows how sure the model should be.
    is_known = np.isin(suggested, given)
    is_sure = probs[rows, suggested] >= usual[suggested] - _TINY
    is_less_sure = probs[rows, given] < probs[rows, suggested]
    return Suspects(
        doubt=doubt,
        suggested=np.asarray(suggested, dtype=np.int64),
        is_suspect=np.asarray(is_known & is_sure & is_less_sure, dtype=np.bool_),
    )


def pooled(probs: Floats, person: Ints, num_people: int) -> Floats:
    """Returns the probabilities of people, [G, K]: the normalised geometric mean of their photos.

    Args:
        probs: of photos, [N, K].
        person: whose they are, int [N] in [0, G).
        num_people: G; everyone has a photo.
    """
    logs = np.log(np.maximum(probs, _TINY))
    total = np.zeros((num_people, probs.shape[1]))
    np.add.at(total, person, logs)
    mean = total / np.bincount(person, minlength=num_people)[:, None]
    odds = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


def find_swaps(probs: Floats, given: Ints, person: Ints) -> Iterator[tuple[float, int, int]]:
    """Yields two photos of a person whose labels are probably exchanged, with the doubt of both.

    The doubt is the log odds of both labels exchanged against both as they are.

    Args:
        probs: out-of-fold probabilities [N, K].
        given: labels int [N].
        person: int [N].
    """
    logs = np.log(np.maximum(probs, _TINY))
    # Only who is better explained otherwise can be half of a swap.
    doubtful = np.flatnonzero(logs.max(axis=1) > logs[np.arange(len(given)), given])
    order = doubtful[np.argsort(person[doubtful], kind="stable")]
    borders = np.flatnonzero(np.diff(person[order])) + 1
    for photos in np.split(order, borders):
        for one, other in combinations(photos.tolist(), 2):
            x, y = given[one], given[other]
            doubt = logs[one, y] + logs[other, x] - logs[one, x] - logs[other, y]
            if x != y and min(logs[one, y] - logs[one, x], logs[other, x] - logs[other, y]) > 0:
                yield float(doubt), one, other
