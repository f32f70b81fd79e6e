"""What a trial's validation says of its config: scores for a searcher to compare configs by.

The verdict's metric is the macro-F1 of the most probable class; on the 60 to 100 people of a
validation fold it is mostly noise, for a sample counts whole or not at all. The others use the
probabilities, so that every sample tells how sure the model is.

Notation:
    probs: float [N, C], rows sum to 1; y: int [N] true class in [0, C).
"""

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.metrics import (
    Floats,
    Ints,
    as_classes,
    macro_f1,
    macro_f1_of_counts,
)

_LEAST_PROBABILITY = 1e-3
"""A sample is never held for less probable: one wrong label would outweigh all others."""


def hard_macro_f1(probs: ArrayLike, y: ArrayLike) -> float:
    """Returns the macro-F1 of the most probable classes; an absent class scores 0.

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    found, true = _aligned(probs, y)
    return macro_f1(true, found.argmax(axis=1), found.shape[1])


def soft_macro_f1(probs: ArrayLike, y: ArrayLike) -> float:
    """Returns the macro-F1 of soft predictions: a sample is predicted as each class in part.

    TP_c is the sum of p_c over the samples of class c, and the sum of p_c over all samples is what
    is predicted as c (the "macro soft-F1" of Benedict et al. 2021, sigmoidF1, arXiv 2108.10566).

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    found, true = _aligned(probs, y)
    is_of = np.eye(found.shape[1])[true]
    counts = np.stack([(found * is_of).sum(axis=0), found.sum(axis=0), is_of.sum(axis=0)])
    return float(macro_f1_of_counts(counts))


def balanced_log_score(probs: ArrayLike, y: ArrayLike) -> float:
    """Returns the mean over the classes that occur of the mean log probability of their samples.

    Every class weighs the same, as in macro-F1, whatever its size; nats, 0 is perfect.

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    found, true = _aligned(probs, y)
    logs = log_probabilities(found, true)
    totals = np.bincount(true, weights=logs, minlength=found.shape[1])
    sizes = np.bincount(true, minlength=found.shape[1])
    return float((totals[sizes > 0] / sizes[sizes > 0]).mean())


def log_probabilities(probs: Floats, y: Ints) -> Floats:
    """Returns how probable the true class of every sample was held, [N], in nats."""
    return np.log(np.maximum(probs[np.arange(len(y)), y], _LEAST_PROBABILITY))


def _aligned(probs: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
    found = np.asarray(probs, dtype=float)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise AnalysisError(
            f"probabilities must be finite and [N, C] with N >= 1, got shape {found.shape}"
        )
    true = as_classes(y, found.shape[1], "true classes")
    if true.shape != (len(found),):
        raise AnalysisError(
            f"one true class a sample is needed, got shape {true.shape} for {len(found)} samples"
        )
    return found, true
