"""Whether a journal holds what other files of its run know of.

A journal that was cut at the end of a line reads well, and so does one in which lines are lost or
a number was changed: the run would search again what it has found, or crown another config.
`trials.csv` and `refit.json` were written from the whole one.
"""

import csv
import io
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from search.errors import ResultsError
from search.store.names import as_file, own_number
from search.store.reading import is_there, reading
from search.store.records import State, TrialRecord
from search.store.run_store import TRIAL_COLUMNS, RunStore, trial_file
from trainables.blocks import FlatValue
from trainables.data.bounded_files import read_text
from trainables.data.csv_cells import original

Row = tuple[str, int, State, dict[str, str]]
"""Of `trials.csv`: space, number, state, and the cells by column."""

_FINISHED = (State.COMPLETE, State.PRUNED, State.FAIL)
_NEEDED = ("space", "number", "state", "objective")
_NEAR = 1e-9
"""Relative: a spreadsheet that stores a table again keeps 15 digits."""
_SECONDS = 6e-4
"""Of columns of seconds, which have three digits after the point."""


def check_whole(
    store: RunStore,
    records: Mapping[str, Sequence[TrialRecord]],
    rows: Iterable[Row] | None = None,
) -> None:
    """Raises ResultsError where other files of a run know otherwise than its journal, or more.

    Args:
        store: of the run.
        records: trials by space, as the journal has them.
        rows: of `trials.csv`, `listed` before the journal was read, which a run may write on
            meanwhile; None lists them now.
    """
    known = {(space, r.number): r for space, found in records.items() for r in found}
    for each in known.values():
        _check_epochs(store, each)
    for space, number, state, row in listed(store) if rows is None else rows:
        record, trial = known.get((space, number)), f"trial {number} of {space}"
        if state not in _FINISHED:
            continue
        if record is None or record.state is not state:
            has = "is not in the journal" if record is None else record.state
            raise _shorter(store, "trials.csv", f"{trial} ended {state}, now: {has}")
        for name, cell, value in _cells(row, record):
            if not _same(cell, value, _SECONDS if name.endswith("seconds") else 0.0):
                raise ResultsError(
                    f"{store.journal} and {store.root / 'trials.csv'} contradict each other: "
                    f"{name} of {trial} is {value!r} in the journal and {cell!r} in the table; "
                    "copy the run whole, or, where the table is what was changed, delete it: the "
                    "run writes it anew"
                )
    refitted = _refitted(store)
    for space, found in records.items():
        complete = sum(record.state is State.COMPLETE for record in found)
        if refitted.count(space) > complete:
            told = f"{refitted.count(space)} configs of {space}, the journal {complete}"
            raise _shorter(store, "predictions/refit.json", told)


def drop_unknown(store: RunStore, records: Mapping[str, Sequence[TrialRecord]]) -> None:
    """Deletes files of trials that a journal does not know: others will get their numbers.

    So it is where a machine was lost while it brought its files to a store, the journal last.

    Args:
        store: of the run.
        records: trials by space, as the journal has them.
    """
    known = [(space, r.number) for space, found in records.items() for r in found if r.config]
    trials = {trial_file(*each) for each in known}
    kept = {store.validation_path(*each) for each in known}
    boards = {store.tensorboard / as_file(space) / f"{number:04d}" for space, number in known}
    for path in (*store.checkpoints.glob("[!.]*"), *store.predictions.glob("validation.*.npz")):
        if path.stem not in trials and path not in kept:
            path.unlink()
    for space in records:
        for folder in (store.tensorboard / as_file(space)).glob("[!.]*"):
            if folder not in boards:
                shutil.rmtree(folder)


def _check_epochs(store: RunStore, record: TrialRecord) -> None:
    """Raises ResultsError where the values of a finished trial have a gap."""
    # The first alone: in a journal that was edited the last epoch may be any number.
    lost = next((e for e in range(1, record.epochs) if e not in record.values), None)
    if record.is_finished and lost is not None:
        raise ResultsError(
            f"{store.journal} lacks the value of epoch {lost} of trial {record.number} of "
            f"{record.space}, which ended after epoch {record.epochs}: lines are lost; copy the "
            "run whole, or start a new one"
        )


def listed(store: RunStore) -> Iterator[Row]:
    """Yields space, number, state and row of every trial of `trials.csv`; none without it."""
    path = store.root / "trials.csv"
    if not is_there(path):
        return
    with reading(path, "delete it: the run writes it anew from its journal"):
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"its first line lacks the column {missing[0]}")
        listed = set[tuple[str, int]]()
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} has not the cells of the first line")
            trial = original(row["space"]), int(row["number"])
            if trial in listed:
                raise ValueError(f"line {reader.line_num} has a trial a second time")
            listed.add(trial)
            yield *trial, State(row["state"]), row


def _cells(
    row: Mapping[str, str], record: TrialRecord
) -> Iterator[tuple[str, str, FlatValue | None]]:
    """Yields name, cell and value of what the table says of a finished trial in figures.

    An older run may lack a column.
    """
    for name in ("objective", "epochs", "seconds", "device_seconds"):
        if name in row:
            yield name, row[name], getattr(record, name)
    for name in row:
        if name not in TRIAL_COLUMNS:
            yield name, row[name], record.params.get(name)
    for name in record.params:
        if name not in row:
            yield name, "", record.params[name]


def _same(cell: str, value: FlatValue | None, near: float) -> bool:
    """Returns whether a cell says a value, to the digits that the table is written with."""
    if value is None or cell == "":
        return (value is None or value == "") and cell == ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return original(cell) == str(value)
    try:
        return math.isclose(float(cell), value, rel_tol=_NEAR, abs_tol=near)
    except (ValueError, OverflowError):  # no number, or one that no cell holds
        return False


def _refitted(store: RunStore) -> list[str]:
    """Returns the space of every config of the search that was refitted."""
    if not is_there(store.predictions / "refit.json"):
        return []
    configs = store.read_json("predictions/refit.json").get("configs", {})
    with reading(store.predictions / "refit.json", "copy the run whole"):
        names = [name.rpartition(".") for name in dict(configs)]
    return [space for space, _, config_id in names if own_number(config_id) is not None]


def _shorter(store: RunStore, file: str, told: str) -> ResultsError:
    return ResultsError(
        f"{store.journal} is shorter than when {store.root / file} was written ({told}); copy the "
        "run whole, or start a new one"
    )
