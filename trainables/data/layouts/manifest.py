"""A CSV with one row per image: path, group (the person) and attribute columns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from trainables.data.csv_rows import CsvRows, parse_number, read_csv
from trainables.data.image_files import normal_path
from trainables.data.manifest_config import AttributeConfig, ManifestConfig, read_config
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema, own_name
from trainables.errors import DataError

LOOKS_FOR = "manifest.csv (path,group,<attributes>), with or without dataset.yaml beside it"
LABELLED = True

MAX_NUMERIC_CLASSES = 12
"""A column of numbers with more different values than this is a measurement, not a class."""


def detect(root: Path) -> bool:
    """Returns whether there is a manifest.csv."""
    return (root / "manifest.csv").is_file()


def read(root: Path) -> SampleTable:
    """Returns the rows of manifest.csv as dataset.yaml explains them.

    Without dataset.yaml every column but path and group is an attribute with its sorted values as
    classes.

    Raises:
        DataError: a file is missing or malformed, a column is missing or not accounted for, a
            cell is empty or not an allowed class, or a path leaves the folder.
    """
    rows = read_csv(root / "manifest.csv")
    yaml = root / "dataset.yaml"
    config = read_config(yaml) if yaml.exists() else ManifestConfig()
    wanted = _attribute_configs(rows, config)
    paths = [
        normal_path(path, rows.where(row)) for row, path in enumerate(rows.filled(config.path))
    ]
    groups = rows.filled(config.group)
    attributes = [_attribute(rows, each) for each in wanted]
    raw = {each.name: rows.numbers(each.column) for each in wanted if each.bins}
    labels = [
        attribute.encode_raw(raw[attribute.name])
        if attribute.has_raw
        else rows.codes(each.column, attribute.classes)
        for each, attribute in zip(wanted, attributes, strict=True)
    ]
    return SampleTable(
        schema=LabelSchema(name=config.name, attributes=tuple(attributes)),
        root=root,
        paths=tuple(paths),
        groups=groups,
        labels=np.column_stack(labels),
        raw=raw,
        source_rows=rows.source_rows,
    )


def _attribute_configs(rows: CsvRows, config: ManifestConfig) -> tuple[AttributeConfig, ...]:
    """Returns the attributes to read, once every column of the manifest is accounted for."""
    for column in (config.path, config.group, *config.ignore):
        if column not in rows.columns:
            raise DataError(
                f"{rows.path} needs a column {column!r}; its columns are "
                f"{', '.join(rows.columns)} (dataset.yaml can name others)"
            )
    taken = {config.path, config.group, *config.ignore}
    free = [column for column in rows.columns if column not in taken]
    if config.attributes is None:
        wanted = tuple(AttributeConfig(name=column, column=column) for column in free)
    else:
        wanted = config.attributes
        _check_columns(rows, taken, free, wanted)
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
            "attributes, or to ignore"
        )
    if used & taken:
        raise DataError(
            f"{rows.path}: column {min(used & taken)!r} is an attribute in dataset.yaml and "
            "also path, group or ignored; it can be one of them"
        )


def _attribute(rows: CsvRows, config: AttributeConfig) -> Attribute:
    classes = config.classes
    if not classes:
        classes = _bin_names(config.bins) if config.bins else _sorted_classes(rows, config)
    try:
        return Attribute(
            name=config.name,
            classes=classes,
            ordered=bool(config.ordered),
            edges=config.bins,
        )
    except DataError as error:
        raise DataError(f"{rows.path}, column {config.column!r}: {error}") from error


def _sorted_classes(rows: CsvRows, config: AttributeConfig) -> tuple[str, ...]:
    classes = tuple(sorted(set(rows.filled(config.column))))
    numeric = all(parse_number(name) is not None for name in classes)
    if numeric and len(classes) > MAX_NUMERIC_CLASSES:
        raise DataError(
            f"{rows.path}: column {config.column!r} holds {len(classes)} different numbers, which "
            f"are not classes; give bins for attribute {config.name!r} in dataset.yaml"
        )
    return classes


def _bin_names(bins: tuple[float, ...]) -> tuple[str, ...]:
    """Returns names of half-open intervals: "<30", "30-59", ">=60"; whole numbers stay whole."""
    inner = [_interval_name(low, high) for low, high in pairwise(bins)]
    return (f"<{bins[0]:g}", *inner, f">={bins[-1]:g}")


def _interval_name(low: float, high: float) -> str:
    if not (low.is_integer() and high.is_integer()):
        return f"{low:g} to <{high:g}"
    return f"{low:.0f}" if high - low == 1 else f"{low:.0f}-{high - 1:.0f}"
