"""headrace itself, through its public command; what it found is read from the files of its run."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.rivals.found import HIGHEST, Found, Work
from benchmarks.rivals.task import ALL, Ground, Task
from search.prepare.saved_run import load_run
from search.store.best_file import Rule
from search.store.names import as_file
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore
from search.tuning.choice import chosen_record
from search.tuning.second_fold import SecondFold
from tests.search.builders.choice_curves import COMPLETE, Report, choice_curve

_RUN = Path(__file__).parents[2] / "search" / "run.py"
_NAME = "searched"
_OTHER_RULES = {HIGHEST: Rule.SCORE, "one standard error": Rule.ONE_ERROR}


def command(task: Task, start_up: float, *more: str) -> list[str]:
    """Returns the command of the search alone: `--space all` would go on to the refit.

    Args:
        task: what is searched.
        start_up: seconds to expect before the clock of `--budget` begins.
        more: further words.
    """
    spaces: Iterable[str] = (task.space,)
    if task.space == ALL:
        spaces = (space.name for space in Ground.of(task).spaces)
    words = [sys.executable, str(_RUN), "--space", *spaces, "--data", task.data]
    words += ["--budget", f"{max(1.0, task.seconds - start_up):.1f}s", "--seed", str(task.seed)]
    words += ["--results", f"{task.work}/results", "--cache", f"{task.work}/cache"]
    words += ["--name", _NAME]
    if task.max_epochs is not None:
        words += ["--max-epochs", str(task.max_epochs)]
    if task.weights_dir:
        words += ["--weights-dir", task.weights_dir]
    return [*words, *more]


def search(words: list[str], log: Path) -> None:
    """Runs the command.

    Raises:
        RuntimeError: it failed.
    """
    with log.open("w") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"headrace ended with {done.returncode}:\n{log.read_text()[-2000:]}")


def read(task: Task, ended: float) -> Found:
    """Returns what the run of a task found.

    Args:
        task: with the time when the command was started.
        ended: seconds since the epoch when the command ended.
    """
    store, ground = RunStore(Path(task.work) / "results" / _NAME), Ground.of(task)
    run = load_run(store)
    records, second = run.records, SecondFold.of(store, ground.table)
    told = [record.ended for record in records if record.ended]
    if (store.root / "second_fold").is_dir():
        told = [ended]  # the leaders were trained again before the choice
    found = Found(
        started=min(record.started for record in records) - task.launched,
        ended=max(told, default=ended) - task.launched,
        trials=_by_end(records),
    )
    for result, space in zip(run.results, ground.spaces, strict=True):
        epochs = ground.epochs(space)
        found.choices[space.name] = None if result.best is None else dict(result.best.config)
        for name, rule in _OTHER_RULES.items():
            other = chosen_record(
                store, ground.table, space.attributes, result.records, second, rule
            )
            config = None if other is None else dict(other.config)
            found.by_rule.setdefault(name, {})[space.name] = config
        # Only complete trials are chosen from, and they are told when they end.
        reports = [
            Report(
                time=record.ended - task.launched,
                trial=str(record.number),
                epoch=epochs,
                value=float(record.objective or 0.0),
            )
            for record in result.records
            if record.state is State.COMPLETE and record.cause is Cause.NONE
        ]
        _, found.curves[space.name] = choice_curve(reports, COMPLETE, epochs)
        split = ground.setting.split
        for record in result.records:
            training = _training(store, record, len(split.search_train))
            found.training.add(training.photos, training.seconds)
            rest = max(0.0, record.seconds - training.seconds)
            found.evaluation.add(record.epochs * len(split.search_val), rest)
    return found


def _by_end(records: Iterable[TrialRecord]) -> dict[str, int]:
    found = {"complete": 0, "stopped": 0, "cut_off": 0, "failed": 0}
    for record in records:
        if record.state is State.COMPLETE:
            found["complete"] += 1
        elif record.state is State.PRUNED:
            found["stopped"] += 1
        elif record.cause in (Cause.BUDGET, Cause.NONE):
            found["cut_off"] += 1
        else:
            found["failed"] += 1
    return found


def _training(store: RunStore, record: TrialRecord, photos: int) -> Work:
    """Returns what the curves of a trial say of its training; `photos` are of an epoch."""
    folder = store.tensorboard / as_file(record.space) / f"{record.number:04d}"
    done = Work()
    if folder.is_dir():
        events = EventAccumulator(str(folder))
        events.Reload()
        if "speed/images_per_second" in events.Tags()["scalars"]:
            rates: list[Any] = events.Scalars("speed/images_per_second")
            for rate in rates:
                done.add(photos, photos / rate.value)
    return done
