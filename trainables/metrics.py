"""Metrics from confusion counts, and the two ways between attributes and joint label.

Notation: N samples, K classes of one attribute, C joint classes, A attributes. Absent classes
score 0, as scikit-learn's `f1_score(average="macro", labels=range(K), zero_division=0)`.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]
Ints: TypeAlias = NDArray[np.int64]


def confusion(truth: Ints, predicted: Ints, num_classes: int) -> Ints:
    """Returns counts [K, K], row = true class, column = predicted class."""
    flat: Ints = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)


def class_f1(counts: Ints) -> NDArray[np.float64]:
    """Returns F1 of each class [K] from confusion counts [K, K]; 0 where a class never occurs."""
    hits = np.diagonal(counts).astype(np.float64)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    scores: NDArray[np.float64] = 2 * hits / np.maximum(total, 1)
    return scores


def macro_f1(counts: Ints) -> float:
    """Returns the unweighted mean of the class F1 values of confusion counts [K, K]."""
    return float(class_f1(counts).mean())


def accuracy(counts: Ints) -> float:
    """Returns the share of correct samples of confusion counts [K, K]."""
    return float(np.diagonal(counts).sum() / max(1, counts.sum()))


def joint_from_attributes(parts: Sequence[Floats]) -> NDArray[np.float64]:
    """Returns joint probabilities [N, C]: the product of the attributes' [N, K_a]."""
    joint = np.asarray(parts[0], dtype=np.float64)
    for part in parts[1:]:
        cube = joint[:, :, None] * np.asarray(part, dtype=np.float64)[:, None, :]
        joint = cube.reshape(len(joint), joint.shape[1] * part.shape[1])
    return joint


def attributes_from_joint(
    joint: Floats, num_classes: Mapping[str, int]
) -> dict[str, NDArray[np.float64]]:
    """Returns the marginal probabilities [N, K_a] of every attribute.

    Args:
        joint: float [N, C], rows sum to 1.
        num_classes: classes of each attribute in schema order; their product is C.
    """
    cube = np.asarray(joint, dtype=np.float64).reshape(len(joint), *num_classes.values())
    axes = range(1, cube.ndim)
    return {
        name: cube.sum(axis=tuple(other for other in axes if other != axis))
        for axis, name in zip(axes, num_classes, strict=True)
    }
