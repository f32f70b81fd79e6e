"""A table of text cells, read from a CSV file; every complaint names the file and the line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from trainables.data.bounded_files import check_plain
from trainables.data.class_names import NOT_LABELS, ClassNames, same_text
from trainables.data.csv_shape import shaped
from trainables.data.csv_text import decode_text
from trainables.data.schema import FloatArray, IntArray
from trainables.errors import DataError

_COMMA_NUMBER = re.compile(r"-?\d+,\d+")


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
        decimal: the sign between the whole and the rest of a number.
    """

    path: Path
    columns: tuple[str, ...]
    source_rows: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    decimal: str = "."

    def where(self, row: int) -> str:
        """Returns "file.csv row LINE" of a row index."""
        return self.source_rows[row]

    def named(self, column: str) -> str:
        """Returns what the file calls a column: the same, or the same text in other code points.

        A Mac writes "é" as two code points where others write one.
        """
        if column in self.columns:
            return column
        return next((each for each in self.columns if same_text(each, column)), column)

    def column(self, column: str) -> tuple[str, ...]:
        """Returns a column; DataError where the table has none of that name."""
        column = self.named(column)
        if column not in self.columns:
            raise DataError(
                f"{self.path} needs a column {column!r}; its columns are {', '.join(self.columns)}"
            )
        index = self.columns.index(column)
        return tuple(row[index] for row in self.cells)

    def filled(self, column: str) -> tuple[str, ...]:
        """Returns a column that must have a value in every row.

        Raises:
            DataError: the column is missing, or a cell is empty; names the row.
        """
        values = self.column(column)
        if "" in values:
            where = self.where(values.index(""))
            raise DataError(f"{where}: column {column!r} is empty; fill it or remove the row")
        return values

    def known(self, column: str, kept: Sequence[str] = ()) -> tuple[str, ...]:
        """Returns a column that must have a value, and not what a program wrote for none.

        Args:
            column: its name.
            kept: values that are meant as they stand.

        Raises:
            DataError: as `filled`, or a cell is "#N/A", "nan" or the like; names the row.
        """
        values = self.filled(column)
        for row, value in enumerate(values):
            if value in NOT_LABELS and value not in kept:
                raise DataError(
                    f"{self.where(row)}: column {column!r} is {value!r}, which a spreadsheet or "
                    f"pandas writes where there is no value ({values.count(value)} rows have "
                    "it); fill it or remove the row (one that means what it says is listed "
                    "under classes in dataset.yaml)"
                )
        return values

    def codes(self, column: str, classes: Sequence[str]) -> IntArray:
        """Returns the class number of each row.

        Raises:
            DataError: as `known`, or a value is not one of `classes`; names the row.
        """
        names = ClassNames(tuple(classes))
        values = self.known(column, kept=classes)
        codes = {value: names.code(value) for value in dict.fromkeys(values)}
        for row, value in enumerate(values):
            if codes[value] is None:
                raise DataError(
                    f"{self.where(row)}: unknown {column} {value!r}; allowed: {', '.join(classes)}"
                )
        return np.array([codes[value] for value in values], dtype=np.int64)

    def numbers(self, column: str) -> FloatArray:
        """Returns a column of numbers.

        Raises:
            DataError: as `filled`, or a value is not a finite number; names the row.
        """
        values = self.filled(column)
        numbers = [parse_number(self._pointed(value)) for value in values]
        for row, (value, number) in enumerate(zip(values, numbers, strict=True)):
            if number is None:
                raise DataError(f"{self.where(row)}: {column} {value!r} is not a number")
        return np.array(numbers, dtype=np.float64)

    def _pointed(self, value: str) -> str:
        return value if self.decimal == "." else value.replace(self.decimal, ".")


def parse_number(text: str) -> float | None:
    """Returns the finite number that a text spells, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_csv(path: Path, encoding: str = "") -> CsvRows:
    """Reads a CSV file as people and spreadsheets write it.

    Commas separate the cells, or else semicolons, tabs or bars where every row then has as many
    cells as the header. UTF-8 and UTF-16 are told apart; an index column and trailing separators
    are ignored. `notes` say what was not as it should be.

    Args:
        path: the file.
        encoding: that the user named; empty to find it out.

    Raises:
        DataError: the file cannot be read, is empty or malformed, a header name is empty or
            repeated, a row has more or fewer cells than the header, or two readings fit.
    """
    try:
        check_plain(path)
        text, note = decode_text(path, path.read_bytes(), encoding)
        sheet = shaped(path, text)
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as UTF-8 CSV: {error}") from error
    rows = CsvRows(
        path=path,
        columns=sheet.columns,
        source_rows=tuple(f"{path.name} row {line}" for line in sheet.lines),
        cells=sheet.cells,
        notes=tuple(each for each in (note, *sheet.notes) if each),
        left_out=sheet.left_out,
        decimal="," if sheet.separator == ";" else ".",
    )
    return replace(rows, notes=(*rows.notes, *_decimal_commas(rows)))


def _decimal_commas(rows: CsvRows) -> Iterator[str]:
    if rows.decimal != "." and any(map(_COMMA_NUMBER.fullmatch, chain.from_iterable(rows.cells))):
        yield f"{rows.path.name}: a comma within a number is its decimal point"
