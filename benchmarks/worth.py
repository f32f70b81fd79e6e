"""Is headrace worth its minutes? Searches beside what its users would run instead; in Markdown.

    python -m benchmarks.worth --out DIR --budgets 2m 5m --seeds 5 > benchmarks/worth_CPU_DATE.md
    python -m benchmarks.worth --out DIR --data FOLDER --weights-dir WEIGHTS --only headrace recipe
    python -m benchmarks.worth --speed > benchmarks/worth_speed_CPU_DATE.md

Methods, all with the same spaces, networks, image sizes, epochs and batches, on the CPU:
headrace's own command (its search alone); the recipe of Ray's documentation, cold and with reused
workers; random search with twice the time; training many for one epoch and the best one to its
end; and the default config. `--only headrace-known --portfolio FILE` is headrace that begins with
the good configs of a run on other people. A budget is device time: wall-clock time from the start
of the process, imports and all, times the slots. What a method chooses is trained again by one
protocol on everybody who was searched on, and scored on people whom none of them saw: 900 fresh
demo people, or a third of the people of a folder with a manifest.csv.

The methods take turns, seed by seed. DIR/cells.jsonl gets a line as soon as a search has ended,
and a later call goes on from there: `benchmarks/measured` keeps what hours have measured.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.rivals.cells import (
    HEADRACE,
    KNOWN,
    METHODS,
    TIMES,
    Cell,
    CellFile,
    Row,
    run_cell,
    start_up_of_headrace,
)
from benchmarks.rivals.held_out import HeldOut, Sides
from benchmarks.rivals.task import ALL, Task
from search.prepare.config import parse_duration
from trainables.machine import Machine

_AROUND_A_CELL = 30.0
"""Seconds beside a search: starting and ending, training its choice again."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the cells that are not there yet and prints the report."""
    given = _parse(arguments)
    if given.speed:
        from benchmarks.rivals.speed import speed_report

        print(speed_report(given.weights_dir, given.pairs))
        return
    began = time.monotonic()
    folder = given.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sides = _sides(given, folder)
    data = sides.name if given.max_epochs is None else f"{sides.name}-{given.max_epochs}-epochs"
    cells, file = list(_cells(given, data)), CellFile(folder)
    done = {row.cell for row in file.rows()}
    missing = [cell for cell in cells if cell not in done]
    for space in given.space:
        _held_out(given, sides, space, folder).check_made_alike()
    for number, cell in enumerate(missing, start=1):
        expected = cell.budget * TIMES.get(cell.method, 1.0) / given.slots + _AROUND_A_CELL
        if time.monotonic() - began + expected > 60 * given.minutes:
            print(f"{len(missing) - number + 1} cells are left for a later call", file=sys.stderr)
            break
        file.append(row := _run(cell, given, sides, folder))
        held_out = _held_out(given, sides, cell.space, folder)
        held_out.prepare(held_out.choices([row.found.choices]))
        print(f"{number} of {len(missing)}: {cell}: {row.found.trials}", file=sys.stderr)
    rows = [row for row in file.rows() if row.cell in cells]
    if rows:
        from benchmarks.rivals.worth_report import report

        print(report(rows, lambda space: _held_out(given, sides, space, folder), given))


def _run(cell: Cell, given: argparse.Namespace, sides: Sides, folder: Path) -> Row:
    seconds = cell.budget * TIMES.get(cell.method, 1.0) / given.slots
    task = _task(given, sides, cell.space, cell.seed, seconds)
    start_up = 0.0
    if cell.method in {HEADRACE, KNOWN}:
        start_up = start_up_of_headrace(task, cell.data, folder)
    return run_cell(cell, task, folder, start_up, given.portfolio and given.portfolio.resolve())


def _task(
    given: argparse.Namespace, sides: Sides, space: str, seed: int = 0, seconds: float = 0.0
) -> Task:
    return Task(
        data=str(sides.search),
        work="",
        space=space,
        weights_dir=str(given.weights_dir.resolve()) if given.weights_dir else "",
        max_epochs=given.max_epochs,
        seed=seed,
        slots=given.slots,
        seconds=seconds,
        launched=0.0,
    )


def _held_out(given: argparse.Namespace, sides: Sides, space: str, folder: Path) -> HeldOut:
    task = _task(given, sides, space)
    return HeldOut.of(task, sides, folder / "retrained", given.retrainings)


def _sides(given: argparse.Namespace, folder: Path) -> Sides:
    if given.data == "demo":
        return Sides.of_demo(folder / "data", given.people, given.test_people)
    return Sides.of_data(folder / "data", Path(given.data).resolve())


def _cells(given: argparse.Namespace, data: str) -> Iterator[Cell]:
    """Yields the cells in the order they are run: every seed of all methods side by side."""
    for budget in given.budgets:
        for space in given.space:
            for seed in range(given.seeds):
                turn = seed % len(METHODS)
                for method in (*METHODS[turn:], *METHODS[:turn], KNOWN):
                    if method in given.only:
                        yield Cell(data=data, space=space, method=method, budget=budget, seed=seed)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, help="folder of cells, data and trainings")
    add("--only", nargs="+", default=METHODS, choices=(*METHODS, KNOWN), help="methods (all)")
    add("--portfolio", type=Path, help=f"that {KNOWN} begins with, of other people")
    add("--budgets", nargs="+", type=parse_duration, default=[120.0], help="device time (2m)")
    add("--space", nargs="+", default=["age", ALL], help="spaces, or all of them (age all)")
    add("--seeds", type=int, default=5, help="searches of every method (5)")
    add("--data", default="demo", help="demo, or a folder with a manifest.csv")
    add("--weights-dir", type=Path, help="pretrained weights (none)")
    add("--people", type=int, default=300, help="demo people who are searched on (300)")
    add("--test-people", type=int, default=900, help="demo people who test (900)")
    add("--max-epochs", type=int, help="of a trial (the scale's own)")
    add("--retrainings", type=int, default=3, help="of every choice on the common protocol (3)")
    add("--slots", type=int, default=Machine().cpus(), help="trials at once (all CPUs)")
    add("--minutes", type=float, default=float("inf"), help="start no cell that would end later")
    add("--speed", action="store_true", help="training and evaluation against a constant batch")
    add("--pairs", type=int, default=9, help="of --speed (9)")
    given = parser.parse_args(arguments)
    if given.out is None and not given.speed:
        parser.error("--out DIR is needed, but for --speed")
    if (given.portfolio is None) == (KNOWN in given.only):
        parser.error(f"--only {KNOWN} and --portfolio FILE need each other")
    if given.portfolio is not None and not given.portfolio.is_file():
        parser.error(f"--portfolio must be a file, got {given.portfolio}")
    if {HEADRACE, KNOWN} & set(given.only) and given.slots != Machine().cpus():
        parser.error(
            f"headrace runs a trial on each of {Machine().cpus()} CPUs: leave --slots out"
        )
    return given


if __name__ == "__main__":
    main()
