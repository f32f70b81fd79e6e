"""Multinomial logistic regression with ridge, of several strengths at once.

Notation:
    n samples, k coordinates, K classes, L strengths.
    objective: mean negative log-likelihood + strength / 2 * ||weights||^2; the intercept is free.

Böhning (1992, Multinomial logistic regression algorithm, Annals of the Institute of Statistical
Mathematics 44) bounds the Hessian by half of the samples' second moments, whatever the weights
are. In the eigenvectors of those moments the bound is a diagonal, so that a step costs no more
than a gradient; the steps are accelerated (Nesterov 1983) and start anew wherever they turn back
(O'Donoghue and Candès 2015, Adaptive restart for accelerated gradient schemes, section 3.2).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints

Array = NDArray[np.float32]

TOLERANCE = 1e-3
"""Of probes: a weak ridge ends a little early with it, which is a ridge by itself."""
_MOST_STEPS = 400
_EVERY = 10


def fit_logistic(
    x: Array,
    label: Ints,
    num_classes: int,
    strengths: Sequence[float],
    start: Array | None = None,
    tolerance: float = TOLERANCE,
) -> Array:
    """Returns weights with the intercept as the last row, float32 [L, k + 1, K].

    Args:
        x: float32 [n, k].
        label: int [n] in [0, K); a class may be absent.
        num_classes: K.
        strengths: above 0.
        start: weights to begin with, as returned; zeros if None.
        tolerance: largest entry of the gradient, in units of the bound's root, at which it ends.

    Raises:
        AnalysisError: no sample, lengths that differ, a label outside [0, K), or a strength that
            is not above 0.
    """
    if not len(x) or label.shape != x.shape[:1] or min(label) < 0 or max(label) >= num_classes:
        raise AnalysisError(
            f"a fit needs samples and as many labels in [0, {num_classes}), got shapes {x.shape} "
            f"and {label.shape}"
        )
    if not all(each > 0 for each in strengths):
        raise AnalysisError(f"strengths must be above 0, got {list(strengths)}")
    mean = x.mean(axis=0)
    centred = x - mean
    moments, axes = np.linalg.eigh((centred.T @ centred / len(x)).astype(np.float64))
    turned = np.column_stack([centred @ axes.astype(np.float32), np.ones(len(x), np.float32)])
    ridge = np.zeros((len(strengths), x.shape[1] + 1, 1), dtype=np.float32)
    ridge[:, :-1, 0] = np.asarray(strengths)[:, None]
    curvature = np.append(np.maximum(moments, 0), 1.0)[:, None] / 2
    bound = (curvature + ridge).astype(np.float32)
    weights = np.zeros((len(strengths), x.shape[1] + 1, num_classes), dtype=np.float32)
    if start is not None:
        weights[:, :-1] = axes.T.astype(np.float32) @ start[:, :-1]
        weights[:, -1] = start[:, -1] + mean @ start[:, :-1]
    weights = _descend(turned, label, weights, ridge, bound, tolerance)
    weights[:, :-1] = axes.astype(np.float32) @ weights[:, :-1]
    weights[:, -1] -= mean @ weights[:, :-1]
    return weights


def probabilities(x: Array, weights: Array) -> Array:
    """Returns class probabilities float32 [L, n, K] of samples [n, k]."""
    logits = x @ weights[:, :-1] + weights[:, -1:]
    return _softmax(logits)


def log_losses(probs: Array, label: Ints) -> NDArray[np.float64]:
    """Returns the mean negative log probability of the true class, float [L], of [L, n, K]."""
    of_true = probs[:, np.arange(len(label)), label].astype(np.float64)
    found: NDArray[np.float64] = -np.log(np.maximum(of_true, 1e-12)).mean(axis=1)
    return found


def _descend(
    x: Array, label: Ints, weights: Array, ridge: Array, bound: Array, tolerance: float
) -> Array:
    """Returns the minimising weights [L, k + 1, K] from a start, for x with a column of ones."""
    ahead, momentum = weights, np.ones(len(weights))
    unit = np.sqrt(bound)
    for step in range(_MOST_STEPS):
        gradient = _gradient(x, label, ahead) + ridge * ahead
        if step % _EVERY == 0 and float(np.abs(gradient / unit).max()) < tolerance:
            break
        moved: Array = (ahead - gradient / bound).astype(np.float32, copy=False)
        turns_back = np.einsum("lkc,lkc->l", gradient, moved - weights) > 0
        momentum = np.where(turns_back, 1.0, momentum)
        later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        push = np.where(turns_back, 0, (momentum - 1) / later).astype(np.float32)
        ahead = (moved + push[:, None, None] * (moved - weights)).astype(np.float32, copy=False)
        weights, momentum = moved, later
    return weights


def _gradient(x: Array, label: Ints, weights: Array) -> Array:
    """Returns the gradient of the mean negative log-likelihood, float32 [L, k + 1, K]."""
    num, width, classes = weights.shape
    flat = weights.transpose(1, 0, 2).reshape(width, num * classes)
    error = _softmax((x @ flat).reshape(len(x), num, classes))
    error[np.arange(len(x)), :, label] -= 1
    found = x.T @ error.reshape(len(x), num * classes) / np.float32(len(x))
    return np.ascontiguousarray(found.reshape(width, num, classes).transpose(1, 0, 2))


def _softmax(logits: Array) -> Array:
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits
