"""Whole runs on tiny photos: space files, drivers of their own, waiting for the journal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
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


def open_files(process: int) -> dict[str, str]:
    """Returns what a process has open, by its name below /proc; nothing of one that has ended."""
    found = {}
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):  # it was closed meanwhile
                found[str(link)] = str(link.readlink())
    return found


LOOPBACK = frozenset({"0100007F", "0000000000000000FFFF00000100007F"})
"""127.0.0.1 as the kernel writes it: hexadecimal, the least byte first; and its IPv6 form."""


def listening(processes: Iterable[int]) -> dict[int, str]:
    """Returns the addresses, as the kernel writes them, on which processes listen, by port."""
    files = {target for process in processes for target in open_files(process).values()}
    rows = []
    for table in ("tcp", "tcp6"):
        rows += [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    places = [
        row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in files
    ]
    return {int(port, 16): address for address, port in places}


def environment(base: Path, **more: str) -> dict[str, str]:
    """Returns the environment of a user without any setting or token of Ray's.

    Args:
        base: folder for temporary files, and his home.
        **more: further variables.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**kept, "RAY_TMPDIR": str(base), "HOME": str(base), **more}


def command_line(process: int) -> bytes:
    """Returns how a process was started; nothing of one that has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def raylet_of(driver: int) -> int:
    """Returns the process of Ray's that starts the workers of a driver."""
    return next(p for p in descendants(driver) if b"raylet/raylet" in command_line(p))


def variable(process: int, name: str) -> str:
    """Returns a variable of the environment that a process was started with."""
    for word in Path(f"/proc/{process}/environ").read_text().split("\0"):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


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
    return b"Agent" in command_line(process)


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
