"""What a trial is scored by: how well probabilities of few people tell what a config is worth.

Notation: N photos, K classes. probs: float [N, K]; label: int [N]. All scores are better when
larger.

Macro-F1 counts classes of photos, so that on a hundred people it moves in steps and by luck; the
others look at the probabilities, too. Which one finds the better configs is measured by
`benchmarks/objective.py`.
"""

import numpy as np

from search.analysis.metrics import Floats, Ints, macro_f1, macro_f1_of_counts

_LEAST = 1e-4


def hard_macro_f1(probs: Floats, label: Ints) -> float:
    """Returns the macro-F1 of the most probable classes."""
    return macro_f1(label, probs.argmax(axis=1), probs.shape[1])


def soft_macro_f1(probs: Floats, label: Ints) -> float:
    """Returns the macro-F1 of expected counts: every photo counts by its probabilities."""
    num_classes = probs.shape[1]
    hits = np.bincount(label, weights=probs[np.arange(len(label)), label], minlength=num_classes)
    actual = np.bincount(label, minlength=num_classes)
    return float(macro_f1_of_counts(np.stack([hits, probs.sum(axis=0), actual])))


def balanced_log_score(probs: Floats, label: Ints) -> float:
    """Returns the mean over the classes that occur of their photos' mean log probability, in nats.

    Probabilities below 0.0001 count as 0.0001: one confident error may not outweigh all others.
    """
    nats = np.log(np.maximum(probs[np.arange(len(label)), label], _LEAST))
    photos = np.bincount(label, minlength=probs.shape[1])
    sums = np.bincount(label, weights=nats, minlength=probs.shape[1])
    return float(np.mean(sums[photos > 0] / photos[photos > 0]))
