"""Holds the verdict against people whose truth is known, and prints the report in Markdown.

    python -m benchmarks.verdict_simulation --quick
    nice python -m benchmarks.verdict_simulation > benchmarks/verdict_simulation_CPU_DATE.md
    nice python -m benchmarks.verdict_simulation --cells "grid comp 2,700"

Claims: equally good approaches are called different in at most 5 % of repeats (the exact 95 %
binomial interval of the rate does not lie wholly above 5 %), as a pair and as three, at any number
of people and seeds and with any training luck; intervals hold the truth in about 95 % and are no
wider than they must be; the people that are said to decide do so in about 80 %. Counting luck by
folds where the folds of a seed share it, photos as independent, or seeds as no luck, breaks it.
"""

import argparse
import os
import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import scipy

from benchmarks.command import command_of
from benchmarks.verdict_parts import Plan, tables
from tests.search.builders.verdict_cells import Effort
from tests.search.builders.verdict_grid import LIKENESSES, Place


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the parts and prints the report."""
    given = _parse(arguments)
    plan = _plan(given)
    started = time.monotonic()
    print(_head(plan.effort))
    for table in tables(plan):
        text = table.markdown(given.cells)
        if text:
            print(text, flush=True)
    print(f"\nAll of it took {(time.monotonic() - started) / 60:.0f} minutes.")


def _plan(given: argparse.Namespace) -> Plan:
    few = given.quick
    counts = given.people or ([300] if few else [300, 900, 2_700])
    places = [Place(name="comp", num_people=num) for num in counts]
    places += [Place(name="demo", num_people=300)]
    return Plan(
        places=places,
        seed_sds=(0.005,) if few else (0.0, 0.005, 0.02),
        search_sds=(0.0, 0.01) if few else (0.0, 0.0025, 0.005, 0.01),
        effort=Effort(
            sets=given.sets or (20 if few else 400),
            resamples=150 if few else 500,
            seed=given.seed,
        ),
    )


def _head(effort: Effort) -> str:
    versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
    arguments = command_of("benchmarks.verdict_simulation")
    worlds = "; ".join(
        f"`{name}`: macro-F1 {like.score:.3f} over all people, common {like.common:g}, own "
        f"{like.own:g}"
        for name, like in LIKENESSES.items()
    )
    return (
        "# Does the verdict keep its promises? A simulation\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, {versions}. Command: `{arguments}`.\n\n"
        f"{effort.sets} data sets a cell, {effort.resamples:,} resamples where there are any, "
        f"seed {effort.seed}. People as in `tests/search/builders/simulated_people.py`, drawn "
        "anew for every data set, so that the rare classes differ in size; errors shared 0.8 "
        f"where nothing else is said. Worlds: {worlds}."
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulate verdicts whose truth is known.")
    parser.add_argument("--quick", action="store_true", help="a small one, about two minutes")
    parser.add_argument(
        "--people", type=int, nargs="+", help="of the world `comp` (300 900 2700, quick 300)"
    )
    parser.add_argument("--sets", type=int, help="data sets a cell (400, quick 20)")
    parser.add_argument(
        "--cells",
        default="",
        help='pattern of the cells to run, named as on stderr: "grid comp", "^planning .* 3$"',
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything (0)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
