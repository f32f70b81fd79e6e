"""The values of a column as classes where nobody listed any: which can be some, in what order."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.bands import band, date_band, day_band, days_among, in_order, is_date
from trainables.data.class_names import merged, spelling
from trainables.data.csv_rows import CsvRows, parse_number
from trainables.data.image_files import several
from trainables.data.manifest_config import AttributeConfig, to_ignore
from trainables.errors import DataError

MAX_NUMERIC_CLASSES = 12
"""A column of numbers with more different values than this is a measurement, not a class."""
EMPTY = "an empty one is unknown where dataset.yaml says missing: ignore"
"""What becomes of an empty label."""
LISTED = f"one that means what it says is listed under classes in dataset.yaml; {EMPTY}"
"""What becomes of a word that looks like none."""
_FEWEST_IDS, _SHARE_OF_IDS = 4, 0.9
"""A column of as many values, nearly all of one person each, tells photos or people apart."""


def found_classes(
    rows: CsvRows, config: AttributeConfig, groups: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the values of a column as classes, and what to say of them.

    Args:
        rows: of the table, each with a label.
        config: of the attribute; names no class.
        groups: the person of each row.

    Raises:
        DataError: they are numbers, dates, all the same, or tell photos or people apart.
    """
    values = rows.known(config.column, way_out=LISTED)
    classes, notes = merged(values)
    where = f"{rows.path}: column {config.column!r}"
    leave_out = f"leave it out ({to_ignore([config.column])})"
    if len(classes) == 1:
        raise DataError(
            f"{where}: an attribute needs at least two different classes, got {classes[0]!r} in "
            f"all {len(rows.cells)} rows; {leave_out}, or list its classes there where this data "
            "is added to other"
        )
    _check_dates(where, leave_out, classes)
    words = [name for name in classes if not _is_number(name)]
    num_numbers = len(classes) - len(words)
    if num_numbers > MAX_NUMERIC_CLASSES and num_numbers > len(words):
        beside = f" beside {several([repr(word) for word in words])}" if words else ""
        raise DataError(
            f"{where} holds {num_numbers} different numbers{beside}, which are not classes; "
            f"{_way_to_classes(config.name, classes)}, or {leave_out}"
        )
    num_bands = sum(map(_is_band, classes))
    if num_bands > len(classes) // 2 and in_order(classes) is None:
        others = several([repr(name) for name in classes if band(name) is None])
        why = f"beside {others}" if others else "that lie in each other"
        notes = (*notes, f"bands of a number {why}: without an order")
    if num_bands <= len(classes) // 2:
        _check_shared(where, leave_out, values, groups)
    return classes, notes


def _check_shared(
    where: str, leave_out: str, values: Sequence[str], groups: Sequence[str]
) -> None:
    """Raises DataError where values are of one person each, as file names and captions are."""
    if len(set(values)) < _FEWEST_IDS:
        return
    people: dict[str, set[str]] = {}
    for value, group in set(zip(values, groups, strict=True)):
        people.setdefault(spelling(value), set()).add(group)
    alone = sorted(value for value, who in people.items() if len(who) == 1)
    if len(people) >= _FEWEST_IDS and len(alone) >= _SHARE_OF_IDS * len(people):
        raise DataError(
            f"{where} holds {len(people)} different values, {len(alone)} of which one person "
            f"alone has, such as {alone[0]!r}: these are not classes; {leave_out}, or list them "
            "under classes"
        )


def _check_dates(where: str, leave_out: str, classes: Sequence[str]) -> None:
    dates = [name for name in classes if is_date(name)]
    others = [name for name in classes if name not in dates]
    dates = dates or days_among(classes)
    before = (date_band(dates[0]) or day_band(dates[0])) if dates else None
    was = f" ({dates[0]!r} was {before!r})" if before else ""
    if dates and (len(dates) > len(others) or any(map(_is_band, others))):
        raise DataError(
            f"{where} holds dates such as {dates[0]!r}, which are no classes; where a "
            f"spreadsheet made them of bands{was}, write the bands again in a column of text; "
            f"else {leave_out}, or list them under classes"
        )


def _way_to_classes(name: str, classes: Sequence[str]) -> str:
    """Returns how numbers become classes: by bins, where they stand without units, or as codes."""
    listed = f"list the numbers under classes of attribute {name!r} where they are codes"
    if all(parse_number(each) is not None for each in classes):
        return f"give bins for attribute {name!r} in dataset.yaml, {listed}"
    return f"write the numbers alone and give bins for attribute {name!r}, {listed}"


def _is_number(name: str) -> bool:
    """Returns whether a value is a number, with a unit or without."""
    found = band(name) if name[:1].isdigit() else None
    return parse_number(name) is not None or (found is not None and found[0] == found[1])


def _is_band(name: str) -> bool:
    found = band(name)
    return found is not None and found[0] < found[1]
