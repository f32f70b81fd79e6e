"""The files of a finished search of which only the records matter."""

import json
from collections.abc import Mapping, Sequence

import optuna

from search.refit.approaches import Lineup
from search.store.records import State, TrialRecord
from search.store.run_store import RunStore
from search.tuning.journal import open_storage


def write_search(
    store: RunStore, lineup: Lineup, records: Mapping[str, Sequence[TrialRecord]]
) -> None:
    """Writes study.json and the journal of a search that ended with these trials.

    Args:
        store: of the run.
        lineup: its spaces.
        records: complete trials by space, in the order of their numbers.
    """
    store.root.mkdir(parents=True, exist_ok=True)
    store.write_study(
        {
            "config": {"seed": 0},
            "data": {"schema": lineup.schema.to_dict()},
            "studies": {space: f"{space}-study" for space in records},
            "blocks": lineup.to_dict(),
        }
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(store.journal)
    for space, trials in records.items():
        study = optuna.create_study(
            storage=storage, study_name=f"{space}-study", direction="maximize"
        )
        for record in trials:
            _write(study, record)


def _write(study: optuna.Study, record: TrialRecord) -> None:
    if record.state is not State.COMPLETE:
        raise ValueError(f"only complete trials can be written, got {record.state}")
    trial = study.ask()
    trial.set_user_attr("config", json.dumps(dict(record.config)))
    trial.set_user_attr("seed", record.seed)
    trial.set_user_attr("seconds", record.seconds)
    trial.set_user_attr("device_seconds", record.device_seconds)
    for epoch, value in record.values.items():
        trial.report(value, epoch)
    study.tell(trial, record.objective)
