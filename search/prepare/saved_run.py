"""A finished search read back from results/NAME, without its data, spaces, Ray or Optuna."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.analysis.uncertainty.interval import Interval
from search.errors import ResultsError
from search.prepare.space_result import SpaceResult
from search.store.best_file import BestFile
from search.store.journal_file import read_records
from search.store.known_trials import check_whole
from search.store.reading import is_there
from search.store.records import TrialRecord, best_record
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


def load_run(store: RunStore) -> SavedRun:
    """Reads a run's study, journal and best configs.

    Raises:
        ResultsError: a file is missing or torn.
    """
    study = store.read_study()
    missing = [key for key in ("config", "data", "studies") if key not in study]
    if not {"blocks", "approaches"} & set(study):
        missing.append("blocks")
    if missing:
        raise ResultsError(
            f"{store.root / 'study.json'} lacks {', '.join(missing)}; copy the run again, or "
            "start a new one"
        )
    schema = LabelSchema.from_dict(study["data"]["schema"])
    records = read_records(store.journal, study["studies"], schema.names)
    check_whole(store, records)
    results = tuple(_result(store, space, records[space]) for space in study["studies"])
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
    interval = None
    if is_there(path):
        value, low, high = BestFile.read(path).score
        interval = Interval(value=value, low=low, high=high)
    best = best_record(records)
    return SpaceResult(name=space, records=records, best=best, interval=interval)
