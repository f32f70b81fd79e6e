"""The checked list of samples of a data set: where each image is, whose it is, what it shows.

Notation: N samples, A attributes, G groups (people), K classes of a target.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.data.image_decoding import MAX_PIXELS
from trainables.data.image_files import check_files, check_paths, file_sizes
from trainables.data.schema import UNKNOWN, FloatArray, IntArray, LabelSchema
from trainables.errors import DataError


def _digest(described: Any, arrays: Iterable[npt.NDArray[Any]] = ()) -> str:
    digest = hashlib.sha256(json.dumps(described, separators=(",", ":")).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:16]


def _read_only(array: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[Any]:
    copy = np.array(array, dtype=dtype)
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A correction of labels, and of how many samples it changed the label.

    Attributes:
        where: it stands, such as "corrections.csv row 3".
        key: the path of a photo, a group, or a group and the stem of a photo's name.
        attribute: that is corrected.
        label: the right class, or the right number of an attribute that has numbers.
        reason: in the words of who corrected it.
        num_changed: samples that had another label before.
    """

    where: str
    key: str
    attribute: str
    label: str
    reason: str
    num_changed: int


# No slots: the cached properties need the instance dictionary.
@dataclass(frozen=True, eq=False, kw_only=True)
class SampleTable:
    """The labelled samples of a data set, in a fixed order.

    Attributes:
        schema: what the labels mean.
        root: the folder the paths start from.
        paths: POSIX path of each image, relative to `root`, each listed once.
        groups: the person of each sample; samples of one group never cross a split.
        labels: int64 array [N, A], read-only, column a in [0, K_a) or `UNKNOWN`.
        raw: float64 array [N] for each attribute with raw numbers, read-only, finite, or NaN where
            its label is unknown.
        source_rows: where each sample is listed, such as "train.csv row 12", for messages.
        notes: what was read otherwise than it stands in the files, a sentence each.
        max_pixels: that a photo may have at most.
        licence: under which terms the data may be used; empty where nothing is said.
        corrections: what was corrected in the labels after they were read.
        added: of the last samples, how many are of data that only trains.

    Raises:
        DataError: lengths differ, there is no sample, a path is repeated or leaves the root, a
            group is empty, a label is out of range, or raw numbers are missing or not finite.
    """

    schema: LabelSchema
    root: Path
    paths: tuple[str, ...]
    groups: tuple[str, ...]
    labels: IntArray
    raw: Mapping[str, FloatArray]
    source_rows: tuple[str, ...]
    notes: tuple[str, ...] = ()
    max_pixels: int = MAX_PIXELS
    licence: str = ""
    corrections: tuple[Corrected, ...] = ()
    added: int = 0

    def __post_init__(self) -> None:
        raw = {name: _read_only(values, np.float64) for name, values in self.raw.items()}
        object.__setattr__(self, "labels", _read_only(self.labels, np.int64))
        object.__setattr__(self, "raw", MappingProxyType(raw))
        self._check_lengths()
        check_paths(self.paths, self.source_rows)
        for group, row in zip(self.groups, self.source_rows, strict=True):
            if not group:
                raise DataError(f"{row}: a sample needs a group (the person), got an empty one")
        self._check_labels()
        self._check_raw()

    def _check_lengths(self) -> None:
        lengths = {
            "paths": len(self.paths),
            "groups": len(self.groups),
            "labels": len(self.labels),
            "source_rows": len(self.source_rows),
            **{f"raw[{name!r}]": len(values) for name, values in self.raw.items()},
        }
        if len(set(lengths.values())) != 1 or not self.paths:
            raise DataError(
                f"a sample table needs one or more samples and columns of one length, "
                f"got {lengths}"
            )

    def _check_labels(self) -> None:
        width = len(self.schema.attributes)
        if self.labels.shape != (len(self.paths), width):
            raise DataError(f"labels must have the shape [N, {width}], got {self.labels.shape}")
        for column, attribute in zip(self.labels.T, self.schema.attributes, strict=True):
            outside = np.flatnonzero((column < UNKNOWN) | (column >= len(attribute.classes)))
            if outside.size:
                first = int(outside[0])
                raise DataError(
                    f"{self.source_rows[first]}: label {int(column[first])} of attribute "
                    f"{attribute.name!r} must be in [0, {len(attribute.classes)})"
                )

    def _check_raw(self) -> None:
        expected = {each.name for each in self.schema.attributes if each.has_raw}
        if set(self.raw) != expected:
            raise DataError(
                f"raw numbers must be given for exactly the attributes {sorted(expected)}, "
                f"got {sorted(self.raw)}"
            )
        for name, values in self.raw.items():
            known = self.labels[:, self.schema.names.index(name)] != UNKNOWN
            right = values.shape == known.shape and bool((np.isfinite(values) == known).all())
            if not right:
                raise DataError(f"raw numbers of {name!r} must be finite, of the shape [N]")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Rebuilt through the checks, so that a copy in a worker is read-only as well.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return partial(type(self), **{**values, "raw": dict(self.raw)}), ()

    @property
    def num_samples(self) -> int:
        """Number of samples, N."""
        return len(self.paths)

    @cached_property
    def joint(self) -> IntArray:
        """Joint labels, int64 array [N], read-only; `UNKNOWN` where a label is."""
        return _read_only(self.schema.joint_code(self.labels), np.int64)

    @cached_property
    def strata(self) -> IntArray:
        """A number of each sample's labels, unknown ones included, int64 array [N]."""
        if (self.joint != UNKNOWN).all():
            return self.joint
        _, number = np.unique(self.labels, axis=0, return_inverse=True)
        return _read_only(number.reshape(-1), np.int64)

    @property
    def num_whole(self) -> int:
        """How many of the first samples have every label and are not added."""
        own = self.joint[: self.num_samples - self.added]
        return int(np.append(own == UNKNOWN, True).argmax())

    @cached_property
    def whole(self) -> SampleTable:
        """The samples that the joint label and the verdict are about: the first `num_whole`."""
        if self.num_whole == self.num_samples:
            return self
        return replace(self.take(np.arange(self.num_whole)), added=0)

    def with_labels(
        self, rows: IntArray, attributes: Sequence[str], *, every: bool = True
    ) -> IntArray:
        """Returns those of some rows that have the labels of all attributes, or of any."""
        columns = [self.schema.names.index(name) for name in attributes]
        known = self.labels[rows][:, columns] != UNKNOWN
        has: npt.NDArray[np.bool_] = known.all(axis=1) if every else known.any(axis=1)
        return rows[has]

    def arranged(self) -> SampleTable:
        """Returns the table with samples that lack a label behind those that have all."""
        order = np.argsort(self.joint == UNKNOWN, kind="stable")
        return self if np.array_equal(order, np.sort(order)) else self.take(order)

    def take(self, rows: IntArray) -> SampleTable:
        """Returns the table of some rows, in their order."""
        kept = rows.tolist()
        return replace(
            self,
            paths=tuple(self.paths[row] for row in kept),
            groups=tuple(self.groups[row] for row in kept),
            source_rows=tuple(self.source_rows[row] for row in kept),
            labels=self.labels[rows],
            raw={name: values[rows] for name, values in self.raw.items()},
        )

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """The groups in the order in which they are first seen."""
        return tuple(dict.fromkeys(self.groups))

    @cached_property
    def group_index(self) -> IntArray:
        """Number of each sample's group in `group_names`, int64 array [N], read-only."""
        number = {name: index for index, name in enumerate(self.group_names)}
        return _read_only([number[group] for group in self.groups], np.int64)

    @property
    def num_groups(self) -> int:
        """Number of groups (people), G."""
        return len(self.group_names)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the schema, paths, groups, labels, raw numbers and file sizes.

        The root is left out, so a data set keeps its fingerprint when it is moved.

        Raises:
            DataError: an image file is missing.
        """
        self.check_files()
        described = [
            self.schema.to_dict(),
            self.paths,
            self.groups,
            file_sizes(self.root, self.paths),
            sorted(self.raw),
        ]
        return _digest(described, [self.labels, *(self.raw[name] for name in sorted(self.raw))])

    def check_files(self) -> None:
        """Raises DataError naming the first missing image, its row and how many are missing."""
        check_files(self.root, self.paths, self.source_rows)


@dataclass(frozen=True, eq=False, kw_only=True)
class UnlabelledTable:
    """Images to predict, in the order the answers are wanted.

    Attributes:
        root: the folder the paths start from.
        paths: POSIX path of each image, relative to `root`, each listed once.
        names: the name each image is answered under (the ImageID of info.csv).
        notes: what was read otherwise than it stands in the files, a sentence each.

    Raises:
        DataError: lengths differ, there is no image, or a path is repeated or leaves the root.
    """

    root: Path
    paths: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if len(self.paths) != len(self.names) or not self.paths:
            raise DataError(
                f"an unlabelled table needs one or more images, each with a name, got "
                f"{len(self.paths)} paths and {len(self.names)} names"
            )
        check_paths(self.paths, self.source_rows)

    @property
    def num_samples(self) -> int:
        """Number of images, N."""
        return len(self.paths)

    @property
    def source_rows(self) -> tuple[str, ...]:
        """What each image is called in messages."""
        return tuple(f"image {name!r}" for name in self.names)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the paths, names and file sizes; DataError if a file is missing."""
        self.check_files()
        return _digest([self.paths, self.names, file_sizes(self.root, self.paths)])

    def check_files(self) -> None:
        """Raises DataError naming the first missing image and how many are missing."""
        check_files(self.root, self.paths, self.source_rows)
