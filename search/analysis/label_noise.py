"""Labels that are probably wrong, from out-of-fold probabilities.

A label y is right with probability 1 - e, and else any of the K - 1 others with the same one. What
a calibrated model that never saw the thing says of its class, p, then tells how probably the label
is wrong (Bayes' rule):

    P(wrong | y) = e / (K - 1) (1 - p_y) / [e / (K - 1) (1 - p_y) + (1 - e) p_y]

Photos of one person are pooled first where a label is the person's: their errors are one event,
not seven. On runs of 300 demo people and of 540 real faces this names a third of what confident
learning names (Northcutt, Jiang and Chuang 2021, section 3) and finds as many planted errors, for
that counts a model's usual errors, such as ages beside a cut, as errors of the labels.

Notation: N things with a label (photos or people), K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search.analysis.fitting.calibration import Method, fit_calibration
from search.analysis.metrics import Floats, Ints

SHARE_WRONG = 0.05
"""e: more than the about 1 % that is usual, so that what is doubtful is looked at."""

LEAST_SUSPECT = 0.2
"""Probability of being wrong from which a label is worth a look."""

_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspects:
    """How probably every label is wrong, and what the model would have given instead.

    Attributes:
        probability: float [N], that the label is wrong.
        suggested: int [N], the best class beside the given one.
    """

    probability: Floats
    suggested: Ints

    @property
    def is_suspect(self) -> NDArray[np.bool_]:
        """Whether a label is worth a look, bool [N]."""
        return np.asarray(self.probability >= LEAST_SUSPECT, dtype=np.bool_)

    @property
    def ranked(self) -> Ints:
        """All things, the most suspect first, int [N]."""
        return np.argsort(-self.probability, kind="stable")


def calibrated(probs: Floats, given: Ints) -> Floats:
    """Returns probabilities [N, K] fitted to the labels, in size and in the share of each class.

    A class that no label has is none that a label could be.

    Args:
        probs: out-of-fold probabilities [N, K].
        given: labels int [N] in [0, K).
    """
    found = fit_calibration(probs, given, Method.BIAS_CORRECTED).apply(probs)
    found[:, ~np.isin(np.arange(probs.shape[1]), given)] = 0.0
    return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float64)


def find_suspects(probs: Floats, given: Ints) -> Suspects:
    """Returns how probably every label is wrong.

    Args:
        probs: calibrated out-of-fold probabilities [N, K].
        given: labels int [N] in [0, K).
    """
    rows = np.arange(len(given))
    others = probs.copy()
    others[rows, given] = -1.0
    mine = probs[rows, given]
    wrong = _share_of_each_other(probs) * (1 - mine)
    return Suspects(
        probability=wrong / (wrong + (1 - SHARE_WRONG) * np.maximum(mine, _TINY)),
        suggested=others.argmax(axis=1),
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
    """Yields two photos of a person whose labels may be exchanged, and how probably they are.

    Both wrong together is one event: it is as probable beforehand as one wrong label.

    Args:
        probs: calibrated out-of-fold probabilities [N, K].
        given: labels int [N].
        person: int [N].
    """
    logs = np.log(np.maximum(probs, _TINY))
    beforehand = np.log(_share_of_each_other(probs) / (1 - SHARE_WRONG))
    # Only who is better explained otherwise can be half of a swap.
    doubtful = np.flatnonzero(logs.max(axis=1) > logs[np.arange(len(given)), given])
    order = doubtful[np.argsort(person[doubtful], kind="stable")]
    borders = np.flatnonzero(np.diff(person[order])) + 1
    for photos in np.split(order, borders):
        for one, other in combinations(photos.tolist(), 2):
            x, y = given[one], given[other]
            gains = logs[one, y] - logs[one, x], logs[other, x] - logs[other, y]
            if x != y and min(gains) > 0:
                yield float(1 / (1 + np.exp(-(beforehand + sum(gains))))), one, other


def _share_of_each_other(probs: Floats) -> float:
    return SHARE_WRONG / max(1, int(probs.shape[1]) - 1)
