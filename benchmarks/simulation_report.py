"""The frame of a simulation: its options, what was run where and when, and its parts."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import scipy

from benchmarks.command import command_of
from benchmarks.verdict_tables import Table
from tests.search.builders.verdict_cells import Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A command that simulates.

    Attributes:
        module: that is run.
        title: of its report.
        text: what is simulated, in sentences.
        tables: (effort, quick) -> its parts.
        sets: data sets a cell, and of a quick run.
    """

    module: str
    title: str
    text: str
    tables: Callable[[Effort, bool], Sequence[Table]]
    sets: tuple[int, int]

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Runs the parts and prints the report."""
        given = self._parse(arguments)
        effort = Effort(sets=given.sets or self.sets[given.quick], resamples=100, seed=given.seed)
        started = time.monotonic()
        print(self._head(effort))
        for table in self.tables(effort, given.quick):
            text = table.markdown(given.cells)
            if text:
                print(text, flush=True)
        print(f"\nAll of it took {(time.monotonic() - started) / 60:.1f} minutes.")

    def _head(self, effort: Effort) -> str:
        versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
        command = command_of(self.module)
        return (
            f"# {self.title}\n\n"
            f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
            f"{platform.python_version()}, {versions}. Command: `{command}`.\n\n"
            f"{effort.sets} data sets a cell where nothing else is said, seed {effort.seed}. "
            f"{self.text} In brackets the exact 95 % binomial interval; **broken** where that of "
            "a rate of false statements lies wholly above what is promised, 5 % if nothing else "
            "is said."
        )

    def _parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        parser = argparse.ArgumentParser(description=self.title)
        parser.add_argument("--quick", action="store_true", help="a small one, some minutes")
        many, few = self.sets
        parser.add_argument("--sets", type=int, help=f"data sets a cell ({many}, quick {few})")
        parser.add_argument(
            "--cells", default="", help="pattern of the cells to run, named as on stderr"
        )
        parser.add_argument("--seed", type=int, default=0, help="of everything (0)")
        return parser.parse_args(arguments)
