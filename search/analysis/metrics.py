"""Macro-F1 from counts, so that ten thousand resamples of the people cost one matrix product.

Notation:
    N samples, C joint classes, P people, K sets of predictions (approach x seed).
    y: int [N] true class; predicted: int [N] or [K, N] predicted class; g: int [N] person of a
    sample, any integers (`person_index` makes them 0..P-1).
    counts: float [..., 3, C]: true positives, predicted samples, actual samples of every class.

macro-F1 is the unweighted mean over all C classes of F1 = 2 TP / (predicted + actual); a class
that neither occurs nor is predicted scores 0, as scikit-learn's `f1_score(labels=range(C),
average="macro", zero_division=0)` and the evaluation of the founding competition have it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_classes(values: ArrayLike, num_classes: int, what: str) -> Ints:
    """Returns `values` as int64 classes.

    Args:
        values: classes, any shape.
        num_classes: C; every value must lie in [0, C).
        what: name of the array in the error.

    Raises:
        AnalysisError: a value is no integer or outside [0, C).
    """
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise AnalysisError(f"{what} must be integers, got {array.dtype}; encode classes first")
    if array.size and (array.min() < 0 or array.max() >= num_classes):
        raise AnalysisError(
            f"{what} must lie in [0, {num_classes}), got values from {array.min()} to "
            f"{array.max()}; check the class code and the number of classes"
        )
    return array.astype(np.int64)


def person_index(g: ArrayLike) -> tuple[Ints, int]:
    """Returns the person of every sample as 0..P-1 (sorted by given value), and P."""
    names, index = np.unique(np.asarray(g), return_inverse=True)
    return index.astype(np.int64).reshape(-1), len(names)


def confusion_matrix(y: ArrayLike, predicted: ArrayLike, num_classes: int) -> Ints:
    """Returns how often class i (row) was predicted as class j (column), int [C, C].

    Raises:
        AnalysisError: unequal lengths or a class outside [0, C).
    """
    true, pred = _aligned(y, predicted, num_classes)
    cells = np.bincount(true * num_classes + pred, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def most_confused(counts: Ints, most: int = 64) -> Ints:
    """Returns the classes with the most errors, in code order: those that a picture has room for.

    Args:
        counts: how often class i (row) was predicted as class j (column), int [C, C].
        most: classes to return at most; of equals the first.
    """
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return np.sort(np.argsort(-errors, kind="stable")[:most])


def class_counts(y: ArrayLike, predicted: ArrayLike, num_classes: int) -> Floats:
    """Returns true positives, predicted and actual samples per class, float [3, C]."""
    matrix = confusion_matrix(y, predicted, num_classes)
    return np.stack([matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)]).astype(float)


def mean_or_zero(values: Floats) -> float:
    """Returns the mean; 0 of nothing."""
    return float(values.mean()) if values.size else 0.0


def f1_of_counts(counts: Floats) -> Floats:
    """Returns the F1 of every class, float [..., C], from counts [..., 3, C]."""
    both = counts[..., 1, :] + counts[..., 2, :]
    f1: Floats = np.divide(2.0 * counts[..., 0, :], both, out=np.zeros_like(both), where=both > 0)
    return f1


def macro_f1_of_counts(counts: Floats) -> Floats:
    """Returns the macro-F1, float [...], from counts [..., 3, C]."""
    scores: Floats = f1_of_counts(counts).mean(axis=-1)
    return scores


def macro_f1(y: ArrayLike, predicted: ArrayLike, num_classes: int) -> float:
    """Returns the macro-F1 over all `num_classes` classes; an absent class scores 0.

    Raises:
        AnalysisError: unequal lengths or a class outside [0, C).
    """
    return float(macro_f1_of_counts(class_counts(y, predicted, num_classes)))


def macro_f1_gradient(counts: Floats) -> Floats:
    """Returns the derivative of macro-F1 with respect to counts [..., 3, C], same shape.

    A person's counts times this gradient is that person's influence on the score, the first term
    of its expansion; a class without any count has derivative 0.
    """
    both = counts[..., 1, :] + counts[..., 2, :]
    safe = np.where(both > 0, both, 1.0)
    of_hits = np.where(both > 0, 2.0 / safe, 0.0)
    of_totals = np.where(both > 0, -2.0 * counts[..., 0, :] / safe**2, 0.0)
    gradient: Floats = np.stack([of_hits, of_totals, of_totals], axis=-2) / counts.shape[-1]
    return gradient


def _aligned(y: ArrayLike, predicted: ArrayLike, num_classes: int) -> tuple[Ints, Ints]:
    true = as_classes(y, num_classes, "true classes")
    pred = as_classes(predicted, num_classes, "predicted classes")
    if true.shape != pred.shape or true.ndim != 1:
        raise AnalysisError(
            f"true and predicted classes must be vectors of one length, got shapes {true.shape} "
            f"and {pred.shape}"
        )
    return true, pred
