"""A small run of every stage in a process of its own, and its processes, which may be killed.

Only processes that descend from the run are ever touched: they are found by the process tree and
by a mark in their environment, and killed through a handle of that very process.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from search.store.journal_file import read_records
from tests.search.builders.runs import ROOT

NAME = "run"
LOOK_S = 0.1
_MARK = "HEADRACE_CHAOS"
# torch's cache, which it makes in whatever folder is temporary.
_NOT_OURS = ("torchinductor_",)

SPACE = """
from spaces.parts import default_config

TINY = {{"backbone.name": "test_resnet", "input.size": 32, "optim.batch_size": 16}}


def default(schema, scale):
    weights = {{f"task_weight.{{name}}": 1.0 for name in schema.names}}
    return {{**default_config(schema, scale, with_age=False), **TINY, **({weights})}}


def suggest(trial, schema, scale):
    trial.suggest_float("optim.lr", 1e-4, 1e-2, log=True)
"""


class Stage(IntEnum):
    """What a run is at; `START` lasts until it trains."""

    START = 0
    SEARCH = 1
    REFIT = 2
    WHY = 3
    ENSEMBLE = 4
    REPORT = 5


class Kind(StrEnum):
    """What is killed, and how."""

    DRIVER = "driver, SIGKILL"
    TERM = "driver, SIGTERM"
    HANGUP = "driver, SIGHUP"
    GROUP = "process group, SIGTERM"
    WORKER = "worker, SIGKILL"
    RAYLET = "raylet, SIGKILL"
    GCS = "gcs_server, SIGKILL"
    NODE = "node of a cluster"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for a later one of the same number."""

    number: int
    started: str

    @classmethod
    def of(cls, number: int) -> "Process | None":
        """Returns the process of a number; None where it has ended."""
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "XZ":
                return cls(number, fields[19])
        return None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return Process.of(self.number) == self

    @property
    def command(self) -> str:
        """Its command line, or the title it has given itself."""
        with suppress(OSError):
            raw = Path(f"/proc/{self.number}/cmdline").read_bytes()
            return raw.replace(b"\0", b" ").decode(errors="replace").strip()
        return ""

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal; returns whether the process was there to get it."""
        with suppress(OSError):
            handle = os.pidfd_open(self.number)
            try:
                if self.is_alive:
                    signal.pidfd_send_signal(handle, number)
                    return True
            finally:
                os.close(handle)
        return False


@dataclass(slots=True)
class ChaosRun:
    """A run that is started and resumed as a person would.

    Attributes:
        folder: of its own, for results, space files and what its processes said.
        data: photos.
        cache: of decoded photos.
        temporary: a short path, for sockets; nothing else may use it.
        options: of the command line: `{"trials": 2}` is `--trials 2`.
        cluster: environment and options that lead to a cluster; empty on one machine.
    """

    folder: Path
    data: Path
    cache: Path
    temporary: Path
    options: Mapping[str, object]
    cluster: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    starts: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    _mark: str = field(default_factory=lambda: secrets.token_hex(8))
    _began: int = 0
    _seen: set[Process] = field(default_factory=set)

    @property
    def root(self) -> Path:
        """The folder `results/NAME` of the run."""
        return self.folder / "results" / NAME

    @property
    def log(self) -> Path:
        """What the last start has said."""
        return self.folder / f"start{self.starts:03}.log"

    @property
    def said(self) -> str:
        """The content of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def code(self) -> int | None:
        """Exit code of the last start; None while it is at work."""
        assert self.process is not None
        return self.process.poll()

    def start(self) -> None:
        """Starts the run, or goes on with it where it has begun."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(parents=True, exist_ok=True)
        while self.log.exists():
            self.starts += 1
        self._began = time.time_ns()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=self.environment(),
            )
        self.look()

    def environment(self) -> dict[str, str]:
        """Returns what its processes are started with."""
        return {
            **os.environ,
            **self.cluster,
            _MARK: self._mark,
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
            "RAY_TMPDIR": str(self.temporary),
        }

    def _command(self) -> list[str]:
        command = [sys.executable, "-u", str(ROOT / "search" / "run.py")]
        where = {"results": self.root.parent, "cache": self.cache}
        if self.address:
            where["address"] = self.address
        if (self.root / "study.json").exists():
            return [*command, "--resume", NAME, *_flags(where)]
        given = {**where, "data": self.data, "name": NAME, "why": "full", **self.options}
        return [*command, "--space", "all", *self._spaces(), *_flags(given)]

    def _spaces(self) -> list[str]:
        plain, heads = self.folder / "plain.py", self.folder / "heads.py"
        plain.write_text(SPACE.format(weights="{}"), encoding="utf-8")
        heads.write_text(SPACE.format(weights="weights"), encoding="utf-8")
        return [*(f"{name}={plain}" for name in ("gender", "mask", "joint")), f"multihead={heads}"]

    def stage(self) -> Stage:
        """Returns the last stage that this start has reached."""
        said = self.said
        if self._is_new("ensemble/ensemble.yaml"):
            return Stage.REPORT
        if self._is_new("predictions/why/why.json"):
            return Stage.ENSEMBLE
        if "\nControlled trainings: " in said:
            return Stage.WHY
        if "\nRefit: " in said:
            return Stage.REFIT
        # A killed start has left its own.
        beats = [beat.name for beat in self.root.glob("heartbeats/*.beat")]
        searches = any(self._is_new(f"heartbeats/{name}") for name in beats)
        return Stage.SEARCH if searches else Stage.START

    def progress(self, stage: Stage) -> float:
        """Returns the part of a stage's trainings that is done, in [0, 1]; 0 where it has none."""
        if stage is Stage.SEARCH:
            return self._searched()
        folder = {Stage.REFIT: "predictions/parts", Stage.WHY: "predictions/why/parts"}.get(stage)
        planned = _PLANNED[stage].findall(self.said) if folder else []
        done = len(list(self.root.glob(f"{folder}/[!.]*.npz")))
        return min(1.0, done / int(planned[-1])) if planned else 0.0

    def _searched(self) -> float:
        trials, epochs = (int(str(self.options[name])) for name in ("trials", "max_epochs"))
        try:
            studies = read_json(self.root / "study.json")["studies"]
            found = read_records(self.root / "optuna.journal", studies, (), begun=False)
        except OSError:
            return 0.0
        records = [record for each in found.values() for record in each]
        done = sum(epochs if each.is_finished else each.epochs for each in records)
        return min(1.0, done / (trials * epochs * len(studies)))

    def _is_new(self, name: str) -> bool:
        with suppress(OSError):
            return (self.root / name).stat().st_mtime_ns > self._began
        return False

    def look(self) -> None:
        """Notes which processes descend from the run."""
        assert self.process is not None
        table, parents = _processes()
        found = {self.process.pid, *(p.number for p in self._seen if table.get(p.number) == p)}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        self._seen |= {table[number] for number in found if number in table}

    def living(self) -> list[Process]:
        """Returns its processes that have not ended, in their order."""
        self.look()
        marked = (Process.of(number) for number in _marked(f"{_MARK}={self._mark}"))
        self._seen |= {process for process in marked if process is not None}
        return sorted((each for each in self._seen if each.is_alive), key=lambda p: p.number)

    def kill(self, kind: Kind, pick: float) -> bool:
        """Kills; returns whether there was anything to kill.

        Args:
            kind: what.
            pick: which of several workers, in [0, 1).
        """
        living = self.living()
        assert self.process is not None
        driver = [each for each in living if each.number == self.process.pid]
        if kind is Kind.GROUP:
            # The driver leads it; nobody else can take the number while it is not collected.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
                return bool(driver)
            return False
        if kind in _OF_DRIVER:
            return bool(driver) and driver[0].send(_OF_DRIVER[kind])
        if kind is Kind.WORKER:
            workers = [each for each in living if _IS_WORKER.match(each.command)]
            busy = [each for each in workers if "IDLE" not in each.command] or workers
            return bool(busy) and busy[int(pick * len(busy))].send(signal.SIGKILL)
        of_kind = [each for each in living if f"/{_PROGRAMS[kind]} " in f"{each.command} "]
        return bool(of_kind) and of_kind[-1].send(signal.SIGKILL)

    def left_in_temporary(self) -> set[str]:
        """Returns what is in the folder for temporary files."""
        names = {path.name for path in self.temporary.glob("*")}
        return {name for name in names if not name.startswith(_NOT_OURS)}

    def close(self) -> None:
        """Ends all of its processes."""
        for process in self.living():
            process.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


_OF_DRIVER = {
    Kind.DRIVER: signal.SIGKILL,
    Kind.TERM: signal.SIGTERM,
    Kind.HANGUP: signal.SIGHUP,
}
_PLANNED = {
    Stage.REFIT: re.compile(r"training (\d+) models \(refit"),
    Stage.WHY: re.compile(r"training (\d+) models \(control"),
}
# Ray calls its agents so, too.
_IS_WORKER = re.compile(r"ray::(?!\w+Agent)")
_PROGRAMS = {Kind.RAYLET: "raylet/raylet", Kind.GCS: "gcs/gcs_server"}


def _flags(options: Mapping[str, object]) -> list[str]:
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return [word for pair in pairs for word in pair]


def _processes() -> tuple[dict[int, Process], dict[int, int]]:
    """Returns all living processes by their number, and the numbers of their parents."""
    table, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "XZ":
                number = int(folder.name)
                table[number], parents[number] = Process(number, fields[19]), int(fields[1])
    return table, parents


def _marked(mark: str) -> Iterator[int]:
    """Yields the processes that were started with a mark in their environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def shared_memory() -> set[str]:
    """Returns the names of the files of shared memory."""
    return {path.name for path in Path("/dev/shm").glob("*")}


def orphans_in_shared_memory(before: set[str]) -> list[str]:
    """Returns files of shared memory that are new and that no living process has mapped.

    They are known by their inodes: whoever makes a semaphore maps it under another name, and what
    programs beside the run make and still use is none of its business.
    """
    new = {}
    for name in shared_memory() - before:
        with suppress(OSError):
            new[Path("/dev/shm", name).stat().st_ino] = name
    for maps in Path("/proc").glob("[0-9]*/maps") if new else ():
        with suppress(OSError):
            for line in maps.read_text(errors="replace").splitlines():
                if "/dev/shm/" in line:
                    new.pop(int(line.split()[4]), None)
    return sorted(new.values())


def read_json(path: Path) -> dict[str, Any]:
    """Returns the content of a JSON file."""
    return dict(json.loads(path.read_text(encoding="utf-8")))
