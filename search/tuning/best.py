"""The chosen config of a space: its score with an interval, and all that a replay needs."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.interval import Interval
from search.ending.faults import Fault, FaultError
from search.errors import ResultsError
from search.prepare.prepared import Prepared
from search.prepare.setting import SharedImages, TrialSetting
from search.prepare.space_result import SecondScores
from search.refit.approaches import Lineup
from search.refit.on_worker import on_worker
from search.store.best_file import BestFile, Rule, score_values, search_choice
from search.store.files import write_arrays
from search.store.heartbeat import heartbeat_path
from search.store.provenance import package_versions
from search.store.reading import read_yaml, reading
from search.store.records import TrialRecord, complete_records, default_value
from search.store.run_store import RunStore, Validation
from search.trial.trial_run import TrialRun, scored
from search.tuning.journal import StudyJournal
from search.tuning.second_fold import people_of
from trainables.blocks import block_of
from trainables.config import TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.memory import freed_kept

logger = logging.getLogger(__name__)


def score_interval(
    table: SampleTable,
    attributes: Sequence[str],
    indices: NDArray[np.int64],
    probabilities: NDArray[np.float32],
) -> Interval:
    """Returns the validation macro-F1 with its person-bootstrap interval.

    Args:
        table: true labels and people.
        attributes: whose label is predicted together.
        indices: samples that were predicted, int [n].
        probabilities: of that label, float [n, K].
    """
    people = people_of(table, attributes, indices)
    return person_bootstrap_interval(people, probabilities.argmax(axis=1))


def write_best(
    run: Prepared,
    journal: StudyJournal,
    record: TrialRecord,
    rule: Rule,
    second: SecondScores | None = None,
) -> Interval:
    """Writes `best/<space>.yaml` for the chosen trial of a space and returns its score.

    A file that a verdict wrote by the same choice stays: it has what the refit chose. Where the
    trial's validation predictions are missing or torn, it is trained again for them.

    Args:
        run: data and devices.
        journal: of the space.
        record: the chosen trial.
        rule: by which the run chooses.
        second: what it scores on a second fold; None where it was not trained there.

    Raises:
        ResultsError: the trial breaks now.
        FaultError: the machine fails while it is trained again.
        StalledError: no worker trains it.
    """
    store, table = run.store, run.dataset.table
    lineup = Lineup.of(run.schema, run.spaces)
    block = lineup.blocks[record.space]
    try:
        saved = store.read_validation(record.space, record.number)
    except ResultsError:
        saved = _made_again(run, record)
    indices, probabilities = saved.indices, saved.probabilities
    interval = score_interval(table, block.attributes, indices, probabilities)
    values = {
        "schema": 1,
        "space": record.space,
        "approach": ", ".join(lineup.of_space(record.space)),
        "target": block.label(run.schema),
        "score": score_values(
            (interval.value, interval.low, interval.high),
            probabilities,
            chosen_by=str(rule),
            people=len(set(table.group_index[indices].tolist())),
            default=default_value(tuple(complete_records(journal.records()))),
            second=None if second is None else asdict(second),
        ),
        "study": journal.name,
        "trial": record.number,
        "seed": record.seed,
        "data": _data(run),
        "training": _training(run, record),
        "config": TrialConfig.from_flat(record.config).to_tree(),
    }
    if not _is_judged(store, record.space, values):
        store.write_best(record.space, values)
    return interval


def _is_judged(store: RunStore, space: str, values: Mapping[str, Any]) -> bool:
    """Returns whether a verdict wrote the file by this very choice: it says what the refit chose.

    A resumed run that is interrupted would leave another config than its verdict is of.
    """
    path = store.best_path(space)
    with suppress(ResultsError), reading(path, "resume its run"):
        BestFile.read(path)  # a whole one
        tree = read_yaml(path)
        chosen = {"trial": values["trial"], "score": values["score"]}
        return "refit" in tree and search_choice(tree) == chosen
    return False


def _made_again(run: Prepared, record: TrialRecord) -> Validation:
    path = run.store.validation_path(record.space, record.number)
    logger.warning("%s is missing or torn; its trial is trained again", path)
    beat = heartbeat_path(run.store.root.resolve(), path.name)
    setting = run.setting
    found = on_worker(run.resources, beat, predict_again, setting, record, sign=setting.sign)
    write_arrays(path, found)
    return Validation(found["indices"], found["probabilities"])


def predict_again(
    on_step: Callable[[], None], setting: TrialSetting, record: TrialRecord
) -> dict[str, NDArray[Any]]:
    """Trains a complete trial again and returns its validation predictions.

    Raises:
        ResultsError: it breaks now.
        FaultError: the machine fails.
    """
    images = SharedImages(setting, on_step)
    trial = TrialRun(
        images,
        space=record.space,
        number=record.number,
        config=record.config,
        seed=record.seed,
        write=False,
    )
    result: Mapping[str, object] = {"done": False}
    with freed_kept(images.device):
        while not result["done"]:
            result = trial.epoch()
    if "fault" in result:
        raise FaultError(Fault(str(result["fault"])), str(result["error"]))
    if trial.last is None or "error" in result:
        raise ResultsError(
            f"validation.{record.space}.{record.number}.npz is missing or torn, and its trial "
            f"breaks when it is trained again: {result.get('error')}; put the file back"
        )
    block = block_of(record.config)
    indices = scored(setting.table, setting.split.search_val, block)
    return {"indices": indices, "probabilities": trial.last.probabilities}


def _data(run: Prepared) -> Mapping[str, Any]:
    config, dataset = run.config, run.dataset
    return {
        "path": config.data,
        "layout": config.layout,
        "corrections": list(config.corrections),
        "added": list(config.add_data),
        "score_added": config.score_added,
        "demo_people": config.people if dataset.is_demo else None,
        "fingerprint": dataset.table.fingerprint,
        "split": dataset.split.fingerprint,
        "content": dataset.content,
        "stored_size": list(run.stored_size),
    }


def _training(run: Prepared, record: TrialRecord) -> Mapping[str, Any]:
    return {
        "device": run.resources.device,
        # An earlier start may have had another number, and other bits.
        "num_threads": record.num_threads or run.resources.cpus_per_trial,
        "weights_dir": run.config.weights_dir,
        "versions": package_versions(),
    }
