"""A table with one row per photo: path, group (the person) and attribute columns.

It is a CSV file, or the names of the photos; dataset.yaml says which and what its columns mean.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from trainables.data.bands import in_order
from trainables.data.class_names import ClassNames
from trainables.data.csv_rows import CsvRows, number_said, read_csv
from trainables.data.file_names import read_file_names
from trainables.data.found_classes import EMPTY, LISTED, found_classes
from trainables.data.image_files import (
    exists,
    is_folder,
    normal_path,
    resolved,
    several,
    visible_entries,
)
from trainables.data.manifest_config import (
    SETTINGS_FILE,
    AttributeConfig,
    ManifestConfig,
    config_of,
    read_settings,
    to_ignore,
)
from trainables.data.person_names import person_names
from trainables.data.sample_table import SampleTable
from trainables.data.schema import (
    UNKNOWN,
    Attribute,
    FloatArray,
    IntArray,
    LabelSchema,
    own_name,
)
from trainables.errors import DataError

LOOKS_FOR = (
    "manifest.csv (path,group,<attributes>), with or without dataset.yaml beside it, or a "
    "dataset.yaml that names another file (manifest: FILE)"
)
LABELLED = True

_PATH = "path"


def detect(root: Path) -> bool:
    """Returns whether there is a manifest.csv, or a dataset.yaml that names another place."""
    if (root / "manifest.csv").is_file():
        return True
    try:
        data, _ = read_settings(root / SETTINGS_FILE)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # whoever reads it says what is wrong
    return _names_a_place(data)


def is_named(root: Path) -> bool:
    """Returns whether dataset.yaml says that the labels are in a manifest or in file names."""
    try:
        return _names_a_place(read_settings(root / SETTINGS_FILE)[0])
    except (OSError, ValueError):
        return False


def _names_a_place(settings: object) -> bool:
    named = {"manifest", "file_names"}
    return isinstance(settings, dict) and not named.isdisjoint(settings)


def read(root: Path) -> SampleTable:
    """Returns the rows of the manifest as dataset.yaml explains them.

    Without dataset.yaml every column but path and group is an attribute with its sorted values as
    classes; bands of a number are put in their order.

    Raises:
        DataError: a file is missing or malformed, a column is missing or not accounted for, a
            cell is empty or not an allowed class, or a path leaves the folder.
    """
    config, place_notes = _as_called(root, config_of(root))
    rows = _rows(root, config)
    if config.group == _PATH and rows.named(_PATH) not in rows.columns:
        config = replace(config, group=config.path)  # as `group: path` says, whatever it is called
    wanted = _attribute_configs(rows, config)
    paths, path_notes = _paths(root, rows, config)
    groups, group_notes = _groups(rows, config)
    found = [_labels(rows, each, groups, config.ignore_missing) for each in wanted]
    raw = {
        each.name: labelled.raw
        for each, labelled in zip(wanted, found, strict=True)
        if labelled.raw is not None
    }
    return SampleTable(
        schema=LabelSchema(name=config.name, attributes=tuple(each.attribute for each in found)),
        root=root,
        paths=paths,
        groups=groups,
        labels=np.column_stack([each.codes for each in found]),
        raw=raw,
        source_rows=rows.source_rows,
        notes=(
            *(*config.notes, *place_notes, *rows.notes, *path_notes, *group_notes),
            *(note for each in found for note in each.notes),
        ),
        max_pixels=config.max_pixels,
        licence=config.licence,
    )


def _as_called(root: Path, config: ManifestConfig) -> tuple[ManifestConfig, tuple[str, ...]]:
    """Returns a config with its paths as the files are called, and what was read otherwise."""
    images, notes = _place(root, "images", config.images)
    name, more = _place(root, "manifest", "" if config.file_names else config.manifest)
    return replace(config, images=images, manifest=name), (*notes, *more)


def _place(root: Path, key: str, path: str) -> tuple[str, tuple[str, ...]]:
    where = f"{key} in dataset.yaml"
    path = "" if path and posixpath.normpath(path) == "." else path
    (found,), notes = resolved(root, [normal_path(path, where)]) if path else (("",), ())
    return found, tuple(f"{where}: {note}" for note in notes)


def _rows(root: Path, config: ManifestConfig) -> CsvRows:
    if config.images and not is_folder(root / config.images):
        raise DataError(f"images in dataset.yaml must be a folder, got {config.images} in {root}")
    if config.file_names:
        rows = read_file_names(root / config.images, config.file_names)
        return replace(rows, path=root / "dataset.yaml")
    if not exists(root / config.manifest):
        others = [each.name for each in visible_entries(root) if each.suffix.lower() == ".csv"]
        there = f", or name another file there (manifest: {several(others)})" if others else ""
        raise DataError(
            f"{root / config.manifest} cannot be read: there is no such file; put it there{there}"
        )
    return read_csv(root / config.manifest, config.encoding)


def _paths(
    root: Path, rows: CsvRows, config: ManifestConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    folder = f"{config.images}/" if config.images else ""
    cells = rows.filled(config.path)
    wished = [normal_path(folder + cell, rows.where(row)) for row, cell in enumerate(cells)]
    return resolved(root, wished)


def _groups(rows: CsvRows, config: ManifestConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the person of each row."""
    if rows.named(config.group) != rows.named(config.path):
        return person_names(rows, config.group)
    note = "every photo is a person of its own (group and path are one column)"
    return rows.filled(config.group), (note,)


def _attribute_configs(rows: CsvRows, config: ManifestConfig) -> tuple[AttributeConfig, ...]:
    """Returns the attributes to read, once every column of the manifest is accounted for."""
    ignored = [rows.named(each) for each in config.ignore if each not in rows.left_out]
    for column in ignored:
        if column not in rows.columns:
            raise DataError(
                f"{rows.needs(column)} (dataset.yaml ignores it: correct the name there, or "
                "remove it)"
            )
    for column in (config.path, config.group):
        if rows.named(column) not in rows.columns:
            alone = "" if column != config.group else "; group: COLUMN, or group: path where every"
            raise DataError(
                f"{rows.needs(column)} (dataset.yaml can name others"
                f"{alone and alone + ' photo is a person of its own'})"
            )
    taken = {rows.named(config.path), rows.named(config.group), *ignored}
    free = [column for column in rows.columns if column not in taken]
    if config.attributes is None:
        wanted = tuple(AttributeConfig(name=column, column=column) for column in free)
    else:
        named = [replace(each, column=rows.named(each.column)) for each in config.attributes]
        wanted = tuple(named)
        _check_columns(rows, taken, [] if config.ignore_others else free, wanted)
    if not wanted:
        raise DataError(f"{rows.path} has no attribute column beside {', '.join(sorted(taken))}")
    return tuple(replace(each, name=own_name(each.name)) for each in wanted)


def _check_columns(
    rows: CsvRows, taken: set[str], free: list[str], wanted: tuple[AttributeConfig, ...]
) -> None:
    used = {each.column for each in wanted}
    unlisted = [column for column in free if column not in used]
    if unlisted:
        raise DataError(
            f"{rows.path}: column {unlisted[0]!r} is not in dataset.yaml; add it to the "
            "attributes, or to ignore (ignore: others is every column that nothing names)"
        )
    if used & taken:
        raise DataError(
            f"{rows.path}: column {min(used & taken)!r} is an attribute in dataset.yaml and "
            "also path, group or ignored; it can be one of them"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Labels:
    """What a column says: class int [N] and number float [N] of every row."""

    attribute: Attribute
    codes: IntArray
    raw: FloatArray | None
    notes: tuple[str, ...]


def _labels(
    rows: CsvRows, config: AttributeConfig, groups: Sequence[str], ignore_missing: bool
) -> _Labels:
    values = rows.column(config.column)
    known = np.array([value != "" for value in values])
    if not known.any():
        raise DataError(
            f"{rows.path}: column {config.column!r} has no label in any of {len(values)} rows; "
            f"leave it out ({to_ignore([config.column])})"
        )
    if not (ignore_missing or known.all()):
        empty = np.flatnonzero(~known)
        raise DataError(
            f"{rows.where(empty[0])}: column {config.column!r} is empty, in {len(empty)} rows; "
            "fill it or remove the row, or say missing: ignore in dataset.yaml (a photo without a "
            "label then trains and scores those it has)"
        )
    kept = np.flatnonzero(known).tolist()
    filled = rows.take(kept)
    attribute, notes = _attribute(filled, config, [groups[row] for row in kept])
    codes, raw = np.full(len(values), UNKNOWN), None
    if attribute.has_raw:
        raw = np.full(len(values), np.nan)
        raw[known] = filled.numbers(config.column, EMPTY)
        codes[known] = attribute.encode_raw(raw[known])
    else:
        codes[known] = _codes(filled, config, attribute)
    return _Labels(attribute=attribute, codes=codes, raw=raw, notes=notes)


def _attribute(
    rows: CsvRows, config: AttributeConfig, groups: Sequence[str]
) -> tuple[Attribute, tuple[str, ...]]:
    """Returns an attribute and what its reader should know, a sentence each."""
    classes, ordered = config.classes, bool(config.ordered)
    notes: tuple[str, ...] = ()
    if config.bins:
        classes = classes or _bin_names(config.bins)
    elif classes:
        notes = _of_listed(rows, config)
    else:
        classes, notes = found_classes(rows, config, groups)
        bands = in_order(classes)
        if bands is not None and config.ordered is not False:
            classes, ordered = bands, True
            notes = (*notes, f"bands of a number, in their order: {', '.join(bands)}")
    _check_order(rows, config)
    try:
        attribute = Attribute(
            name=config.name, classes=classes, ordered=ordered, edges=config.bins
        )
    except DataError as error:
        raise DataError(f"{rows.path}, column {config.column!r}: {error}") from error
    return attribute, tuple(f"{config.name}: {note}" for note in notes)


def _check_order(rows: CsvRows, config: AttributeConfig) -> None:
    """Raises DataError where classes that are called ordered are bands in no order."""
    bands = in_order(config.classes) if config.ordered else None
    if bands is not None and config.classes not in (bands, bands[::-1]):
        raise DataError(
            f"{rows.path}, column {config.column!r}: classes that are ordered must be listed in "
            f"their order ({', '.join(bands)}), got {', '.join(config.classes)}"
        )


def _of_listed(rows: CsvRows, config: AttributeConfig) -> tuple[str, ...]:
    listed = tuple(config.values) or config.classes
    names = ClassNames(tuple(map(rows.pointed, listed)))
    values = [value for value in dict.fromkeys(rows.column(config.column)) if value not in listed]
    found = [(value, names.code(value)) for value in values]
    notes = [f"{value!r} read as {listed[code]!r}" for value, code in found if code is not None]
    said_nothing = config.ordered is None and len(config.classes) > 2
    if said_nothing and in_order(config.classes) == config.classes:
        notes.append("bands of a number; `ordered: true` in dataset.yaml makes use of their order")
    return tuple(notes)


def _codes(rows: CsvRows, config: AttributeConfig, attribute: Attribute) -> IntArray:
    """Returns the class number of each row of an attribute without raw numbers."""
    if not config.values:
        return rows.codes(config.column, attribute.classes, LISTED)
    number = [attribute.classes.index(name) for name in config.values.values()]
    return np.array(number)[rows.codes(config.column, tuple(config.values), LISTED)]


def _bin_names(bins: tuple[float, ...]) -> tuple[str, ...]:
    """Returns names of half-open intervals: "<30", "30-59", ">=60"; whole numbers stay whole."""
    inner = [_interval_name(low, high) for low, high in pairwise(bins)]
    return (f"<{number_said(bins[0])}", *inner, f">={number_said(bins[-1])}")


def _interval_name(low: float, high: float) -> str:
    if not (low.is_integer() and high.is_integer()):
        return f"{number_said(low)} to <{number_said(high)}"
    return f"{low:.0f}" if high - low == 1 else f"{low:.0f}-{high - 1:.0f}"
