"""What an image is labelled with: attributes, their classes and the joint label over them.

Notation: N samples, A attributes, K_a classes of attribute a. Attribute labels are int64 [N, A];
the joint label is their mixed-radix number in schema order (the last attribute counts fastest),
so mask x gender x age gives 6 * mask + 3 * gender + age.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.errors import DataError
from trainables.nearest import near

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

UNKNOWN = -1
"""The label of a photo that has none of an attribute, and then of every joint label with it."""
JOINT = "joint"
"""The target name of the joint label; no attribute may be called so."""
_TAKEN = frozenset({JOINT, "multihead", "separate", "all", "aux_age"})
_PREFIX = "attribute:"
_UNSEEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
"""Categories of signs that control, turn round or break a text, or have no width."""

_MOST_JOINT = 2**62
"""Codes of joint classes are int64."""


class UnknownTargetError(DataError, KeyError):
    """A name is neither an attribute of the schema nor, where that is allowed, "joint"."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, which would put the sentence in quotes.
        return str(self.args[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One label of an image, such as age, with its classes in code order.

    Attributes:
        name: the name used in tables, spaces and files; not "joint".
        classes: at least two unique names; their order is the ordinal order if `ordered`.
        ordered: neighbouring classes are closer than distant ones.
        edges: for an attribute with raw numbers, the increasing cuts between classes: class i
            holds raw values in [edges[i - 1], edges[i]). Makes the attribute ordered.

    Raises:
        DataError: a name is empty or reserved, classes are fewer than two or repeated, or the
            edges are not len(classes) - 1 increasing finite numbers.
    """

    name: str
    classes: tuple[str, ...]
    ordered: bool = False
    edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "edges", tuple(float(edge) for edge in self.edges))
        if not self.name or self.name == JOINT:
            raise DataError(
                f"an attribute needs a name other than {JOINT!r} (the joint label), "
                f"got {self.name!r}; rename it"
            )
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise DataError(
                f"attribute {self.name!r} needs at least two different classes, "
                f"got {list(self.classes)}"
            )
        if "" in self.classes:
            raise DataError(f"attribute {self.name!r} has a class without a name")
        if self.edges:
            self._check_edges()
            object.__setattr__(self, "ordered", True)

    def _check_edges(self) -> None:
        increasing = all(low < high for low, high in pairwise(self.edges))
        if not increasing or not all(map(math.isfinite, self.edges)):
            raise DataError(
                f"the edges of attribute {self.name!r} must be increasing finite numbers, "
                f"got {list(self.edges)}"
            )
        if len(self.edges) != len(self.classes) - 1:
            raise DataError(
                f"attribute {self.name!r} with {len(self.classes)} classes needs "
                f"{len(self.classes) - 1} edges, got {list(self.edges)}"
            )

    @property
    def has_raw(self) -> bool:
        """Whether every sample also carries the raw number behind the class."""
        return bool(self.edges)

    def encode_raw(self, values: FloatArray) -> IntArray:
        """Returns the class codes of raw numbers.

        Args:
            values: float array, any shape, finite.

        Returns:
            int64 array of the same shape; a value equal to an edge is in the upper class.

        Raises:
            DataError: the attribute has no edges, or a value is not finite.
        """
        if not self.has_raw:
            raise DataError(f"attribute {self.name!r} has no edges to encode raw numbers with")
        values = np.asarray(values, dtype=np.float64)
        if not np.isfinite(values).all():
            raise DataError(f"raw values of attribute {self.name!r} must be finite numbers")
        return np.searchsorted(np.array(self.edges), values, side="right").astype(np.int64)


def own_name(column: str) -> str:
    """Returns what an attribute is called that the data calls `column`.

    That is the same, or `attribute:joint` where the joint label, an approach, the word for all
    spaces or a head of ours is called so. Two columns never get the same name.

    Raises:
        DataError: the name has control characters, or such as show nothing or turn the text round,
            which no terminal and no file should get: two names could look alike.
    """
    if any(unicodedata.category(each) in _UNSEEN for each in column):
        raise DataError(
            "an attribute needs a name without control characters and without signs that cannot "
            f"be seen, got {column!a}; rename it"
        )
    return _PREFIX + column if column in _TAKEN or column.startswith(_PREFIX) else column


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSchema:
    """The attributes of a data set, in the order that defines the joint label.

    `schema[name]` is an attribute, `name in schema` asks for one, iteration gives the names.

    Raises:
        DataError: there is no attribute, a name is repeated, or the joint label has more classes
            than a number can tell.
    """

    name: str
    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(self.attributes))
        if self.num_joint > _MOST_JOINT:
            raise DataError(
                f"the joint label of {len(self.attributes)} attributes must have at most 2^62 "
                f"classes, got about 10^{math.log10(self.num_joint):.0f}; leave attributes out "
                "(ignore: [NAME] in dataset.yaml)"
            )
        if not self.attributes or len(set(self.names)) != len(self.names):
            raise DataError(
                f"schema {self.name!r} needs one or more attributes with different names, "
                f"got {list(self.names)}"
            )

    def __getitem__(self, name: str) -> Attribute:
        """Returns the attribute called `name`; UnknownTargetError if there is none."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        raise UnknownTargetError(
            f"unknown attribute {name!r}{near(str(name), self.names)}; available: "
            f"{', '.join(self.names)}"
        )

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Attribute names in schema order."""
        return tuple(attribute.name for attribute in self.attributes)

    @property
    def num_joint(self) -> int:
        """Number of joint classes: the product of the attributes' class counts."""
        return math.prod(self._radices)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joint classes in code order, such as "wear male <30", each another one."""
        every = tuple(product(*(each.classes for each in self.attributes)))
        names = tuple(map(" ".join, every))
        # "a b" and "c" would be one with "a" and "b c".
        differ = len(set(names)) == len(names)
        return names if differ else tuple(" ".join(map(repr, each)) for each in every)

    @property
    def _radices(self) -> tuple[int, ...]:
        return tuple(len(attribute.classes) for attribute in self.attributes)

    def joint_code(self, labels: IntArray) -> IntArray:
        """Returns the joint label of each sample.

        Args:
            labels: int array [N, A], column a in [0, K_a) or `UNKNOWN`.

        Returns:
            int64 array [N] in [0, num_joint), `UNKNOWN` where one of a row's labels is.

        Raises:
            DataError: the shape is not [N, A] or a label is out of range.
        """
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.shape[1] != len(self.attributes):
            raise DataError(
                f"labels must have the shape [N, {len(self.attributes)}], got {labels.shape}"
            )
        unknown = (labels == UNKNOWN).any(axis=1)
        try:
            known = np.where(unknown[:, None], 0, labels)
            codes = np.ravel_multi_index(tuple(known.T), self._radices)
        except ValueError as error:
            raise DataError(
                f"labels of {', '.join(self.names)} must be below {list(self._radices)} and not "
                f"negative: {error}"
            ) from error
        return np.where(unknown, UNKNOWN, codes).astype(np.int64)

    def attribute_codes(self, joint: IntArray) -> IntArray:
        """Returns the attribute labels [N, A] of joint labels [N]; undoes `joint_code`.

        Raises:
            DataError: a code is outside [0, num_joint).
        """
        try:
            columns = np.unravel_index(np.asarray(joint), self._radices)
        except ValueError as error:
            raise DataError(f"joint labels must be in [0, {self.num_joint}): {error}") from error
        return np.stack(columns, axis=-1).astype(np.int64)

    def only(self, names: Sequence[str]) -> LabelSchema:
        """Returns the schema of some attributes alone, in this schema's order.

        Raises:
            UnknownTargetError: one of them is not in the schema.
        """
        for name in names:
            self[name]
        kept = tuple(attribute for attribute in self.attributes if attribute.name in names)
        return self if kept == self.attributes else LabelSchema(name=self.name, attributes=kept)

    def codes(self, labels: IntArray, names: Sequence[str]) -> IntArray:
        """Returns the joint label of some attributes alone, int64 [N].

        Args:
            labels: of all attributes, int array [N, A], as for `joint_code`.
            names: of the attributes; the label counts in this schema's order.
        """
        part = self.only(names)
        return part.joint_code(labels[:, [self.names.index(name) for name in part.names]])

    def class_names(self, target: str) -> tuple[str, ...]:
        """Returns the class names of an attribute or of "joint", in code order.

        Raises:
            UnknownTargetError: `target` is neither.
        """
        if target == JOINT:
            return self.joint_names
        if target not in self:
            raise UnknownTargetError(
                f"unknown target {target!r}{near(target, self.names)}; available: "
                f"{', '.join((*self.names, JOINT))}"
            )
        return self[target].classes

    def num_classes(self, target: str) -> int:
        """Returns the number of classes of an attribute or of "joint"; see `class_names`."""
        return len(self.class_names(target))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types from which `from_dict` makes an equal schema."""
        return asdict(self, dict_factory=_with_lists)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSchema:
        """Returns the schema that `to_dict` described.

        Raises:
            DataError: a key is missing or unknown, or the schema breaks a rule.
        """
        try:
            attributes = tuple(Attribute(**each) for each in data["attributes"])
            return cls(name=data["name"], attributes=attributes)
        except (KeyError, TypeError) as error:
            raise DataError(f"not a stored label schema: {error}") from error


def _with_lists(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in fields}
