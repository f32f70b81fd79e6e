"""The rows and columns of a CSV text: its separator, and what programs add that holds nothing.

A spreadsheet writes semicolons or tabs where the country's numbers have commas, a comma behind
every row that once was longer, and rows of commas alone; pandas writes a column that counts.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.errors import DataError

_SEPARATORS = {",": "commas", ";": "semicolons (;)", "\t": "tabs", "|": "bars (|)"}
_SPACES = " "
_SAID = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)
_UNNAMED = re.compile(r"(?:Unnamed: \d+(?:\.\d+)?)?")
_WHOLE = re.compile(r"\d+(?:\.0)?")
_FIRST = "path"
"""What a first column without a name is called, in a file separated by spaces."""

Row = tuple[int, tuple[str, ...]]
"""The line a row ends on, and its stripped cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A header and rows that are each as long.

    Attributes:
        separator: between the cells.
        columns: names of the header, unique and not empty.
        lines: line of each row in the file, from 1.
        cells: of each row, without what holds nothing.
        notes: what was left out or read otherwise than with commas, a sentence each.
        left_out: names of columns that were left out.
    """

    separator: str
    columns: tuple[str, ...]
    lines: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def shaped(path: Path, text: str) -> Sheet:
    """Returns the sheet of a CSV text.

    Raises:
        csv.Error: quotes do not fit.
        DataError: there is no row, two separators fit, a header name is empty or repeated, or a
            row has more or fewer cells than the header.
    """
    said = _SAID.match(text)
    separators = (said.group(1),) if said else tuple(_SEPARATORS)
    # The line that says it is left empty: the lines below keep their numbers.
    body = "\n" + text[said.end() :] if said else text
    body = body.replace("\n\ufeff", "\n")  # of a file that was put behind another
    separator, rows = _separated(path, body, separators)
    rows, blank = [row for row in rows if any(row[1])], sum(not any(row[1]) for row in rows)
    rows, again = _without_headers(rows)
    if len(rows) < 2:
        raise DataError(f"{path} needs a header and one or more rows, got {len(rows)} lines")
    notes = []
    if separator != ",":
        notes.append(f"{path.name}: cells are separated by {_name(separator)}")
    if separator == _SPACES and rows[0][1][0] == _FIRST and not _says_first(body, rows[0][0]):
        notes.append(f"{path.name}: its first column, which has no name, is called {_FIRST!r}")
    rows, num_trailing = _without_trailing(rows)
    if num_trailing:
        notes.append(f"{path.name}: trailing {_name(separator)} ignored in {num_trailing} rows")
    if blank:
        notes.append(f"{path.name}: {blank} empty rows ignored")
    if again:
        notes.append(
            f"{path.name}: the header stands again in row {again[0]}, as where files were put one "
            f"behind the other; such rows ignored: {len(again)}"
        )
    columns, cells, left_out = _without_empty(rows)
    _check(path, rows[0][1], columns, rows[1:])
    notes += [f"{path.name}: {note}" for note in left_out.values()]
    return Sheet(
        separator=separator,
        columns=columns,
        lines=tuple(line for line, _ in rows[1:]),
        cells=cells,
        notes=tuple(notes),
        left_out=tuple(rows[0][1][index] for index in left_out),
    )


def _without_headers(rows: Sequence[Row]) -> tuple[list[Row], list[int]]:
    """Returns the rows without those that repeat the first, and the lines of these.

    Names of two columns or more: one name may be a value, too.
    """
    header = rows[0][1] if rows else ()
    if sum(map(bool, header)) < 2:
        return list(rows), []
    again = [line for line, cells in rows[1:] if cells == header]
    return [*rows[:1], *(row for row in rows[1:] if row[1] != header)], again


def _name(separator: str) -> str:
    return _SEPARATORS.get(separator, "spaces" if separator == _SPACES else repr(separator))


def _separated(path: Path, text: str, separators: Sequence[str]) -> tuple[str, list[Row]]:
    """Returns the separator and the rows: commas where they fit, else what alone fits."""
    if len(separators) == 1:
        return separators[0], _rows(text, separators[0])
    broken: csv.Error | None = None
    found = {}
    for each in _in_header(text, separators):
        try:
            rows = _rows(text, each)
        except csv.Error as error:
            broken = broken or error
            continue
        if _fits(rows):
            found[each] = rows
    if len(found) > 1:
        named = " or ".join(map(_name, found))
        raise DataError(
            f"{path} may be separated by {named}: each gives rows as long as the header; keep "
            f"one, or say which in a line before the header (sep={next(iter(found))})"
        )
    if found:
        return next(iter(found.items()))
    if spaced := _spaced(text):
        return _SPACES, spaced
    if broken:
        raise broken
    return _widest(text)


def _in_header(text: str, separators: Sequence[str]) -> list[str]:
    """Returns the separators that the header may have; all where it goes over several lines."""
    lines = (line for line in io.StringIO(text) if line.strip('"\r\n ,;\t|'))
    header = next(lines, "")
    return [each for each in separators if each in header or header.count('"') % 2]


def _widest(text: str) -> tuple[str, list[Row]]:
    """Returns the reading whose header has most columns, for what is then said about a row."""
    header = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=header.count)
    return separator, _rows(text, separator)


def _rows(text: str, separator: str) -> list[Row]:
    reader = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=separator, skipinitialspace=True
    )
    rows, began = [], 1
    try:
        for row in reader:
            if row:
                rows.append((reader.line_num, tuple(map(_stripped, row))))
            began = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(
            f"in the row of line {began} ({error}): a cell with a quote in it stands in quotes, "
            'and the quote is written twice ("")'
        ) from error
    return rows


def _stripped(cell: str) -> str:
    """Returns a cell without spaces around it; one of signs that nobody sees is empty."""
    text = cell.strip()
    if text.isascii() or any(unicodedata.category(sign) != "Cf" for sign in text):
        return text
    return ""


def _fits(rows: Sequence[Row]) -> bool:
    """Returns whether there are two columns or more, and no row without a place for its cells."""
    lengths = [_length(cells) for _, cells in rows]
    if len(rows) < 2 or lengths[0] < 2:
        return False
    places = zip(lengths, (len(cells) for _, cells in rows), strict=True)
    return all(not filled or filled <= lengths[0] <= there for filled, there in places)


def _length(cells: Sequence[str]) -> int:
    """Returns the number of cells up to the last that holds something."""
    return next((i for i in range(len(cells), 0, -1) if cells[i - 1]), 0)


def _spaced(text: str) -> list[Row]:
    """Returns rows that are separated by spaces as CelebA's lists are; empty if they are not.

    The first line may hold their number; the header may lack the name of the first column.
    """
    lines = text.replace('"', " ").splitlines()
    rows = [(n, tuple(line.split())) for n, line in enumerate(lines, start=1)]
    rows = [row for row in rows if row[1]]
    if rows and len(rows[0][1]) == 1 and rows[0][1][0] == str(len(rows) - 2):
        rows = rows[1:]
    widths = {len(cells) for _, cells in rows[1:]}
    if len(widths) != 1 or len(rows[0][1]) < 2:
        return []
    line, header = rows[0]
    counts = all(_WHOLE.fullmatch(cells[0]) for _, cells in rows[1:])
    if {len(header) + 1} == widths and _FIRST not in header and not counts:
        header = (_FIRST, *header)
    fits = len(header) in widths or (counts and len(header) + 1 in widths)
    return [(line, header), *rows[1:]] if fits else []


def _says_first(text: str, line: int) -> bool:
    """Returns whether the header, on a line of a text, names the first column itself."""
    return _FIRST in text.splitlines()[line - 1].replace('"', " ").split()


def _without_trailing(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Returns the rows without the empty cells behind the header's last name, and of how many."""
    header = rows[0][1]
    width = _length(header)
    if any(any(cells[width : len(header)]) for _, cells in rows[1:]):
        width = len(header)  # a column without a name that holds something
    cut = [(line, cells[: max(width, _length(cells))]) for line, cells in rows]
    return cut, sum(len(before[1]) > len(now[1]) for before, now in zip(rows, cut, strict=True))


def _without_empty(
    rows: Sequence[Row],
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], dict[int, str]]:
    """Returns columns and cells without columns that have no name and hold nothing of use.

    These come with what is said of each, by their place.
    """
    header, body = rows[0][1], [cells for _, cells in rows[1:]]
    if any(len(cells) != len(header) for cells in body):
        return header, tuple(body), {}
    left_out: dict[int, str] = {}
    for index, name in enumerate(header):
        is_first = len(left_out) == index  # pandas puts one more in front each time it writes
        if _UNNAMED.fullmatch(name):
            note = _nothing(index, [row[index] for row in body], is_first)
            left_out |= {index: note} if note else {}
    kept = [index for index in range(len(header)) if index not in left_out]
    cells = tuple(tuple(row[index] for index in kept) for row in body) if left_out else tuple(body)
    return tuple(header[i] for i in kept), cells, left_out


def _nothing(index: int, values: Sequence[str], is_first: bool) -> str:
    """Returns what a column without a name is that holds nothing of use; empty if it may."""
    if not any(values):
        return f"empty column {index + 1} ignored"
    counts = is_first and all(map(_WHOLE.fullmatch, values)) and len(set(values)) == len(values)
    if not counts:
        return ""
    return f"index column {index + 1} (a first column without a name that counts) ignored"


def _check(path: Path, header: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
    lengths = {len(cells) for _, cells in rows}
    counts = len(rows) > 1 and all(_WHOLE.fullmatch(cells[0]) for _, cells in rows)
    if counts and lengths == {len(header) + 1}:
        raise DataError(
            f"every row of {path} has one cell more than the header, {len(header)}, as where R "
            "writes names of rows; write it with row.names=FALSE, or name the first column"
        )
    widest = max((_length(cells) for _, cells in rows), default=0)
    title = "remove the title above the header" if sum(map(bool, header)) == 1 < widest else ""
    for line, cells in rows:
        if len(cells) != len(header):
            more = "a cell with a separator in it needs quotes"
            fewer = "fill in those that are missing, or remove the row"
            hint = title or (more if len(cells) > len(header) else fewer)
            raise DataError(
                f"{path.name} row {line}: {len(header)} cells are needed as in the header, "
                f"got {len(cells)}; {hint}"
            )
    # Two that only differ in code points look the same to whoever reads what comes of them.
    if "" in columns or len({unicodedata.normalize("NFC", n) for n in columns}) != len(columns):
        raise DataError(
            f"the header of {path} needs different, non-empty names, got {tuple(columns)}; "
            f"{title or 'name every column that has values, once'}"
        )
