"""A table with one row per photo: path, group (the person) and attribute columns.

It is a CSV file, or the names of the photos; dataset.yaml says which and what its columns mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from trainables.data.bands import band, date_band, in_order, is_date
from trainables.data.bounded_files import MAX_YAML_BYTES, read_bytes
from trainables.data.class_names import ClassNames, merged, spelling
from trainables.data.csv_rows import CsvRows, parse_number, read_csv
from trainables.data.file_names import read_file_names
from trainables.data.image_files import normal_path, resolved
from trainables.data.manifest_config import AttributeConfig, ManifestConfig, read_config
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, IntArray, LabelSchema, own_name
from trainables.errors import DataError

LOOKS_FOR = (
    "manifest.csv (path,group,<attributes>), with or without dataset.yaml beside it, or a "
    "dataset.yaml that names another file (manifest: FILE)"
)
LABELLED = True

MAX_NUMERIC_CLASSES = 12
"""A column of numbers with more different values than this is a measurement, not a class."""

_ELSEWHERE = re.compile(r"^\s*[\"']?(?:manifest|file_names)[\"']?\s*:", re.MULTILINE)


def detect(root: Path) -> bool:
    """Returns whether there is a manifest.csv, or a dataset.yaml that names another place."""
    if (root / "manifest.csv").is_file():
        return True
    try:
        text = read_bytes(root / "dataset.yaml", MAX_YAML_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return False
    return _ELSEWHERE.search(text) is not None


def read(root: Path) -> SampleTable:
    """Returns the rows of the manifest as dataset.yaml explains them.

    Without dataset.yaml every column but path and group is an attribute with its sorted values as
    classes; bands of a number are put in their order.

    Raises:
        DataError: a file is missing or malformed, a column is missing or not accounted for, a
            cell is empty or not an allowed class, or a path leaves the folder.
    """
    yaml = root / "dataset.yaml"
    config = read_config(yaml) if yaml.exists() else ManifestConfig()
    rows = _rows(root, config)
    wanted = _attribute_configs(rows, config)
    paths, path_notes = _paths(root, rows, config)
    groups, group_notes = _groups(rows, config)
    num_people = len(set(groups))
    found = [_attribute(rows, each, num_people) for each in wanted]
    attributes = [attribute for attribute, _ in found]
    raw = {each.name: rows.numbers(each.column) for each in wanted if each.bins}
    labels = [
        attribute.encode_raw(raw[attribute.name])
        if attribute.has_raw
        else _codes(rows, each, attribute)
        for each, attribute in zip(wanted, attributes, strict=True)
    ]
    label_notes = [note for _, notes in found for note in notes]
    return SampleTable(
        schema=LabelSchema(name=config.name, attributes=tuple(attributes)),
        root=root,
        paths=paths,
        groups=groups,
        labels=np.column_stack(labels),
        raw=raw,
        source_rows=rows.source_rows,
        notes=(*rows.notes, *path_notes, *group_notes, *label_notes),
        max_pixels=config.max_pixels,
    )


def _rows(root: Path, config: ManifestConfig) -> CsvRows:
    if config.file_names:
        folder = normal_path(config.images, "images in dataset.yaml") if config.images else ""
        rows = read_file_names(root / folder, config.file_names)
        return replace(rows, path=root / "dataset.yaml")
    name = normal_path(config.manifest, "manifest in dataset.yaml")
    return read_csv(root / name, config.encoding)


def _paths(
    root: Path, rows: CsvRows, config: ManifestConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    folder = f"{config.images}/" if config.images else ""
    cells = rows.filled(config.path)
    wished = [normal_path(folder + cell, rows.where(row)) for row, cell in enumerate(cells)]
    return resolved(root, wished)


def _groups(rows: CsvRows, config: ManifestConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the person of each row; spellings of one name are one person."""
    cells = rows.known(config.group, kept=("NA",))  # may be somebody's initials
    if rows.named(config.group) == rows.named(config.path):
        return cells, ("every photo is a person of its own (group and path are one column)",)
    people: dict[str, str] = {}
    first: dict[str, str] = {}
    for cell in dict.fromkeys(cells):
        people[cell] = first.setdefault(spelling(cell), cell)
    if len(first) == len(people):
        return cells, ()
    twice = [f"{cell} is {person}" for cell, person in people.items() if cell != person]
    note = f"{config.group}: {twice[0]}, spelt otherwise ({len(twice)} such names)"
    return tuple(people[cell] for cell in cells), (note,)


def _attribute_configs(rows: CsvRows, config: ManifestConfig) -> tuple[AttributeConfig, ...]:
    """Returns the attributes to read, once every column of the manifest is accounted for."""
    ignored = [rows.named(each) for each in config.ignore if each not in rows.left_out]
    for column in (config.path, config.group, *ignored):
        if rows.named(column) not in rows.columns:
            alone = "" if column != config.group else "; group: COLUMN, or group: path where every"
            raise DataError(
                f"{rows.path} needs a column {column!r}; its columns are "
                f"{', '.join(rows.columns)} (dataset.yaml can name others"
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


def _attribute(
    rows: CsvRows, config: AttributeConfig, num_people: int
) -> tuple[Attribute, tuple[str, ...]]:
    """Returns an attribute and what its reader should know, a sentence each."""
    classes, ordered = config.classes, bool(config.ordered)
    notes: tuple[str, ...] = ()
    if config.bins:
        classes = classes or _bin_names(config.bins)
    elif classes:
        notes = _of_listed(rows, config)
    else:
        classes, notes = _found_classes(rows, config, num_people)
        bands = in_order(classes)
        if bands is not None and config.ordered is not False:
            classes, ordered = bands, True
            notes = (*notes, f"bands of a number, in their order: {', '.join(bands)}")
    try:
        attribute = Attribute(
            name=config.name, classes=classes, ordered=ordered, edges=config.bins
        )
    except DataError as error:
        raise DataError(f"{rows.path}, column {config.column!r}: {error}") from error
    return attribute, tuple(f"{config.name}: {note}" for note in notes)


def _of_listed(rows: CsvRows, config: AttributeConfig) -> tuple[str, ...]:
    listed = tuple(config.values) or config.classes
    names = ClassNames(listed)
    values = [value for value in dict.fromkeys(rows.column(config.column)) if value not in listed]
    found = [(value, names.code(value)) for value in values]
    notes = [f"{value!r} read as {listed[code]!r}" for value, code in found if code is not None]
    said_nothing = config.ordered is None and len(config.classes) > 2
    if said_nothing and in_order(config.classes) == config.classes:
        notes.append("bands of a number; `ordered: true` in dataset.yaml makes use of their order")
    return tuple(notes)


def _found_classes(
    rows: CsvRows, config: AttributeConfig, num_people: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the values of a column as classes, where they can be some."""
    classes, notes = merged(rows.known(config.column))
    where = f"{rows.path}: column {config.column!r}"
    leave_out = f"leave it out (ignore: [{config.column}] in dataset.yaml)"
    if len(classes) == 1:
        raise DataError(
            f"{where}: an attribute needs at least two different classes, got {classes[0]!r} in "
            f"all {len(rows.cells)} rows; {leave_out}"
        )
    _check_dates(where, leave_out, classes)
    numeric = all(parse_number(name) is not None for name in classes)
    if numeric and len(classes) > MAX_NUMERIC_CLASSES:
        raise DataError(
            f"{where} holds {len(classes)} different numbers, which are not classes; give bins "
            f"for attribute {config.name!r} in dataset.yaml, or {leave_out}"
        )
    if len(classes) > MAX_NUMERIC_CLASSES and 2 * len(classes) > num_people:
        raise DataError(
            f"{where} holds {len(classes)} different values for {num_people} people, such as "
            f"{classes[0]!r}, which are not classes; {leave_out}, or list them under classes"
        )
    return classes, notes


def _check_dates(where: str, leave_out: str, classes: Sequence[str]) -> None:
    dates = [name for name in classes if is_date(name)]
    others = [name for name in classes if name not in dates]
    was = f" ({dates[0]!r} was {date_band(dates[0])!r})" if dates and date_band(dates[0]) else ""
    if dates and (not others or any(map(_is_band, others))):
        raise DataError(
            f"{where} holds dates such as {dates[0]!r}, which are no classes; where a spreadsheet "
            f"made them of bands{was}, write the bands again in a column of text, else {leave_out}"
        )


def _is_band(name: str) -> bool:
    found = band(name)
    return found is not None and found[0] < found[1]


def _codes(rows: CsvRows, config: AttributeConfig, attribute: Attribute) -> IntArray:
    """Returns the class number of each row of an attribute without raw numbers."""
    if not config.values:
        return rows.codes(config.column, attribute.classes)
    number = [attribute.classes.index(name) for name in config.values.values()]
    return np.array(number)[rows.codes(config.column, tuple(config.values))]


def _bin_names(bins: tuple[float, ...]) -> tuple[str, ...]:
    """Returns names of half-open intervals: "<30", "30-59", ">=60"; whole numbers stay whole."""
    inner = [_interval_name(low, high) for low, high in pairwise(bins)]
    return (f"<{bins[0]:g}", *inner, f">={bins[-1]:g}")


def _interval_name(low: float, high: float) -> str:
    if not (low.is_integer() and high.is_integer()):
        return f"{low:g} to <{high:g}"
    return f"{low:.0f}" if high - low == 1 else f"{low:.0f}-{high - 1:.0f}"
