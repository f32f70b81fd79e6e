"""Joint classes and attribute classes, joint probabilities and attribute probabilities.

Notation:
    A attributes with sizes K_1..K_A, C = K_1 * ... * K_A joint classes; a joint class is the mixed
    radix code of the attribute classes, first attribute most significant (founding case:
    6 * mask + 3 * gender + age).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
        cube = joint[..., :, None] * array[..., None, :]
        joint = cube.reshape(*cube.shape[:-2], math.prod(cube.shape[-2:]))
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


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """Which attributes the heads of one or several models decide, each of them once.

    Attributes:
        sizes: K_1..K_A of all attributes of the data, in schema order.
        covers: of every head, the positions of its attributes, ascending; its classes are their
            mixed radix code.

    Raises:
        AnalysisError: no head, one without attributes, a position twice or outside [0, A).
    """

    sizes: tuple[int, ...]
    covers: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        every = [axis for axes in self.covers for axis in axes]
        ascending = all(list(axes) == sorted(axes) and axes for axes in self.covers)
        if not every or not ascending or len(set(every)) < len(every):
            raise AnalysisError(f"heads need different attributes, got positions {self.covers}")
        if not set(every) <= set(range(len(self.sizes))):
            raise AnalysisError(
                f"heads must decide attributes in [0, {len(self.sizes)}), got {self.covers}"
            )

    @property
    def attributes(self) -> tuple[int, ...]:
        """Positions of all attributes that the heads decide, ascending."""
        return tuple(sorted(axis for axes in self.covers for axis in axes))

    @property
    def is_whole(self) -> bool:
        """Whether the heads decide every attribute of the data."""
        return len(self.attributes) == len(self.sizes)

    @property
    def head_sizes(self) -> tuple[int, ...]:
        """Number of classes of every head."""
        return tuple(math.prod(self.sizes[axis] for axis in axes) for axes in self.covers)

    @property
    def num_classes(self) -> int:
        """Number of classes of the label that the heads' attributes make."""
        return math.prod(self.head_sizes)

    def joint(self, parts: Sequence[ArrayLike]) -> Floats:
        """Returns probabilities of the label that the heads' attributes make, float [..., K].

        Args:
            parts: float [..., K_h] of every head, equal leading shapes.

        Raises:
            AnalysisError: leading shapes that differ.
        """
        joint = recombine(parts)
        order = [axis for axes in self.covers for axis in axes]
        if order == sorted(order):
            return joint
        lead = joint.shape[:-1]
        cube = joint.reshape(*lead, *(self.sizes[axis] for axis in order))
        axes = (*range(len(lead)), *(len(lead) + np.argsort(order)))
        return cube.transpose(axes).reshape(*lead, -1)

    def label(self, y: ArrayLike) -> Ints:
        """Returns the class of that label, int [...], of joint classes of the data [...]."""
        return self._code(y, self.attributes)

    def head_labels(self, y: ArrayLike) -> list[Ints]:
        """Returns the class of every head, int [...], of joint classes of the data [...]."""
        return [self._code(y, axes) for axes in self.covers]

    def classes(self, heads: Sequence[ArrayLike]) -> Ints:
        """Returns the class of the label, int [...], of the class [...] of every head."""
        found: dict[int, Ints] = {}
        for axes, codes in zip(self.covers, heads, strict=True):
            columns = attribute_classes(codes, [self.sizes[axis] for axis in axes])
            found |= {axis: columns[..., i] for i, axis in enumerate(axes)}
        order = self.attributes
        return joint_classes(
            np.stack([found[axis] for axis in order], axis=-1), [self.sizes[a] for a in order]
        )

    def _code(self, y: ArrayLike, axes: Sequence[int]) -> Ints:
        columns = attribute_classes(y, self.sizes)[..., list(axes)]
        return joint_classes(columns, [self.sizes[axis] for axis in axes])
