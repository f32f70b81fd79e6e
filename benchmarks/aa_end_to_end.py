"""Two searches of the same space against each other, end to end; prints the report in Markdown.

    nice python -m benchmarks.aa_end_to_end --out DIR > benchmarks/aa_end_to_end_CPU_DATE.md

Claim: two `joint` runs that differ in nothing but their seed are called different as rarely as
chance allows. Each repeat draws new pictures, searches twice through the real command, refits the
finalists of both on the same folds of people with seeds of their own, chooses among them by
cross-fitting and judges the two as a run judges two approaches.
"""

import argparse
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scipy import stats

from benchmarks.command import command_of
from search.analysis.verdict.outcomes import (
    PairVerdict,
)
from search.tuning.cluster import ray_runtime
from tests.search.builders.equal_searches import Size, one_repeat


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the repeats and prints the report."""
    parser = argparse.ArgumentParser(description="Judge two equal searches, again and again.")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and results")
    parser.add_argument("--repeats", type=int, default=10, help="how often (10)")
    given = parser.parse_args(arguments)
    size, rows = Size(), []
    print(_head(size, given.repeats), flush=True)
    with ray_runtime(""):
        for number in range(given.repeats):
            pair = one_repeat(size, given.out.resolve(), number)
            rows.append(pair)
            print(_row(number, pair), flush=True)
    print(_end(rows))


def _row(number: int, pair: PairVerdict) -> str:
    estimate = pair.headline.estimate
    low, high = estimate.interval.low, estimate.interval.high
    cells = [
        str(number),
        f"{estimate.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
        f"{pair.headline.p_holm:.2f}",
        pair.winner or "nobody",
    ]
    return "| " + " | ".join(cells) + " |"


def _end(pairs: Sequence[PairVerdict]) -> str:
    wins, num = sum(pair.winner is not None for pair in pairs), len(pairs)
    low, high = stats.binomtest(wins, num).proportion_ci(0.95, "exact")
    at_least = stats.binomtest(wins, num, 0.05, alternative="greater").pvalue
    return (
        f"\nA winner was declared in {wins} of {num} repeats ({wins / num:.0%}, exact 95 % "
        f"interval [{low:.1%}, {high:.1%}]). With a true rate of 5 % so many or more come with "
        f"probability {at_least:.2f}."
    )


def _head(size: Size, repeats: int) -> str:
    arguments = command_of("benchmarks.aa_end_to_end")
    return (
        "# A/A, end to end: two searches of the same space\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}. Command: `{arguments}`.\n\n"
        f"{repeats} repeats, each with new pictures of {8 * size.people_a_class} people x 4 "
        "photos (8 joint classes, the conditional world of "
        "`tests/search/builders/planted_pictures.py`). Two "
        f"runs `--space joint --trials {size.trials} --max-epochs {size.epochs}` that differ in "
        f"--seed; refit of the default and the best {size.configs} beside it on {size.folds} "
        f"folds x {size.seeds} seeds, the same folds for both.\n\n"
        "| repeat | first - second, 95 % | p | winner |\n| --- | --- | --- | --- |"
    )


if __name__ == "__main__":
    main()
