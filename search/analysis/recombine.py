"""Joint classes and attribute classes, joint probabilities and attribute probabilities.

Notation:
    A attributes with sizes K_1..K_A, C = K_1 * ... * K_A joint classes; a joint class is the mixed
    radix code of the attribute classes, first attribute most significant (founding case:
    6 * mask + 3 * gender + age).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints, as_classes


def joint_classes(labels: ArrayLike, sizes: Sequence[int]) -> Ints:
    """Returns the joint class, int [...], of attribute classes [..., A]."""
    array = np.asarray(labels)
    parts = tuple(
        as_classes(array[..., i], size, f"classes of attribute {i}")
        for i, size in enumerate(sizes)
    )
    return np.asarray(np.ravel_multi_index(parts, tuple(sizes)), dtype=np.int64)


def attribute_classes(joint: ArrayLike, sizes: Sequence[int]) -> Ints:
    """Returns the attribute classes, int [..., A], of joint classes [...]."""
    codes = as_classes(joint, int(np.prod(sizes)), "joint classes")
    return np.stack(np.unravel_index(codes, tuple(sizes)), axis=-1).astype(np.int64)


def recombine(parts: Sequence[ArrayLike]) -> Floats:
    """Returns joint probabilities, float [..., C], the product of attribute probabilities.

    Args:
        parts: one float [..., K_a] an attribute, in schema order, equal leading shapes.

    Raises:
        AnalysisError: no attribute, or leading shapes that differ.
    """
    arrays = [np.asarray(part, dtype=float) for part in parts]
    if not arrays or len({array.shape[:-1] for array in arrays}) != 1:
        raise AnalysisError(
            f"recombining needs the same seeds and samples of every attribute, got shapes "
            f"{[array.shape for array in arrays]}"
        )
    joint = arrays[0]
    for array in arrays[1:]:
        joint = (joint[..., :, None] * array[..., None, :]).reshape(*joint.shape[:-1], -1)
    return joint


def marginals(probs: ArrayLike, sizes: Sequence[int]) -> tuple[Floats, ...]:
    """Returns the probabilities of every attribute, float [..., K_a], from joint ones [..., C].

    Raises:
        AnalysisError: C is not the product of the sizes.
    """
    joint = np.asarray(probs, dtype=float)
    if joint.shape[-1] != np.prod(sizes):
        raise AnalysisError(
            f"joint probabilities must have {int(np.prod(sizes))} classes for attributes of "
            f"{tuple(sizes)}, got {joint.shape[-1]}"
        )
    cube, lead = joint.reshape(*joint.shape[:-1], *sizes), joint.ndim - 1
    axes = range(lead, lead + len(sizes))
    return tuple(cube.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes)
