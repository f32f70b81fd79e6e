"""A finished search read back from results/NAME, without its data, spaces, Ray or Optuna."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from search.analysis.uncertainty.interval import Interval
from search.errors import ResultsError
from search.prepare.config import Budget
from search.prepare.space_result import SpaceResult
from search.store.best_file import BestFile
from search.store.journal_file import read_records
from search.store.known_trials import check_whole, listed
from search.store.reading import is_there, reading
from search.store.records import Cause, State, TrialRecord, best_record, complete_records
from search.store.run_store import RunStore
from trainables.data.schema import LabelSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """What later stages need of a search: `study.json`, labels, and how every space ended."""

    study: Mapping[str, Any]
    schema: LabelSchema
    results: tuple[SpaceResult, ...]

    @property
    def records(self) -> tuple[TrialRecord, ...]:
        """Trials of all spaces."""
        return tuple(record for result in self.results for record in result.records)


def searched_by(budget: Budget) -> dict[str, Any]:
    """Returns what `study.json` notes where a search of `--space all` has ended."""
    return {"searched": {"budget_seconds": budget.seconds, "trials": budget.trials}}


def has_searched(study: Mapping[str, Any], budget: Budget) -> bool:
    """Returns whether the search of a run has ended, by this budget and no other."""
    return bool(study.get("searched") == searched_by(budget)["searched"])


def load_run(store: RunStore) -> SavedRun:
    """Reads a run's study, journal and best configs.

    Raises:
        ResultsError: a file is missing or torn.
    """
    study = _whole_study(store)
    schema = LabelSchema.from_dict(study["data"]["schema"])
    rows = tuple(listed(store))
    records = read_records(store.journal, study["studies"], schema.names)
    check_whole(store, records, rows)
    return _saved(store, study, records)


def load_listed_run(store: RunStore) -> SavedRun:
    """Reads a run whose journal is there or was left out, as of runs that are shown to others.

    Without it, trials are those of `trials.csv`: how they ended, not their configs.

    Raises:
        ResultsError: a file is missing or torn.
    """
    if is_there(store.journal):
        return load_run(store)
    found = defaultdict[str, list[TrialRecord]](list)
    for space, number, state, row in listed(store):
        with reading(store.root / "trials.csv", "copy the run whole"):
            found[space].append(_record(space, number, state, row))
    return _saved(store, _whole_study(store), {n: tuple(rows) for n, rows in found.items()})


def _record(space: str, number: int, state: State, row: Mapping[str, str]) -> TrialRecord:
    """Returns a trial as its row has it: of its epochs the last alone has a value, if any."""
    objective = float(row["objective"]) if row["objective"] else None
    if objective is not None and not isfinite(objective):
        objective = None
    return TrialRecord(
        space=space,
        number=number,
        state=state,
        cause=Cause(row.get("cause", "")),
        objective=objective,
        values={} if objective is None else {int(row["epochs"]): objective},
        params={},
        config={},
        seed=int(row.get("seed") or 0),
        seconds=float(row.get("seconds") or 0.0),
        device_seconds=float(row.get("device_seconds") or 0.0),
        started=0.0,
        gap=None,
        error="",
    )


def _whole_study(store: RunStore) -> Mapping[str, Any]:
    study = store.read_study()
    missing = [key for key in ("config", "data", "studies") if key not in study]
    if not {"blocks", "approaches"} & set(study):
        missing.append("blocks")
    if missing:
        raise ResultsError(
            f"{store.root / 'study.json'} lacks {', '.join(missing)}; copy the run again, or "
            "start a new one"
        )
    return study


def _saved(
    store: RunStore, study: Mapping[str, Any], records: Mapping[str, tuple[TrialRecord, ...]]
) -> SavedRun:
    schema = LabelSchema.from_dict(study["data"]["schema"])
    spaces = study["studies"]
    results = tuple(_result(store, space, records.get(space, ())) for space in spaces)
    return SavedRun(study=study, schema=schema, results=results)


def journal_of(store: RunStore) -> dict[str, tuple[TrialRecord, ...]]:
    """Returns the trials of a run that may have just begun, by space, as its journal has them.

    Raises:
        ResultsError: study or journal cannot be read.
    """
    study = store.read_study()
    names = LabelSchema.from_dict(study["data"]["schema"]).names
    return read_records(store.journal, study["studies"], names, begun=False)


def _result(store: RunStore, space: str, records: tuple[TrialRecord, ...]) -> SpaceResult:
    path = store.best_path(space)
    best, interval = best_record(records), None
    if is_there(path):
        file = BestFile.read(path)
        value, low, high = file.search_score
        interval = Interval(value=value, low=low, high=high)
        best = next((r for r in complete_records(records) if r.number == file.search_trial), best)
    return SpaceResult(name=space, records=records, best=best, interval=interval)
