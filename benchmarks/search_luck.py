"""Repeats small searches end to end and says whose luck their scores are; prints it in Markdown.

    OMP_NUM_THREADS=1 nice taskset -c 0 python -m benchmarks.search_luck --out DIR > REPORT
    python -m benchmarks.search_luck --out DIR --quick

Question: how far does the expected score of an approach vary with the luck of its one search, and
with the people it is trained on? Every repeat searches through the real command, refits the
finalists, chooses by cross-fitting, and is scored on many other people from the generator: once
with the same people in every repeat, once with fresh ones. `aa_end_to_end` counts what such luck
does to a verdict. DIR keeps a file a repeat; what is there is not repeated.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import optuna
import ray
import torch

from benchmarks.command import command_of
from search.tuning.cluster import ray_runtime
from tests.search.builders.luck_report import Found, describe_configs, report
from tests.search.builders.repeated_searches import (
    FRESH,
    QUICK,
    SAME,
    SIDE,
    LuckSize,
    Repeat,
    people_who_test,
    repeat_of,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes every repeat that is not there yet and prints the report."""
    given = _parse(arguments)
    size, folder = QUICK if given.quick else LuckSize(), given.out.resolve()
    test = people_who_test(size, folder)
    repeats: dict[str, list[Repeat]] = {SAME: [], FRESH: []}
    with ray_runtime(""):
        for number in range(given.repeats):
            for kind, found in repeats.items():
                found.append(repeat_of(size, folder, kind, number, test))
                print(f"{kind} {number}: {found[-1].seconds} s", file=sys.stderr, flush=True)
    print(_head(size, given.repeats, repeats))
    print(report(Found.of(repeats, test.people)))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The luck of small searches.")
    parser.add_argument("--out", type=Path, required=True, help="folder of repeats and caches")
    parser.add_argument("--repeats", type=int, default=12, help="of either kind, 2 or more (12)")
    parser.add_argument("--quick", action="store_true", help="smallest searches")
    return parser.parse_args(arguments)


def _head(size: LuckSize, num: int, repeats: dict[str, list[Repeat]]) -> str:
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch "
        f"{torch.__version__}, Ray {ray.__version__}, Optuna {optuna.__version__}"
    )
    arguments = command_of("benchmarks.search_luck")
    return f"""# The luck of the search

{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores, one used; {versions}.
Command: `{arguments}`.

{num} repeats with the same {size.people} demo people and {num} with fresh ones each. A repeat is
`run --space joint=FILE --trials {size.trials} --max-epochs {size.epochs}` with a seed of its own,
the joint space without mixtures, averaging and hidden layers (test_efficientnet and test_resnet,
{SIDE} px); refit of the default and the best {size.configs} beside it on {size.folds}
person-disjoint folds x {size.seeds} seeds; cross-fitted choice; and every trained model scored on
{size.test_people} other people, drawn once. Repeats of the same people share their folds.
{describe_configs(repeats).capitalize()}.
"""


if __name__ == "__main__":
    main()
