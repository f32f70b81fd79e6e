"""The column that tells people apart: which names are one person, and which may be."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainables.data.class_names import alike, spelling
from trainables.data.csv_rows import CsvRows
from trainables.errors import DataError

_ROUNDED = re.compile(r"-?\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


def person_names(rows: CsvRows, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the person of each row, and what its reader should know, a sentence each.

    Spellings of one name are one person: "7" and "7.0", "é" in one code point or two.

    Raises:
        DataError: a cell is empty or no name, or a spreadsheet rounded it; names the row.
    """
    cells = rows.known(column, kept=("NA",))  # may be somebody's initials
    for row, cell in enumerate(cells):
        if _ROUNDED.fullmatch(cell):
            raise DataError(
                f"{rows.where(row)}: column {column!r} is {cell!r}, a long number that a "
                "spreadsheet rounded, so that people look the same; write it again as text"
            )
    people: dict[str, str] = {}
    first: dict[str, str] = {}
    for cell in dict.fromkeys(cells):
        people[cell] = first.setdefault(spelling(cell), cell)
    twice = [f"{cell} is {person}" for cell, person in people.items() if cell != person]
    notes = _first([f"{each}, spelt otherwise" for each in twice])
    notes += _first(list(alike(tuple(first.values()), "people")))
    return tuple(people[cell] for cell in cells), tuple(f"{column}: {note}" for note in notes)


def _first(sentences: Sequence[str]) -> list[str]:
    """Returns the first of sentences that say the same of others, with their number."""
    return [f"{sentences[0]} ({len(sentences)} such names)"] if sentences else []
