"""Holds promised scores against the hidden truth of demo folders, and prints it in Markdown.

    OMP_NUM_THREADS=1 nice python -m benchmarks.promised_score --out DIR > REPORT
    python -m benchmarks.promised_score --out DIR --quick

Claim: the 95 % prediction interval that a run promises for a folder holds what the folder then
scores, for 17 of 20 runs at least (a promise kept 95 % of the time falls below that in 1.6 % of
such benchmarks). DIR keeps what every run came to; a run that is there already is not repeated.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.search.builders.promised_refit import FULL, QUICK
from tests.search.builders.promised_report import report
from tests.search.builders.promised_runs import outcome_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes every run that is not there yet and prints the report."""
    given = _parse(arguments)
    effort = QUICK if given.quick else FULL
    given.out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for seed in range(given.seeds):
        outcomes.append(outcome_of(effort, given.out, seed))
        print(f"seed {seed}: {outcomes[-1]}", file=sys.stderr, flush=True)
    print(report(effort, outcomes))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="promised scores against the hidden truth")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and caches")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="smallest runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
