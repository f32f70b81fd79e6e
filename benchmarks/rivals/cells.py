"""The cells of the benchmark, each a search that is stored as a line as soon as it has ended."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from benchmarks.rivals import by_headrace
from benchmarks.rivals.found import Found
from benchmarks.rivals.task import Task
from search.store.provenance import git_commit

HEADRACE, DEFAULT = "headrace", "default"
COLD, WARM, RANDOM, ONE_EPOCH = "recipe", "recipe-warm", "random", "one-epoch"
METHODS = (HEADRACE, COLD, WARM, RANDOM, ONE_EPOCH)
"""That search; the default config is beside them in every report."""
KNOWN = "headrace-known"
"""headrace that begins with a portfolio of another run; who asks for it names the portfolio."""
TIMES = {RANDOM: 2.0}
"""How many times the budget a method gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One search of a method.

    Attributes:
        data: what is searched on.
        space: name of a space, or "all".
        method: one of `METHODS`, or `KNOWN`.
        budget: device seconds.
        seed: of the search.
    """

    data: str
    space: str
    method: str
    budget: float
    seed: int

    def __str__(self) -> str:
        return f"{self.data} {self.space} {self.budget:g}s seed {self.seed} {self.method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a cell came to.

    Attributes:
        cell: that was run.
        found: by its search.
        wall: seconds from the start of the process to its end.
        load: of the machine in the minute before, and in the last minute of the search.
        when: it ended, in UTC.
        where: processor and commit, which may be others from one call to the next.
    """

    cell: Cell
    found: Found
    wall: float
    load: tuple[float, float]
    when: str
    where: str

    def to_line(self) -> str:
        """Returns the row as a line of JSON."""
        values = {"wall": round(self.wall, 2), "load": self.load}
        values |= {"when": self.when, "where": self.where}
        return json.dumps({**asdict(self.cell), **values, "found": self.found.to_dict()}) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Reads `to_line` back."""
        given = json.loads(line)
        cell = Cell(**{name: given[name] for name in Cell.__slots__})
        return cls(
            cell=cell,
            found=Found.from_dict(given["found"]),
            wall=given["wall"],
            load=tuple(given["load"]),
            when=given["when"],
            where=given["where"],
        )


class CellFile:
    """`cells.jsonl` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cells.jsonl"

    def rows(self) -> list[Row]:
        """Returns the rows of all cells; a last line that was not written whole is left out."""
        if not self._path.is_file():
            return []
        whole, _, _ = self._path.read_text(encoding="utf-8").rpartition("\n")
        return [Row.from_line(line) for line in whole.split("\n") if line]

    def append(self, row: Row) -> None:
        """Adds a row."""
        text = self._path.read_bytes() if self._path.is_file() else b""
        torn = len(text) - (text.rfind(b"\n") + 1)
        with self._path.open("r+b" if text else "wb") as file:
            file.truncate(len(text) - torn)
            file.seek(0, os.SEEK_END)
            file.write(row.to_line().encode())
            file.flush()
            os.fsync(file.fileno())


def run_cell(
    cell: Cell, task: Task, folder: Path, start_up: float, portfolio: Path | None = None
) -> Row:
    """Runs the search of a cell in a process of its own; its files are deleted afterwards.

    Args:
        cell: to run.
        task: of the cell, whatever its time and its work folder.
        folder: of the benchmark.
        start_up: of headrace, in seconds, which its own budget does not count.
        portfolio: that `KNOWN` begins with.

    Raises:
        RuntimeError: the search fails; its files stay.
    """
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    before = os.getloadavg()[0]
    task = replace(task, work=str(work), launched=time.time())
    if cell.method in {HEADRACE, KNOWN}:
        known = ("--warm-start", str(portfolio)) if cell.method == KNOWN else ()
        words = by_headrace.command(task, start_up, *known)
        task = replace(task, launched=time.time())
        by_headrace.search(words, work / "log.txt")
        ended = time.time()
        found = by_headrace.read(task, ended)
    else:
        found = _in_a_process(cell.method, task)
        ended = time.time()
    load = (round(before, 2), round(os.getloadavg()[0], 2))
    shutil.rmtree(work)
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    return Row(
        cell=cell,
        found=found,
        wall=ended - task.launched,
        load=load,
        when=when,
        where=f"{cpu()}, commit {git_commit()[:8]}",
    )


def cpu() -> str:
    """Returns what the processor calls itself."""
    lines = Path("/proc/cpuinfo")
    text = lines.read_text() if lines.is_file() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def _in_a_process(method: str, task: Task) -> Found:
    work = Path(task.work)
    asked, found, log = (work / name for name in ("task.json", "found.json", "log.txt"))
    task.write(asked)
    words = [sys.executable, "-m", "benchmarks.rivals", method, str(asked), str(found)]
    with log.open("w") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode or not found.is_file():
        raise RuntimeError(f"{method} ended with {done.returncode}:\n{log.read_text()[-3000:]}")
    return Found.from_dict(json.loads(found.read_text(encoding="utf-8")))


def start_up_of_headrace(task: Task, data: str, folder: Path) -> float:
    """Returns the seconds to expect before headrace's clock begins.

    The median of its cells with the same data and space; before there is one, a small run shows
    them.

    Args:
        task: what will be searched.
        data: what it is called.
        folder: of the benchmark.
    """
    known = [
        row.found.started
        for row in CellFile(folder).rows()
        if row.cell.method in {HEADRACE, KNOWN}
        and (row.cell.data, row.cell.space) == (data, task.space)
    ]
    return statistics.median(known) if known else _rehearsed(task, folder)


def _rehearsed(task: Task, folder: Path) -> float:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    # A trial of one epoch in every space: the clock begins with the first.
    small = replace(task, work=str(work), seconds=600.0, max_epochs=1)
    words = by_headrace.command(small, 0.0, "--trials", "1")
    small = replace(small, launched=time.time())
    by_headrace.search(words, work / "log.txt")
    return by_headrace.read(small, time.time()).started


def by_group(rows: list[Row]) -> Mapping[tuple[str, str, float], list[Row]]:
    """Returns the rows of every (data, space, budget), in order."""
    found: dict[tuple[str, str, float], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.cell.data, row.cell.space, row.cell.budget)):
        found.setdefault((row.cell.data, row.cell.space, row.cell.budget), []).append(row)
    return found
