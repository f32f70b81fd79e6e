"""Anybody's predictions and the truth about them, as `headrace compare` reads them.

Notation: S seeds, N samples, C classes.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.analysis.people import People
from search.errors import UsageError
from search.store.reading import reading
from trainables.data.class_names import spelling
from trainables.data.csv_cells import original
from trainables.data.csv_rows import read_csv
from trainables.errors import DataError
from trainables.given_paths import no_file

_TRUTH_COLUMNS = ("sample", "label")
_PREDICTED_COLUMNS = ("sample", "p0", "p1")
_OPTIONAL_COLUMNS = ("group", "fold", "seed")
_OUR_NAME = "ImageID"
"""Of the samples in the answers of `headrace predict`."""
_SUM_TOLERANCE = 1e-3
_MOST_TOLERANCE = 0.3
_SMALLEST = 1e-300
_MAX_COLUMNS = 10_000
"""Of a table."""


def read_files(
    truth_path: Path, predictions: Mapping[str, Path]
) -> tuple[dict[str, NDArray[np.float64]], People, tuple[str, ...]]:
    """Returns probabilities [S, N, C] by approach, the labelled people, and what was read how.

    Args:
        truth_path: as `compare` takes it.
        predictions: as `compare` takes them.

    Raises:
        UsageError: a file is missing or not what it should be; names file and row.
    """
    if len(predictions) < 2:
        raise UsageError(f"compare needs two prediction files or more, got {len(predictions)}")
    with reading(truth_path, "correct it", UsageError):
        truth = _read_csv(truth_path, _TRUTH_COLUMNS)
        labels, group = _labels(truth), _groups(truth)
        fold = _folds(truth, group)
    found, notes = {}, list(truth.notes)
    for name, path in predictions.items():
        with reading(path, "correct it", UsageError):
            table = _read_csv(path, _PREDICTED_COLUMNS)
            found[name] = _probabilities(table, truth.frame)
            notes += table.notes
    widths = {name: probs.shape[2] for name, probs in found.items()}
    num_classes = max(widths.values())
    if len(set(widths.values())) > 1:
        raise UsageError(f"all prediction files must have the same classes, got {widths}")
    if labels.max() >= num_classes:
        raise UsageError(
            f"labels in {truth_path} must be in [0, {num_classes}) (the predictions have columns "
            f"p0 to p{num_classes - 1}), got {int(labels.max())}"
        )
    with reading(truth_path, "correct it", UsageError):
        people = People(label=labels, person=group, num_classes=num_classes, fold=fold)
    return found, people, tuple(dict.fromkeys(notes))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """The cells of a CSV file as texts, where each of its rows is, and what was read how."""

    path: Path
    frame: pd.DataFrame
    rows: tuple[str, ...]
    notes: tuple[str, ...]

    def check_filled(self, column: str, why: str) -> None:
        """Raises UsageError where a cell of a column is empty."""
        empty = np.flatnonzero(self.frame[column] == "")
        if empty.size:
            raise UsageError(f"{self.rows[empty[0]]}: {why}; got an empty cell")


def _read_csv(path: Path, columns: Sequence[str]) -> _Table:
    """Reads a table as any other data.

    Samples and groups are in composed letters, whichever a Mac or another machine wrote.
    """
    if why := no_file(path):
        raise UsageError(f"a CSV file must exist, got {path}: {why}")
    try:
        rows = read_csv(path)
    except DataError as error:
        named = "" if str(path) in str(error) else f"{path}: "
        raise UsageError(f"{named}{error}") from error
    if len(rows.columns) > _MAX_COLUMNS:
        raise UsageError(
            f"{path} may have {_MAX_COLUMNS} columns at most, got {len(rows.columns)}; leave out "
            "what is no sample, seed or probability"
        )
    _check_columns(path, rows.columns, columns)
    frame = pd.DataFrame(rows.cells, columns=list(rows.columns))
    if "sample" not in frame.columns:
        frame = frame.rename(columns={_OUR_NAME: "sample"})
    # Our own files keep names from being formulas.
    frame["sample"] = [unicodedata.normalize("NFC", original(each)) for each in frame["sample"]]
    if "group" in frame.columns:
        frame["group"] = [spelling(original(each)) for each in frame["group"]]
    where = tuple(f"{path.parent / row}" for row in rows.source_rows)
    table = _Table(path=path, frame=frame, rows=where, notes=rows.notes)
    table.check_filled("sample", "every row names its sample")
    return table


def _check_columns(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises UsageError where columns are missing, or are called nearly as one that is read."""
    for name in (*wanted, *_OPTIONAL_COLUMNS):
        alike = [each for each in there if each.casefold() == name]
        if name not in there and alike:
            raise UsageError(f"{path} has a column {alike[0]!r}; call it {name!r}")
    known = {*there, *(["sample"] if _OUR_NAME in there else [])}
    missing = [name for name in wanted if name not in known]
    if missing:
        ours = _OUR_NAME in there and "p0" in missing
        raise UsageError(
            f"{path} must have the columns {', '.join(wanted)}, lacks {', '.join(missing)}; it "
            f"has {', '.join(there)}"
            + ("; headrace predict writes p0, p1, ... with --probabilities" if ours else "")
        )


def _labels(table: _Table) -> NDArray[np.int64]:
    truth = table.frame
    repeated = truth["sample"].duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise UsageError(
            f"{table.rows[row]}: every sample must be listed once, got "
            f"{truth['sample'].iloc[row]!r} again"
        )
    return _whole_numbers(table, "label")


def _groups(table: _Table) -> NDArray[np.str_]:
    column = "group" if "group" in table.frame.columns else "sample"
    table.check_filled(
        column,
        "every sample names its group, the person it shows, or all without one would count as one "
        "person",
    )
    return table.frame[column].to_numpy(dtype=str)


def _folds(table: _Table, group: NDArray[np.str_]) -> NDArray[np.int64] | None:
    """Returns the fold of every sample; None without the column, or where one model made all."""
    if "fold" not in table.frame.columns:
        return None
    fold = _whole_numbers(table, "fold")
    of_group = pd.Series(fold).groupby(group).transform("first").to_numpy()
    if (fold != of_group).any():
        row = int(np.flatnonzero(fold != of_group)[0])
        raise UsageError(
            f"{table.rows[row]}: a group is in one fold with all its samples, got "
            f"{str(group[row])!r} in folds {of_group[row]} and {fold[row]}"
        )
    number = np.unique(fold, return_inverse=True)[1].astype(np.int64)
    return number if number.max() > 0 else None


def _whole_numbers(table: _Table, column: str) -> NDArray[np.int64]:
    truth = table.frame
    numbers = pd.to_numeric(truth[column], errors="coerce").to_numpy(dtype=np.float64)
    # NaN and what no int64 holds are not between the bounds.
    bad = ~((numbers >= 0) & (numbers < 2**63) & (numbers == np.round(numbers)))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UsageError(
            f"{table.rows[row]}: a {column} is a whole number from 0, got "
            f"{str(truth[column].iloc[row])!r}"
        )
    return numbers.astype(np.int64)


def _probabilities(table: _Table, truth: pd.DataFrame) -> NDArray[np.float64]:
    path, frame = table.path, table.frame
    columns = [f"p{number}" for number in range(sum(_is_probability(c) for c in frame.columns))]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise UsageError(
            f"{path} must have the columns p0, p1, ... without a gap, lacks {missing[0]}"
        )
    seeds = _seeds(table)
    found: dict[object, NDArray[np.float64]] = {}
    for seed, part in frame.groupby(seeds, sort=True):
        where = f"{path}, seed {seed}" if "seed" in frame.columns else str(path)
        probs = _aligned(part, truth, columns, where)
        for other, known in found.items():
            if np.array_equal(known, probs):
                raise UsageError(
                    f"{where}: every seed is a training of its own, got the very probabilities of "
                    f"seed {other}; copies would pass for trainings without luck, leave them out"
                )
        found[seed] = probs
    return np.stack(list(found.values()))


def _seeds(table: _Table) -> "pd.Series[Any]":
    """Returns the seed of every row: a number where all are; one for all where none is said."""
    frame = table.frame
    if "seed" not in frame.columns:
        return pd.Series(0, index=frame.index)
    table.check_filled("seed", "every row names the seed of its training")
    numbers = pd.to_numeric(frame["seed"], errors="coerce")
    return frame["seed"] if numbers.isna().any() else numbers


def _aligned(
    part: pd.DataFrame, truth: pd.DataFrame, columns: list[str], where: str
) -> NDArray[np.float64]:
    repeated = part["sample"].duplicated()
    if repeated.any():
        raise UsageError(f"{where}: sample {part['sample'][repeated].iloc[0]!r} is listed twice")
    given, wanted = set(part["sample"]), set(truth["sample"])
    if given != wanted:
        odd = sorted(given ^ wanted)
        side = "the predictions" if odd[0] in given else "the truth"
        raise UsageError(
            f"{where} must predict exactly the samples of the truth: {odd[0]!r} is only in {side}"
            + (f", and {len(odd) - 1} more are in one alone" if odd[1:] else "")
        )
    ordered = part.set_index("sample").loc[truth["sample"], columns]
    # All cells at once: a table may have thousands of columns.
    cells = ordered.to_numpy()
    flat = pd.to_numeric(pd.Series(cells.ravel()), errors="coerce")
    values = flat.to_numpy(dtype=np.float64, copy=True).reshape(cells.shape)
    sums = values.sum(axis=1)
    bad = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1)
    bad |= np.abs(sums - 1) > _tolerance(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UsageError(
            f"{where}: the probabilities of a sample must be numbers from 0 that sum to 1, got "
            f"[{', '.join(map(str, cells[row]))}] for {truth['sample'].iloc[row]!r}"
            + (f", which sum to {sums[row]:.4g}" if np.isfinite(sums[row]) else "")
        )
    rounded = np.abs(sums - 1) > _SUM_TOLERANCE
    values[rounded] /= sums[rounded, None]
    found: NDArray[np.float64] = values
    return found


def _tolerance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how far probabilities [N, C] of a sample may sum from 1, [N]: what rounding does.

    Rounded to two decimals or more, or to two significant digits or more, each of the C is off by
    half of its last one at most.
    """
    given = np.where((values > _SMALLEST) & (values <= 1), values, 0.0)
    leading = np.floor(np.log10(np.where(given > 0, given, 1.0)))
    off = np.zeros(len(values))
    for is_decimal in (True, False):
        for digits in (2, 3, 4):
            unit = 10.0 ** (np.zeros_like(given) if is_decimal else leading + 1) / 10.0**digits
            if (np.abs(given - np.round(given / unit) * unit) < 1e-6 * unit).all():
                counted = unit if is_decimal else np.where(given > 0, unit, 0.0)
                off = np.maximum(off, 0.5 * counted.sum(axis=1))
                break
    return np.clip(off, _SUM_TOLERANCE, _MOST_TOLERANCE)


def _is_probability(column: object) -> bool:
    text = str(column)
    return text.startswith("p") and text[1:].isascii() and text[1:].isdigit()
