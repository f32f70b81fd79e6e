"""A finished search read back from results/NAME, without its data, spaces or Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.analysis.uncertainty.interval import Interval
from search.errors import ResultsError
from search.prepare.prepared import SpaceResult
from search.store.best_file import BestFile
from search.store.records import TrialRecord, best_record
from search.store.run_store import RunStore
from search.tuning.journal import read_records
from trainables.data.schema import LabelSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """What later stages need of a search.

    Attributes:
        study: content of `study.json`.
        schema: of the data.
        approach_of: approach of every space.
        results: of every space.
    """

    study: Mapping[str, Any]
    schema: LabelSchema
    approach_of: Mapping[str, str]
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
    missing = [key for key in ("config", "data", "approaches", "studies") if key not in study]
    if missing:
        raise ResultsError(
            f"{store.root / 'study.json'} lacks {', '.join(missing)}; copy the run again, or "
            "start a new one"
        )
    approach_of = study["approaches"]
    return SavedRun(
        study=study,
        schema=LabelSchema.from_dict(study["data"]["schema"]),
        approach_of=approach_of,
        results=tuple(
            _result(store, name, approach, study["studies"][name])
            for name, approach in approach_of.items()
        ),
    )


def _result(store: RunStore, name: str, approach: str, study_name: str) -> SpaceResult:
    records = read_records(store.journal, name, study_name)
    path = store.root / "best" / f"{name}.yaml"
    interval = None
    if path.is_file():
        value, low, high = BestFile.read(path).score
        interval = Interval(value=value, low=low, high=high)
    return SpaceResult(
        name=name,
        approach=approach,
        target=name if approach == "separate" else "joint",
        records=records,
        best=best_record(records),
        interval=interval,
    )
