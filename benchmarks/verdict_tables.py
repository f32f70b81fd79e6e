"""Tables of `benchmarks.verdict_simulation`: named cells, and rates with their exact intervals."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tests.search.builders.verdict_cells import above_five_percent

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A part of the report.

    Attributes:
        title: without number signs.
        text: what is shown, in sentences.
        columns: their names.
        cells: name of a cell -> what computes its rows. The name starts with that of the part.
    """

    title: str
    text: str
    columns: Sequence[str]
    cells: dict[str, Callable[[], Rows]]

    def markdown(self, wanted: str) -> str:
        """Returns the part with the cells whose names match a pattern; "" if there is none."""
        rows: Rows = []
        for name, compute in self.cells.items():
            if re.search(wanted, name):
                print(name, "...", file=sys.stderr, flush=True)
                rows += compute()
        if not rows:
            return ""
        lines = [self.columns, ["---"] * len(self.columns), *rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"\n## {self.title}\n\n{self.text}\n\n{table}"


def rate(hits: Iterable[bool]) -> str:
    """Returns the share of True with its exact 95 % binomial interval."""
    found = np.asarray(list(hits), dtype=bool)
    interval = stats.binomtest(int(found.sum()), len(found)).proportion_ci(0.95, "exact")
    return f"{found.mean():.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def false_rate(hits: Iterable[bool]) -> str:
    """Returns the same, marked where the interval lies wholly above 5 %."""
    found = list(hits)
    return f"{rate(found)} **broken**" if above_five_percent(found) else rate(found)


def shares(values: Iterable[float]) -> str:
    """Returns "5 / 12 / 40": percents without decimals."""
    return " / ".join(f"{100 * value:.0f}" for value in values)
