"""Whole runs on tiny photos: space files, drivers of their own, waiting for the journal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import search
from search.store.journal_file import read_records
from search.store.records import TrialRecord
from tests.trainables.data.folders import MASK_SCHEMA

ROOT = Path(search.__file__).resolve().parent.parent

SPACE = """
from spaces.parts import default_config

ATTRIBUTE = {attribute!r}


def default(schema, scale):
    tiny = {{"backbone.name": "test_resnet", "input.size": 32, "optim.batch_size": 8}}
    return {{**default_config(schema, scale, with_age=False), **tiny}}


def suggest(trial, schema, scale):
    trial.suggest_float("optim.lr", 1e-4, 1e-2, log=True)
"""


def write_space(folder: Path, attribute: str) -> Path:
    """Writes the file of a space with one parameter."""
    path = folder / f"tiny_{attribute}.py"
    path.write_text(SPACE.format(attribute=attribute), encoding="utf-8")
    return path


def arguments(
    data: Path, cache: Path, results: Path, *spaces: Path, **options: object
) -> list[str]:
    """Returns the command line of a run; an option `max_epochs=3` is `--max-epochs 3`."""
    given = {"data": data, "cache": cache, "results": results, **options}
    flags = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return ["run", "--space", *map(str, spaces), *(word for flag in flags for word in flag)]


def stored(run: Path, space: str = "gender") -> dict[int, TrialRecord]:
    """Returns the trials of a run by number, as its journal has them now; none before it is."""
    try:
        name = json.loads((run / "study.json").read_text(encoding="utf-8"))["studies"][space]
        records = read_records(run / "optuna.journal", {space: name}, MASK_SCHEMA.names)[space]
    except (OSError, KeyError):
        return {}
    return {record.number: record for record in records}


def wait_for(condition: Callable[[], object]) -> None:
    """Returns when the condition holds, however long it takes; the suite's own net ends it."""
    while not condition():
        time.sleep(0.1)


def descendants(process: int) -> set[int]:
    """Returns the processes that a process started, and those that they started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = {process}
    for _ in range(5):
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {process}


def is_alive(process: int) -> bool:
    """Returns whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_driver(process: "subprocess.Popen[str]") -> None:
    """Kills a driver without a warning and returns when its Ray is gone too.

    Ray's workers end by themselves; two of its agents would notice only after a minute.
    """
    started = descendants(process.pid)
    agents = set(filter(_is_agent, started))
    process.kill()
    wait_for(lambda: not any(map(is_alive, started - agents)))
    for agent in agents:
        with suppress(ProcessLookupError):
            os.kill(agent, signal.SIGKILL)


def _is_agent(process: int) -> bool:
    try:
        return b"Agent" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return False


@contextmanager
def held_driver(command: list[str], marker: Path) -> Iterator["subprocess.Popen[str]"]:
    """Runs headrace in a process of its own, with its own Ray, held in the middle of its search.

    `held_run.py` says where; the process is ended where the test fails.

    Args:
        command: line of a run.
        marker: file that is there once the driver is held.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tests.search.builders.held_run", str(marker), *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            wait_for(lambda: marker.exists() or process.poll() is not None)
            yield process
        finally:
            process.kill()
