"""Data of several folders as one table: one's own, and what is added to it.

Notation: N samples, A attributes of one's own data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainables.data.class_names import ClassNames, same_text
from trainables.data.manifest_config import to_ignore
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN, Attribute, FloatArray, IntArray, LabelSchema
from trainables.errors import DataError
from trainables.nearest import near


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One of several folders of data.

    Attributes:
        path: of the folder, as it was given.
        fingerprint: of its samples alone.
        licence: under which terms it may be used; empty where nothing is said.
        photos: in it.
        people: in it.
    """

    path: str
    fingerprint: str
    licence: str
    photos: int
    people: int

    @classmethod
    def of(cls, path: str, table: SampleTable) -> Root:
        """Describes a folder by its table."""
        return cls(
            path=path,
            fingerprint=table.fingerprint,
            licence=table.licence,
            photos=table.num_samples,
            people=table.num_groups,
        )

    def __str__(self) -> str:
        """Returns the folder in words."""
        terms = f"licence {self.licence}" if self.licence else "no licence named"
        return f"{self.path}: {self.photos:,} photos of {self.people:,} people, {terms}"


def together(own: SampleTable, others: Mapping[str, SampleTable], *, scored: bool) -> SampleTable:
    """Returns one's own data with others added to it.

    An attribute that others lack is unknown there; one that only they have is left out. Their
    people are others than one's own, whatever they are called.

    Args:
        own: says attributes, classes and their order.
        others: tables by the folder that they were read from.
        scored: whether what is added may be validated and held out, too; else it only trains.

    Raises:
        DataError: an attribute has other classes there, or a photo is in both.
    """
    tables = [own, *(_keyed(own.schema, *each) for each in enumerate(others.items(), start=2))]
    root = Path(os.path.commonpath([table.root.resolve() for table in tables]))
    raw_names = own.raw.keys()
    whole = replace(
        own,
        root=root,
        paths=tuple(path for table in tables for path in _moved(table, root)),
        groups=tuple(group for table in tables for group in table.groups),
        labels=np.concatenate([table.labels for table in tables]),
        raw={name: np.concatenate([table.raw[name] for table in tables]) for name in raw_names},
        source_rows=tuple(row for table in tables for row in table.source_rows),
        notes=tuple(note for table in tables for note in table.notes),
        max_pixels=max(table.max_pixels for table in tables),
        corrections=tuple(each for table in tables for each in table.corrections),
    )
    if scored:
        return whole.arranged()
    return replace(whole, added=whole.num_samples - own.num_samples)


def _moved(table: SampleTable, root: Path) -> Iterator[str]:
    prefix = table.root.resolve().relative_to(root).as_posix()
    yield from (path if prefix == "." else f"{prefix}/{path}" for path in table.paths)


def _keyed(schema: LabelSchema, number: int, named: tuple[str, SampleTable]) -> SampleTable:
    """Returns an added table with the attributes of a schema and with people of its own."""
    folder, table = named
    table = _as_called(table, schema)
    found = {
        each.name: _recoded(each, table, folder)
        for each in schema.attributes
        if each.name in table.schema
    }
    unknown = np.full(table.num_samples, UNKNOWN)
    labels = [found[name][0] if name in found else unknown for name in schema]
    raw = {
        each.name: found[each.name][1] if each.name in found else np.full(len(unknown), np.nan)
        for each in schema.attributes
        if each.has_raw
    }
    if not found:
        raise DataError(
            f"{folder} has none of the attributes {', '.join(schema)}, but "
            f"{', '.join(table.schema)}; name its columns in its dataset.yaml (attributes: NAME: "
            "{column: COLUMN})"
        )
    left_out = [name for name in table.schema if name not in schema]
    lacking = [name for name in schema if name not in found]
    notes = [f"{folder}: {note}" for note in table.notes]
    notes += [f"{folder}: without {', '.join(lacking)}: unknown there"] if lacking else []
    notes += [f"{folder}: {', '.join(left_out)} left out"] if left_out else []
    return replace(
        table,
        schema=schema,
        groups=tuple(f"{number}:{group}" for group in table.groups),
        labels=np.column_stack(labels),
        raw=raw,
        source_rows=tuple(f"{folder}: {row}" for row in table.source_rows),
        notes=tuple(notes),
    )


def _as_called(table: SampleTable, schema: LabelSchema) -> SampleTable:
    """Returns a table with its attributes called as in a schema, whose names look the same."""
    names = {
        each: each
        if each in schema
        else next((own for own in schema if same_text(own, each)), each)
        for each in table.schema
    }
    if all(name == own for name, own in names.items()):
        return table
    attributes = tuple(replace(each, name=names[each.name]) for each in table.schema.attributes)
    return replace(
        table,
        schema=replace(table.schema, attributes=attributes),
        raw={names[name]: numbers for name, numbers in table.raw.items()},
    )


def _recoded(wanted: Attribute, table: SampleTable, folder: str) -> tuple[IntArray, FloatArray]:
    """Returns the classes int [N] of an attribute by its own codes, and its numbers float [N]."""
    there = table.schema[wanted.name]
    codes = table.labels[:, table.schema.names.index(wanted.name)]
    known = codes != UNKNOWN
    numbers = np.asarray(table.raw.get(wanted.name, np.full(len(codes), np.nan)))
    if wanted.has_raw:
        if not there.has_raw:
            raise DataError(
                f"{folder}: {wanted.name} must be a number as in the data it is added to, got "
                f"the classes {', '.join(there.classes)}; say bins in its dataset.yaml, or leave "
                f"it out ({to_ignore([wanted.name])})"
            )
        found = np.full(len(codes), UNKNOWN)
        found[known] = wanted.encode_raw(numbers[known])
        return found, numbers
    names = ClassNames(wanted.classes)
    place = [names.code(name) for name in there.classes]
    strange = _strange(there.classes, place)

    def hinted(name: str) -> str:
        """Returns a class and which of the wanted ones it may be."""
        return f"{name}{near(name, wanted.classes)}"

    if strange:
        raise DataError(
            f"{folder}: {wanted.name} has the classes {', '.join(map(hinted, strange))}, which "
            f"the data it is added to has not ({', '.join(wanted.classes)}); say which they are "
            "in its dataset.yaml (classes: {VALUE: CLASS})"
        )
    return np.append([int(code or 0) for code in place], UNKNOWN)[codes], numbers


def _strange(classes: Sequence[str], place: Sequence[int | None]) -> list[str]:
    return [name for name, code in zip(classes, place, strict=True) if code is None]
