"""Does the simulator rank methods as real searches do? Its side; `worth` has the other one.

    python -m benchmarks.simulator_agreement --cells benchmarks/measured/worth-demo --slower 0.41

The methods of `worth` that the simulator knows search `age` of the demo for the same device time,
in worlds of their own (`search_simulation`). Epochs take `--slower` times those of the laws, and
the real start-up is taken off, but nothing for a second fold. The simulator chooses the highest
score: of headrace it is what `worth` calls "headrace, highest score". The table sets trials beside
those of the stored cells; the differences from the default are to be read beside those of `worth`.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.rivals.cells import HEADRACE, ONE_EPOCH, RANDOM, TIMES, CellFile, Row
from search.analysis.uncertainty.interval import student_quantile
from search.prepare.config import format_duration
from tests.search.builders.search_scores import SearchScore, searched

SPACE, SLOTS = "age", 2
POLICIES = {
    HEADRACE: "as it runs",
    RANDOM: "random, no stopping",
    ONE_EPOCH: "one-epoch discarding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A method at a budget.

    Attributes:
        method: of `worth`.
        budget: device seconds.
        real: its stored searches.
        simulated: one a world.
    """

    method: str
    budget: float
    real: Sequence[Row]
    simulated: Sequence[SearchScore]

    @property
    def gains(self) -> np.ndarray:
        """True score of the choice minus that of the default, one a world."""
        spaces = [each.spaces[SPACE] for each in self.simulated]
        return np.array([space.chosen - space.default for space in spaces])


def groups(rows: Sequence[Row], worlds: int, slower: float) -> Iterator[Group]:
    """Yields what both sides have, the shortest budget first."""
    for budget in sorted({row.cell.budget for row in rows}):
        for method, policy in POLICIES.items():
            real = [row for row in rows if (row.cell.method, row.cell.budget) == (method, budget)]
            if not real:
                continue
            started = statistics.median(row.found.started for row in real)
            seconds = budget * TIMES.get(method, 1.0) / SLOTS - started
            simulated = [
                searched("demo", seconds, SLOTS, policy, seed, (SPACE,), slower)
                for seed in range(worlds)
            ]
            print(method, format_duration(budget), "...", file=sys.stderr, flush=True)
            yield Group(method=method, budget=budget, real=real, simulated=simulated)


def report(found: Sequence[Group]) -> str:
    """Returns the table in Markdown."""
    own = {group.budget: group.gains for group in found if group.method == HEADRACE}
    heads = "device time | method | real searches: in full, others | simulated: in full, others"
    lines = [f"| {heads} | worlds | simulated minus default | headrace minus it | below |"]
    lines.append("| --- " * 8 + "|")
    for group in found:
        spaces = [each.spaces[SPACE] for each in group.simulated]
        whole = statistics.median(space.complete for space in spaces)
        rest = statistics.median(space.trials - space.complete for space in spaces)
        trials = [row.found.trials for row in group.real]
        real = [
            statistics.median(sum(each[which] for which in some) for each in trials)
            for some in (("complete",), ("stopped", "cut_off", "failed"))
        ]
        gains = group.gains
        ahead = ""
        if group.method != HEADRACE and group.budget in own:
            ahead = _interval(own[group.budget] - gains)
        cells = [
            format_duration(group.budget),
            group.method,
            f"{real[0]:g}, {real[1]:g} (of {len(group.real)})",
            f"{whole:g}, {rest:g}",
            str(len(gains)),
            _interval(gains),
            ahead,
            f"{np.mean(gains < -1e-9):.0%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _interval(values: np.ndarray) -> str:
    reach = student_quantile(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    mean = values.mean()
    return f"{mean:+.3f} [{mean - reach:+.3f}, {mean + reach:+.3f}]"


def at_least_two(text: str) -> int:
    """Returns a number of worlds that has an interval."""
    if (number := int(text)) < 2:
        raise argparse.ArgumentTypeError(f"worlds must be at least 2, got {number}")
    return number


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="the simulator beside real searches")
    parser.add_argument("--cells", type=Path, required=True, help="folder of worth")
    parser.add_argument("--worlds", type=at_least_two, default=20)
    parser.add_argument("--slower", type=float, default=1.0, help="epochs, by those of the laws")
    given = parser.parse_args()
    rows = [
        row
        for row in CellFile(given.cells).rows()
        if row.cell.space == SPACE and row.cell.data.startswith("demo")
    ]
    print(report(list(groups(rows, given.worlds, given.slower))))


if __name__ == "__main__":
    main()
