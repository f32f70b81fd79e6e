"""Searches on a virtual clock: which sampler and which early stopping find better configs.

    python -m benchmarks.search_simulation --seeds 2
    nice python -m benchmarks.search_simulation > benchmarks/search_simulation_CPU_DATE.md
    nice python -m benchmarks.search_simulation --only "demo 15m" --seeds 30

The real searcher, scheduler and fair share run on modelled learning curves, in worlds whose true
scores are known. Every cell is stored in a file of JSON lines as it ends, and a later call goes on
from there; the report is of all that is stored.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.command import command_of
from search.analysis.uncertainty.interval import student_quantile
from search.prepare.config import parse_duration
from tests.search.builders.curve_law import OWN_AT_60
from tests.search.builders.curve_worlds import place
from tests.search.builders.search_policies import POLICIES
from tests.search.builders.search_scores import searched

NOW = "as it runs"
BUDGETS = ("5m", "15m")
DEVICES = 2
SCALING = (1, 2, 4, 8, 16, 32, 64)
GPU_SLOWER = 60.0
"""Epochs of minutes, as on GPUs: a day of 64 devices has some thousand trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A search of the benchmark; the fields are those of `searched`."""

    where: str
    budget: str
    devices: int
    policy: str
    seed: int
    slower: float = 1.0

    @property
    def key(self) -> str:
        """What it is called in the file and to `--only`."""
        slower = f" x{self.slower:g}" if self.slower != 1 else ""
        return f"{self.where} {self.budget}{slower} {self.devices} {self.policy} {self.seed}"

    def run(self) -> dict[str, Any]:
        """Runs it and returns its line."""
        began = time.perf_counter()
        found = searched(
            self.where,
            parse_duration(self.budget),
            self.devices,
            self.policy,
            self.seed,
            slower=self.slower,
        )
        took = round(time.perf_counter() - began, 2)
        return {"key": self.key, **asdict(self), "took_s": took, **asdict(found)}


def cells(seeds: int) -> Iterator[Cell]:
    """Yields the cells, a seed of everything after the other."""
    for seed in range(seeds):
        for where in ("demo", "faces"):
            for budget in BUDGETS:
                for policy in POLICIES:
                    yield Cell(
                        where=where, budget=budget, devices=DEVICES, policy=policy, seed=seed
                    )
        for devices in SCALING if seed < 3 else ():
            for policy in (NOW, "random"):
                yield Cell(
                    where="demo",
                    budget="24h",
                    devices=devices,
                    policy=policy,
                    seed=seed,
                    slower=GPU_SLOWER,
                )


def main() -> None:
    """Runs what is not stored yet and prints the report of what is."""
    parser = argparse.ArgumentParser(description="search policies in a simulation")
    parser.add_argument("--out", type=Path, default=Path("search_simulation.jsonl"))
    parser.add_argument("--seeds", type=int, default=20, help="worlds (20)")
    parser.add_argument("--only", default="", help="pattern of the cells to run")
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after (never)")
    given = parser.parse_args()
    stored = {line["key"]: line for line in _read(given.out)}
    began = time.monotonic()
    with given.out.open("a", encoding="utf-8") as file:
        for cell in cells(given.seeds):
            late = time.monotonic() - began > given.seconds
            if late or cell.key in stored or not re.search(given.only, cell.key):
                continue
            print(cell.key, "...", file=sys.stderr, flush=True)
            stored[cell.key] = cell.run()
            file.write(json.dumps(stored[cell.key]) + "\n")
            file.flush()
    print(_report(list(stored.values())))


def _read(path: Path) -> list[dict[str, Any]]:
    """Returns what is stored; a last line that was not written whole is cut off."""
    if not path.exists():
        return []
    whole, _, torn = path.read_text(encoding="utf-8").rpartition("\n")
    if torn:
        os.truncate(path, path.stat().st_size - len(torn.encode()))
    return [json.loads(line) for line in whole.splitlines()]


def _report(rows: Sequence[dict[str, Any]]) -> str:
    head = (
        "# Which search finds better configs? A simulation\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, Optuna {optuna.__version__}, NumPy {np.__version__}. "
        f"Command: `{command_of('benchmarks.search_simulation')}`.\n\n"
        "The real searcher, scheduler and fair share on a virtual clock; curves from laws fitted "
        f"to {place('demo').source} (60 people validate) and to {place('faces').source} (108 "
        "validate), in random worlds (`tests/search/builders/curve_worlds.py`). A seed is a "
        "world: all policies search the same ones, so their differences are paired. What a config "
        "shows on its validation people differs from its true score by a part that stays from "
        f"epoch to epoch, s.d. {OWN_AT_60:g} sqrt(v (1 - v) 60 / people) from a bootstrap over "
        "people of the differences between recorded trials, and one of every epoch, fitted with "
        "the law (0.06 to 0.14 in the same unit). Chosen is the highest score, without headrace's "
        "own rule, which takes the default unless another leads it by more than luck."
    )
    plain = [row for row in rows if row["slower"] == 1]
    slow = [row for row in rows if row["slower"] != 1]
    parts = [head, _together(plain), _policies(plain), _scaling(slow)]
    return "\n\n".join(part for part in parts if part)


def _together(rows: Sequence[dict[str, Any]]) -> str:
    by_policy: dict[str, dict[tuple[str, str, int], float]] = {}
    for row in rows:
        cell = (row["where"], row["budget"], row["seed"])
        by_policy.setdefault(row["policy"], {})[cell] = float(np.mean(_gains(row)))
    now = by_policy.pop(NOW, {})
    table = ["| policy | worlds | searches | against now |\n| --- | --- | --- | --- |"]
    for policy, gains in by_policy.items():
        both = {cell: gains[cell] - now[cell] for cell in gains if cell in now}
        worlds = sorted({seed for _, _, seed in both})
        means = [np.mean([d for (*_, seed), d in both.items() if seed == w]) for w in worlds]
        if len(worlds) > 3:
            found = _interval(np.array(means))
            table.append(f"| {policy} | {len(worlds)} | {len(both)} | {found} |")
    text = (
        "## All places and budgets together\n\nThe difference of the gain in true macro-F1 from "
        f"{NOW!r}, mean over the searches of a world, then over worlds, with its 95 % interval; "
        "** where it excludes zero."
    )
    return text + "\n\n" + "\n".join(table) if now else ""


def _policies(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "## Samplers and early stopping",
        "Gain: true score of the chosen config minus that of the default, mean over spaces and "
        f"worlds. Against {NOW!r}: paired difference of the gain with its 95 % interval over "
        "worlds, ** where it excludes zero. Below: chosen configs whose true score is below the "
        "default's. Medians: trials of all spaces together, and of an attribute alone.",
        "| where, budget | policy | worlds | gain | against now | regret | below default | trials "
        "| of an attribute | idle | most / least of an approach |\n" + "| --- " * 11 + "|",
    ]
    by_cell: dict[tuple[str, str], dict[str, dict[int, dict[str, Any]]]] = {}
    for row in rows:
        cell = by_cell.setdefault((row["where"], row["budget"]), {})
        cell.setdefault(row["policy"], {})[row["seed"]] = row
    table = [lines.pop()]
    for (where, budget), policies in by_cell.items():
        now = policies.get(NOW, {})
        for policy, worlds in policies.items():
            table.append(_policy_row(f"{where} {budget}", policy, worlds, now))
    return "\n\n".join([*lines, "\n".join(table)]) if rows else ""


def _policy_row(
    what: str,
    policy: str,
    worlds: dict[int, dict[str, Any]],
    now: dict[int, dict[str, Any]],
) -> str:
    spaces = [space for row in worlds.values() for space in row["spaces"].values()]
    both = [
        np.mean(_gains(worlds[seed])) - np.mean(_gains(now[seed]))
        for seed in worlds
        if seed in now
    ]
    against = "" if policy == NOW or len(both) < 2 else _interval(np.array(both))
    attributes = [
        space["trials"]
        for row in worlds.values()
        for name, space in row["spaces"].items()
        if name not in ("joint", "multihead")
    ]
    shares = [max(r["shares"].values()) / min(r["shares"].values()) for r in worlds.values()]
    trials = [sum(s["trials"] for s in row["spaces"].values()) for row in worlds.values()]
    found = [
        what,
        policy,
        str(len(worlds)),
        f"{np.mean([s['chosen'] - s['default'] for s in spaces]):+.4f}",
        against,
        f"{np.mean([s['best'] - s['chosen'] for s in spaces]):.4f}",
        f"{np.mean([s['chosen'] < s['default'] - 1e-9 for s in spaces]):.0%}",
        f"{np.median(trials):g}",
        f"{np.median(attributes):g}",
        f"{np.mean([row['idle'] for row in worlds.values()]):.1%}",
        f"{np.median(shares):.2f}",
    ]
    return "| " + " | ".join(found) + " |"


def _gains(row: dict[str, Any]) -> list[float]:
    return [space["chosen"] - space["default"] for space in row["spaces"].values()]


def _interval(differences: np.ndarray) -> str:
    """Returns the mean over worlds with its interval by Student's t."""
    num = len(differences)
    reach = student_quantile(0.975, num - 1) * float(differences.std(ddof=1)) / num**0.5
    low, high = differences.mean() - reach, differences.mean() + reach
    mark = " **" if low > 0 or high < 0 else ""
    return f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}]{mark}"


def _scaling(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    text = (
        f"## A day on 1 to 64 devices\n\nThe demo's spaces with epochs {GPU_SLOWER:g} times as "
        "long, as on GPUs. Took: seconds of this machine for the simulated day."
    )
    table = [
        "| devices | policy | worlds | trials an hour | idle | most / least of an approach | gain "
        "| took |\n" + "| --- " * 8 + "|"
    ]
    keys = sorted({(row["devices"], row["policy"]) for row in rows})
    for devices, policy in keys:
        found = [r for r in rows if (r["devices"], r["policy"]) == (devices, policy)]
        shares = [max(r["shares"].values()) / min(r["shares"].values()) for r in found]
        cells_ = [
            str(devices),
            policy,
            str(len(found)),
            f"{np.mean([row['trials_an_hour'] for row in found]):.0f}",
            f"{np.mean([row['idle'] for row in found]):.2%}",
            f"{np.median(shares):.3f}",
            f"{np.mean([np.mean(_gains(row)) for row in found]):+.4f}",
            f"{np.median([row['took_s'] for row in found]):.0f} s",
        ]
        table.append("| " + " | ".join(cells_) + " |")
    return text + "\n\n" + "\n".join(table)


if __name__ == "__main__":
    main()
