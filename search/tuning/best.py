"""The winning config of a space: its score with an interval, and all that a replay needs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.interval import Interval
from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset
from search.prepare.setting import TrialSetting
from search.store.best_file import digest
from search.store.provenance import package_versions
from search.store.records import DEFAULT_NUMBER, TrialRecord
from search.store.run_store import RunStore
from search.tuning.journal import StudyJournal
from trainables.config import TrialConfig


def score_interval(
    dataset: Dataset, target: str, indices: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> Interval:
    """Returns the validation macro-F1 with its person-bootstrap interval.

    Args:
        dataset: true labels and people.
        target: attribute name or "joint".
        indices: samples that were predicted, int [n].
        probabilities: of the target, float [n, K].
    """
    table = dataset.table
    schema = table.schema
    truth = table.joint if target == "joint" else table.labels[:, schema.names.index(target)]
    people = People(
        label=truth[indices],
        person=table.group_index[indices],
        num_classes=schema.num_classes(target),
    )
    return person_bootstrap_interval(people, probabilities.argmax(axis=1))


def write_best(
    store: RunStore,
    journal: StudyJournal,
    record: TrialRecord,
    config: RunConfig,
    dataset: Dataset,
    setting: TrialSetting,
) -> Interval:
    """Writes `best/<space>.yaml` for the best trial and returns its score."""
    with np.load(store.validation_path(record.space, record.number)) as saved:
        indices, probabilities = saved["indices"], saved["probabilities"]
    target = journal.space.target
    interval = score_interval(dataset, target, indices, probabilities)
    store.write_best(
        record.space,
        {
            "schema": 1,
            "space": record.space,
            "approach": journal.space.approach,
            "target": target,
            "score": {
                "metric": "macro_f1",
                "value": float(interval.value),
                "interval": [float(interval.low), float(interval.high)],
                "people": len(set(dataset.table.group_index[indices].tolist())),
                "photos": len(indices),
                "default_config": default_value(journal.records()),
                "probabilities": digest(probabilities),
            },
            "study": journal.name,
            "trial": record.number,
            "seed": record.seed,
            "data": _data(config, dataset, setting),
            "training": _training(config, setting),
            "config": TrialConfig.from_flat(record.config).to_tree(),
        },
    )
    return interval


def default_value(records: tuple[TrialRecord, ...]) -> float | None:
    """Returns the last validation value of trial 0, the default config; None where it has none."""
    first = next((record for record in records if record.number == DEFAULT_NUMBER), None)
    return first.values[first.epochs] if first is not None and first.values else None


def _data(config: RunConfig, dataset: Dataset, setting: TrialSetting) -> Mapping[str, Any]:
    return {
        "path": config.data,
        "layout": config.layout,
        "demo_people": config.people if dataset.is_demo else None,
        "fingerprint": dataset.table.fingerprint,
        "split": dataset.split.fingerprint,
        "stored_size": list(setting.stored_size),
    }


def _training(config: RunConfig, setting: TrialSetting) -> Mapping[str, Any]:
    return {
        "device": setting.device,
        "num_threads": setting.num_threads,
        "weights_dir": config.weights_dir,
        "versions": package_versions(),
    }
