"""A table of text cells, read from a CSV file; every complaint names the file and the line."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

import numpy as np

from trainables.data.bounded_files import check_plain
from trainables.data.class_names import ClassNames, no_labels, same_text
from trainables.data.csv_shape import Sheet, shaped
from trainables.data.csv_text import decode_text
from trainables.data.image_files import several
from trainables.data.manifest_config import to_ignore
from trainables.data.schema import FloatArray, IntArray
from trainables.errors import DataError
from trainables.given_paths import no_file
from trainables.nearest import near

_COMMA_NUMBER = re.compile(r"-?\d+,\d+(?:[eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}")
_BREAKS = frozenset("\n\r\t\v\f")
_LOST = "\ufffd"
"""What a program writes for a character that it cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRows:
    """The cells of a table as stripped strings, so leading zeros of ids survive.

    Attributes:
        path: the file.
        columns: names, unique.
        source_rows: where each row is, such as "train.csv row 12", for messages.
        cells: the rows, each as long as `columns`.
        notes: what was read otherwise than it stands in the file, a sentence each.
        left_out: columns of the file that hold nothing and were ignored.
        has_decimal_commas: whether a comma within a number of the file was its decimal point; in
            the cells it is a point.
    """

    path: Path
    columns: tuple[str, ...]
    source_rows: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    has_decimal_commas: bool = False

    def where(self, row: int) -> str:
        """Returns "file.csv row LINE" of a row index."""
        return self.source_rows[row]

    def take(self, rows: Sequence[int]) -> CsvRows:
        """Returns some rows alone."""
        if len(rows) == len(self.cells):
            return self
        where = tuple(self.source_rows[row] for row in rows)
        return replace(self, source_rows=where, cells=tuple(self.cells[row] for row in rows))

    def named(self, column: str) -> str:
        """Returns what the file calls a column: the same, or the same text in other code points.

        A Mac writes "é" as two code points where others write one.
        """
        if column in self.columns:
            return column
        return next((each for each in self.columns if same_text(each, column)), column)

    def needs(self, column: str) -> str:
        """Returns what is said where the table has no column of that name."""
        why = " (left out: an index column, or empty; give it a name)"
        return (
            f"{self.path} needs a column {column!r}{why if column in self.left_out else ''}; its "
            f"columns are {', '.join(self.columns)}{near(column, self.columns)}"
        )

    def column(self, column: str) -> tuple[str, ...]:
        """Returns a column; DataError where the table has none of that name."""
        column = self.named(column)
        if column not in self.columns:
            raise DataError(self.needs(column))
        return tuple(map(itemgetter(self.columns.index(column)), self.cells))

    def filled(self, column: str) -> tuple[str, ...]:
        """Returns a column that must have a value in every row.

        Raises:
            DataError: the column is missing, or a cell is empty; names the row.
        """
        values = self.column(column)
        if "" in values:
            where, times = self.where(values.index("")), values.count("")
            if times == 1:
                raise DataError(f"{where}: column {column!r} is empty; fill it or remove the row")
            raise DataError(
                f"{where}: column {column!r} is empty, in {times} rows (a spreadsheet keeps the "
                "value of merged cells in the first of them alone); fill it or remove the rows"
            )
        return values

    def known(self, column: str, kept: Sequence[str] = (), way_out: str = "") -> tuple[str, ...]:
        """Returns a column that must have a value, and not what a program wrote for none.

        Args:
            column: its name.
            kept: values that are meant as they stand.
            way_out: beside filling or removing, to be said in brackets; empty where the data
                needs the column.

        Raises:
            DataError: as `filled`, or a cell is "#N/A", "nan" or the like, or has characters that
                are lost, control something or break the line; names the row.
        """
        values = self.filled(column)
        different = set(values)
        strange = {each for each in different if _LOST in each or _controls(each)}
        broken = {each for each in different - strange if not _BREAKS.isdisjoint(each)}
        empty = no_labels(different).difference(kept)
        wrong = strange | broken | empty
        rows = (row for row, each in enumerate(values) if each in wrong)
        first = next(rows, None) if wrong else None
        if first is not None and values[first] in strange:
            raise DataError(
                f"{self.where(first)}: column {column!r} is {values[first]!a}, with a character "
                "that was lost or that controls a terminal: the file was saved in another "
                'encoding; save it again as "CSV UTF-8" from where it is whole'
            )
        if first is not None and values[first] in broken:
            raise DataError(
                f"{self.where(first)}: column {column!r} is {values[first]!a}, a text with a line "
                f"break or a tab in it ({sum(map(broken.__contains__, values))} rows have such "
                "ones); write it on one line without tabs"
                f"{way_out and f', or leave the column out ({to_ignore([column])})'}"
            )
        if first is not None:
            raise DataError(
                f"{self.where(first)}: column {column!r} is {values[first]!r}, which people, a "
                "spreadsheet or pandas write where there is no value "
                f"({values.count(values[first])} rows have it); fill it or remove the row"
                f"{way_out and f' ({way_out})'}"
            )
        return values

    def codes(self, column: str, classes: Sequence[str], way_out: str = "") -> IntArray:
        """Returns the class number of each row.

        Raises:
            DataError: as `known`, or a value is not one of `classes`; names the row, and counts
                such rows.
        """
        names = ClassNames(tuple(map(self.pointed, classes)))
        values = self.known(column, kept=names.classes, way_out=way_out)
        codes = {value: names.code(value) for value in dict.fromkeys(values)}
        for row, value in enumerate(values):
            if codes[value] is None:
                unknown = sum(codes[each] is None for each in values)
                more = f" ({unknown} rows have an unknown one)" if unknown > 1 else ""
                raise DataError(
                    f"{self.where(row)}: unknown {column} {value!r}{near(value, classes)}{more}; "
                    f"allowed: {', '.join(classes)}"
                )
        return np.array([codes[value] for value in values], dtype=np.int64)

    def numbers(self, column: str, way_out: str = "") -> FloatArray:
        """Returns a column of numbers.

        Raises:
            DataError: as `known`, or a value is not a finite number; names the row.
        """
        values = self.known(column, way_out=way_out)
        numbers = [parse_number(value) for value in values]
        wrong = [row for row, number in enumerate(numbers) if number is None]
        if wrong:
            first = values[wrong[0]]
            others = list(
                dict.fromkeys(repr(values[row]) for row in wrong if values[row] != first)
            )
            also = f" (others are {several(others)})" if others else ""
            count = f", in {len(wrong)} rows{also}" if len(wrong) > 1 else ""
            raise DataError(
                f"{self.where(wrong[0])}: {column} {first!r} is not a number{count}; write digits "
                "alone, with a point for decimals and no mark of thousands (1234.5)"
            )
        return np.array(numbers, dtype=np.float64)

    def pointed(self, value: str) -> str:
        """Returns a value of the user as the cells have it: a number with a decimal point."""
        return _pointed(value) if self.has_decimal_commas else value


def _pointed(value: str) -> str:
    return value.replace(",", ".") if _COMMA_NUMBER.fullmatch(value) else value


def _controls(value: str) -> bool:
    return any(unicodedata.category(sign) == "Cc" for sign in value if sign not in _BREAKS)


def number_said(number: float) -> str:
    """Returns the shortest text that reads back as the same number; a whole one has no point."""
    return repr(float(number)).removesuffix(".0")


def parse_number(text: str) -> float | None:
    """Returns the finite number that a text spells, or None.

    Python would take "25_30" for 2530: in a table it is a band, or two numbers.
    """
    if "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_csv(path: Path, encoding: str | None = None) -> CsvRows:
    """Reads a CSV file as people and spreadsheets write it.

    Commas separate the cells, or else semicolons, tabs or bars where every row then has as many
    cells as the header. UTF-8 and UTF-16 are told apart; an index column and trailing separators
    are ignored. `notes` say what was not as it should be.

    Args:
        path: the file.
        encoding: that the user named; empty to find it out, None where it cannot be named.

    Raises:
        DataError: the file cannot be read, is empty or malformed, a header name is empty or
            repeated, a row has more or fewer cells than the header, or two readings fit.
    """
    if why := no_file(path):
        raise DataError(f"{path} cannot be read: {why}")
    try:
        check_plain(path)
        text, note = decode_text(path, path.read_bytes(), encoding)
        sheet = shaped(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV {error}") from error
    rows = CsvRows(
        path=path,
        columns=sheet.columns,
        source_rows=tuple(f"{path.name} row {line}" for line in sheet.lines),
        cells=sheet.cells,
        notes=tuple(each for each in (note, *sheet.notes) if each),
        left_out=sheet.left_out,
    )
    if not _has_decimal_commas(sheet):
        return rows
    note = f"{path.name}: a comma within a number is its decimal point"
    cells = tuple(tuple(map(_pointed, row)) for row in sheet.cells)
    return replace(rows, cells=cells, notes=(*rows.notes, note), has_decimal_commas=True)


def _has_decimal_commas(sheet: Sheet) -> bool:
    """Returns whether commas within numbers are decimal points.

    A spreadsheet separates by semicolons where they are; between tabs they may be of thousands.
    """
    every = set(chain.from_iterable(sheet.cells)) if sheet.separator != "," else ()
    with_commas = [each for each in every if _COMMA_NUMBER.fullmatch(each)]
    sure = sheet.separator == ";" or not all(map(_THOUSANDS.fullmatch, with_commas))
    return bool(with_commas) and sure
