"""Out-of-fold probabilities with the labels and people they belong to.

Notation:
    N samples of P people, C classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1_of_counts
from search.analysis.people import People

_SUM_TOLERANCE = 1e-3  # of the sum of float16 or float32 probabilities


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Out-of-fold probabilities of samples whose labels and people are known.

    Attributes:
        people: their C classes are those of the probabilities.
        probs: float [N, C], rows sum to 1.

    Raises:
        AnalysisError: no probabilities, or others than a row per sample and a column per class.
    """

    people: People
    probs: Floats

    def __post_init__(self) -> None:
        probs = as_probs(self.probs, "out-of-fold probabilities")
        if probs.shape != (len(self.people), self.people.num_classes):
            raise AnalysisError(
                f"labels, probabilities and people must be of the same samples and classes, got "
                f"{len(self.people)} labels in {self.people.num_classes} classes for "
                f"probabilities of shape {probs.shape}"
            )
        object.__setattr__(self, "probs", probs)

    @property
    def shares(self) -> Floats:
        """Share of every class among the labels: pi, float [C]."""
        people = self.people
        return np.bincount(people.label, minlength=people.num_classes) / len(people)


def as_probs(probs: ArrayLike, what: str) -> Floats:
    """Returns probabilities as float [N, C], rows summing to 1.

    Raises:
        AnalysisError: there are none, or they are not probabilities.
    """
    array = np.asarray(probs, dtype=float)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all() or array.min() < 0:
        raise AnalysisError(
            f"{what} must be finite, >= 0 and [N, C] with N >= 1, got shape {array.shape}"
        )
    totals = array.sum(axis=1, keepdims=True)
    if np.abs(totals - 1).max() > _SUM_TOLERANCE:
        raise AnalysisError(
            f"{what} must sum to 1 a sample, got sums from {totals.min():.4g} to "
            f"{totals.max():.4g}; give probabilities, not logits"
        )
    probabilities: Floats = array / totals
    return probabilities


def soft_macro_f1(probs: ArrayLike, predicted: ArrayLike) -> float:
    """Returns the macro-F1 that calibrated probabilities give predictions, labels unknown.

    Args:
        probs: float [n, C], n >= 1.
        predicted: int [n].

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    array = as_probs(probs, "probabilities")
    counts = soft_counts(array, predicted, np.zeros(len(array), dtype=np.int64), 1)
    return float(macro_f1_of_counts(counts[0]))


def soft_counts(probs: Floats, predicted: ArrayLike, person: Ints, num_people: int) -> Floats:
    """Returns the expected counts of every person, float [P, 3, C] as `People.counts` has them.

    Args:
        probs: float [N, C] of the true class.
        predicted: int [N].
        person: int [N] in [0, P).
        num_people: P.

    Raises:
        AnalysisError: a predicted class outside [0, C), or not one per sample.
    """
    num, num_classes = probs.shape
    chosen = as_classes(predicted, num_classes, "predicted classes")
    if chosen.shape != (num,):
        raise AnalysisError(
            f"one predicted class a sample is needed, got shape {chosen.shape} for {num} samples"
        )
    size = num_people * num_classes
    cells = person * num_classes + chosen
    right = probs[np.arange(num), chosen]
    actual = np.zeros((num_people, num_classes))
    np.add.at(actual, person, probs)
    counts = [
        np.bincount(cells, right, size).reshape(num_people, num_classes),
        np.bincount(cells, minlength=size).reshape(num_people, num_classes),
        actual,
    ]
    return np.stack(counts, axis=1)
