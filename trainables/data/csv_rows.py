"""A CSV file read as text, whose every complaint names the file and the line."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.data.bounded_files import check_plain
from trainables.data.schema import FloatArray, IntArray
from trainables.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRows:
    """The cells of a CSV file as stripped strings, so leading zeros of ids survive.

    Attributes:
        path: the file.
        columns: header names, unique.
        lines: line number of each row in the file; the header is line 1.
        cells: the rows, each as long as `columns`.
    """

    path: Path
    columns: tuple[str, ...]
    lines: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]

    def where(self, row: int) -> str:
        """Returns "file.csv row LINE" of a row index."""
        return f"{self.path.name} row {self.lines[row]}"

    @property
    def source_rows(self) -> tuple[str, ...]:
        """`where` of every row."""
        return tuple(map(self.where, range(len(self.lines))))

    def filled(self, column: str) -> tuple[str, ...]:
        """Returns a column that must have a value in every row.

        Raises:
            DataError: the column is missing, or a cell is empty; names the row.
        """
        if column not in self.columns:
            raise DataError(
                f"{self.path} needs a column {column!r}; its columns are {', '.join(self.columns)}"
            )
        index = self.columns.index(column)
        values = tuple(row[index] for row in self.cells)
        if "" in values:
            where = self.where(values.index(""))
            raise DataError(f"{where}: column {column!r} is empty; fill it or remove the row")
        return values

    def codes(self, column: str, classes: Sequence[str]) -> IntArray:
        """Returns the class number of each row.

        Raises:
            DataError: as `filled`, or a value is not one of `classes`; names the row.
        """
        number = {name: index for index, name in enumerate(classes)}
        values = self.filled(column)
        for row, value in enumerate(values):
            if value not in number:
                raise DataError(
                    f"{self.where(row)}: unknown {column} {value!r}; allowed: {', '.join(classes)}"
                )
        return np.array([number[value] for value in values], dtype=np.int64)

    def numbers(self, column: str) -> FloatArray:
        """Returns a column of numbers.

        Raises:
            DataError: as `filled`, or a value is not a finite number; names the row.
        """
        values = self.filled(column)
        numbers = [parse_number(value) for value in values]
        for row, (value, number) in enumerate(zip(values, numbers, strict=True)):
            if number is None:
                raise DataError(f"{self.where(row)}: {column} {value!r} is not a number")
        return np.array(numbers, dtype=np.float64)


def parse_number(text: str) -> float | None:
    """Returns the finite number that a text spells, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_csv(path: Path) -> CsvRows:
    """Reads a comma-separated file in UTF-8, with or without a byte order mark.

    Raises:
        DataError: the file cannot be read, is empty or malformed, a header name is empty or
            repeated, or a row has more or fewer cells than the header.
    """
    try:
        check_plain(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, tuple(map(str.strip, row))) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as UTF-8 CSV: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path} needs a header and one or more rows, got {len(rows)} lines")
    columns = rows[0][1]
    if "" in columns or len(set(columns)) != len(columns):
        raise DataError(f"the header of {path} needs different, non-empty names, got {columns}")
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            raise DataError(
                f"{path.name} row {line}: {len(columns)} cells are needed as in the header, "
                f"got {len(cells)}"
            )
    return CsvRows(
        path=path,
        columns=columns,
        lines=tuple(line for line, _ in rows[1:]),
        cells=tuple(cells for _, cells in rows[1:]),
    )
