"""Post-hoc class biases: log p + b, with b chosen for macro-F1, nested by folds.

Notation:
    N samples, C classes, S seeds, J grid values. probs: float [N, C]; logs = log p; b: float [C].

Argmax of calibrated probabilities is best for accuracy, not for macro-F1, where a rare class is
worth as much as a common one. Given the biases of the other classes, the samples that class c wins
are those with b[c] > t, t = max over k != c of (log p[k] + b[k]) - log p[c]; so one pass over the
samples gives the macro-F1 at every value of a grid, and coordinate ascent needs no more.
"""

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.fitting.calibration import log_probs
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1, macro_f1_of_counts

GRID: Floats = np.round(np.linspace(-3.0, 3.0, 61), 1)  # factors from 1/20 to 20 in steps of 10 %
_MAX_SWEEPS = 10
_LEAST_GAIN = 1e-9


def predict_with_biases(probs: ArrayLike, biases: ArrayLike) -> Ints:
    """Returns the classes, int [...], of probabilities [..., C] under biases [C]."""
    return np.asarray(np.argmax(log_probs(probs) + np.asarray(biases), axis=-1), dtype=np.int64)


def fit_class_biases(probs: ArrayLike, y: ArrayLike) -> Floats:
    """Returns the biases, float [C], that coordinate ascent finds for macro-F1.

    Deterministic: classes in order, ties to the smallest change, until no class gains.
    """
    logs = log_probs(probs)
    num_classes = logs.shape[1]
    true = as_classes(y, num_classes, "true classes")
    biases = np.zeros(num_classes)
    best = macro_f1(true, logs.argmax(axis=1), num_classes)
    for _ in range(_MAX_SWEEPS):
        before = best
        for which in range(num_classes):
            trial = biases.copy()
            trial[which] = _best_on_grid(logs + biases, logs[:, which], which, true, biases[which])
            score = macro_f1(true, np.argmax(logs + trial, axis=1), num_classes)
            if score > best + _LEAST_GAIN:
                biases, best = trial, score
        if best <= before + _LEAST_GAIN:
            break
    return biases


def nested_biased_predictions(probs: ArrayLike, y: ArrayLike, cross_fit: CrossFit) -> Ints:
    """Returns the classes, int [N] or [S, N], under biases that people of other folds chose.

    `probs` is float [N, C] or [S, N, C]; every seed has its own biases.
    """
    array = np.asarray(probs, dtype=float)
    if array.ndim == 3:
        return np.stack([nested_biased_predictions(part, y, cross_fit) for part in array])
    true = np.asarray(y)
    predicted = np.empty(len(true), dtype=np.int64)
    for fit, apply in cross_fit.rounds():
        biases = fit_class_biases(array[fit], true[fit])
        predicted[apply] = predict_with_biases(array[apply], biases)
    return predicted


def _best_on_grid(scores: Floats, own: Floats, which: int, y: Ints, now: float) -> float:
    """Returns the grid value of class `which` with the highest macro-F1, nearest to `now`.

    Args:
        scores: float [N, C], log p + b.
        own: float [N], log p of the class, without bias.
        which: the class.
        y: int [N].
        now: its present bias.
    """
    num_classes = scores.shape[1]
    others = scores.copy()
    others[:, which] = -np.inf
    baseline = others.argmax(axis=1)
    threshold = others[np.arange(len(y)), baseline] - own
    first = np.searchsorted(GRID, threshold, side="right")  # the first value at which it wins
    shape = (len(GRID) + 1, num_classes)

    def moved(samples: slice | Ints, classes: Ints) -> Floats:
        """Returns how many samples of each class a value of the grid has won over, [grid, K]."""
        cells = first[samples] * num_classes + classes
        table = np.bincount(cells, minlength=shape[0] * num_classes).reshape(shape)
        return np.cumsum(table, axis=0)[:-1].astype(float)

    left = moved(slice(None), baseline)
    hits_left = moved(np.flatnonzero(y == baseline), baseline[y == baseline])
    counts = np.empty((len(GRID), 3, num_classes))
    counts[:, 0] = np.bincount(y[y == baseline], minlength=num_classes) - hits_left
    counts[:, 1] = np.bincount(baseline, minlength=num_classes) - left
    counts[:, 2] = np.bincount(y, minlength=num_classes)
    counts[:, 1, which] = left.sum(axis=1)
    hits = moved(np.flatnonzero(y == which), np.full(int((y == which).sum()), which))
    counts[:, 0, which] = hits[:, which]
    scored = macro_f1_of_counts(counts)
    tied = np.flatnonzero(scored >= scored.max() - _LEAST_GAIN)
    return float(GRID[tied[np.argmin(np.abs(GRID[tied] - now))]])
