"""Holds the verdict against people whose truth is known, and prints the report in Markdown.

    python -m benchmarks.verdict_simulation --quick
    nice python -m benchmarks.verdict_simulation > benchmarks/verdict_simulation_CPU_DATE.md

Claims: two equally good approaches are called different in at most 5 % of repeats (the exact 95 %
binomial interval of the rate does not lie wholly above 5 %), at any share of errors that a person
repeats and with any training luck; treating photos as independent, or seeds as no luck, breaks it.
"""

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import scipy
from scipy import stats

from search.analysis.approaches.approach import Approach
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import Outcome, Rules
from tests.search.builders.simulated_people import (
    World,
    population_macro_f1,
    simulate,
)
from tests.search.builders.verdict_cells import (
    Effort,
    any_winner,
    fixed_cell,
    judged,
    power_cell,
    samples,
    searches_cell,
    seeds_cell,
)

THREE = (1.0, 1.0, 1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every part and prints the report."""
    effort = _parse(arguments)
    started = time.monotonic()
    print(_head(effort))
    parts = (time_and_memory, equal_fixed, equal_seeds, equal_three, equal_searches, power)
    for part in parts:  # time and memory first: the peak is that of the whole process
        print(f"{part.__name__} ...", file=sys.stderr, flush=True)
        print(part(effort), flush=True)
    print(f"\nAll of it took {(time.monotonic() - started) / 60:.0f} minutes.")


def time_and_memory(effort: Effort) -> str:
    """Times 10,000 resamples of 2,700 people x 18 classes x 3 approaches."""
    world = World(num_people=2_700, shared=0.8, num_seeds=3, error_factors=THREE)
    sample = simulate(world, np.random.default_rng(effort.seed))
    rows = []
    for num_seeds in (1, 3):
        approaches = [
            Approach(name=str(i), predicted=rows[:num_seeds])
            for i, rows in enumerate(sample.predicted)
        ]
        started = time.perf_counter()
        judge(approaches, sample.people, rules=Rules(num_resamples=10_000))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append([str(num_seeds), f"{seconds:.1f}", f"{peak:.0f}"])
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return _section(
        "Time and memory: 10,000 resamples, 2,700 people x 7 photos, 18 classes, 3 approaches",
        "Limits: 10 s on 2 cores, 1,024 MiB. The whole verdict on three pairs is timed; the peak "
        f"is that of the process, interpreter and libraries included (OMP_NUM_THREADS {threads}).",
        ["seeds an approach", "s", "peak MiB"],
        rows,
    )


def equal_fixed(effort: Effort) -> str:
    """A/A of given models, one prediction file each, against photos taken as independent."""
    rows = []
    for people in (min(effort.people), max(effort.people)):
        for shared in (0.0, 0.8, 1.0):
            found = fixed_cell(World(num_people=people, shared=shared), effort)
            rows.append([f"{people:,}", f"{shared:g}", *_rates(found)])
    return _section(
        "A/A of fixed models",
        "Two equally good models, errors shared within a person. Share of pairs in which a winner "
        "is declared, with its exact 95 % binomial interval; **broken** where that lies wholly "
        "above 5 %.",
        ["people", "shared", "people resampled (ours)", "photos taken as independent"],
        rows,
    )


def equal_seeds(effort: Effort) -> str:
    """A/A of approaches with training luck, against simpler ways to treat it."""
    cells = [
        (people, num_seeds, seed_sd, 0.15)
        for people in (min(effort.people), max(effort.people))
        for num_seeds in (2, 3, 5)
        for seed_sd in (0.0, 0.005, 0.01, 0.02)
    ]
    cells += [(max(effort.people), num_seeds, 0.02, 0.02) for num_seeds in (2, 3)]
    rows = []
    for people, num_seeds, seed_sd, own in cells:
        world = World(num_people=people, shared=0.8, num_seeds=num_seeds, seed_sd=seed_sd, own=own)
        rates = _rates(seeds_cell(world, effort))
        rows.append([f"{people:,}", str(num_seeds), f"{seed_sd:g}", f"{own:g}", *rates])
    return _section(
        "A/A with training luck",
        "Two equally good approaches whose every training has its own true score, with the given "
        "standard deviation; errors shared 0.8; `own` is the share of a seed's own in the latent "
        "difficulty of a photo. Ours adds the variance between seeds to that over people and uses "
        "Student's t, with half a degree of freedom for two seeds; beside it the same with S - 1 "
        "degrees. Drawing seeds with replacement beside the people, judged by the normal "
        "distribution, understates the luck; leaving seeds out ignores it.",
        ["people", "seeds", "s.d.", "own", "ours", "S - 1 degrees", "seeds drawn", "left out"],
        rows,
    )


def equal_three(effort: Effort) -> str:
    """A/A of three approaches: any winner among three pairs, with Holm's p."""
    rows = []
    for people in (min(effort.people), max(effort.people)):
        world = World(
            num_people=people, shared=0.8, num_seeds=3, seed_sd=0.01, error_factors=THREE
        )
        found = [(any_winner(judged(sample, effort)),) for sample in samples(world, effort)]
        rows.append([f"{people:,}", *_rates(found)])
    return _section(
        "A/A of three approaches",
        "Three equally good approaches, 3 seeds, s.d. of a training 0.01: any winner at all.",
        ["people", "winner declared"],
        rows,
    )


def equal_searches(effort: Effort) -> str:
    """A/A of searches with equally good configs, as many on both sides or not."""
    people, fewer = min(effort.people), replace(effort, pairs=max(10, effort.pairs // 2))
    rows = []
    for first, second in ((64, 4), (4, 4)):
        for own in (0.15, 0.02):
            factors = (1.0,) * (first + second)
            world = World(
                num_people=people, shared=0.8, num_seeds=3, error_factors=factors, own=own
            )
            rates = _rates(searches_cell(world, first, fewer if first > 4 else effort))
            rows.append([f"{people:,}", f"{first} and {second}", f"{own:g}", *rates])
    return _section(
        "A/A of searches: the best of some equal configs against the best of others",
        "All configs are equally good; 3 seeds, 5 folds, errors shared 0.8, "
        f"{fewer.pairs} repeats with 64 configs. Ours chooses the config for the people of a fold "
        "by the people of the other folds and counts the luck of that choice; without that luck; "
        "and the best config on the very people it is judged on, which is no remedy: few winners, "
        "for the best of many vary little, but every score is too high.",
        ["people", "configs", "own", "ours", "luck of choice left out", "best on the same people"],
        rows,
    )


def power(effort: Effort) -> str:
    """Detection rate and coverage against the true difference."""
    rows = []
    for people in effort.people:
        for gain in (0.0, 0.005, 0.01, 0.02, 0.04):
            for num_seeds in (1, 3):
                cell = power_cell(people, gain, effort, num_seeds=num_seeds)
                wins = [Outcome.A_WINS, Outcome.B_WINS, Outcome.EQUIVALENT]
                shares = [f"{cell.outcomes.count(which) / effort.pairs:.1%}" for which in wins]
                score = f"{np.mean(cell.score_covered):.1%}" if num_seeds == 1 else "-"
                models = "fixed" if num_seeds == 1 else f"{num_seeds} seeds"
                width, covered = np.median(cell.half_widths), np.mean(cell.covered)
                figures = [f"{width:.4f}", f"{covered:.1%}", score]
                rows.append([f"{people:,}", f"{gain:g}", models, *shares, *figures])
    return _section(
        "Power and coverage",
        "Errors shared 0.8; `a` is truly better by the given macro-F1. `fixed`: one model each, "
        "judged as it is; otherwise 3 seeds, s.d. of a training 0.005. Half-width: median of the "
        "95 % interval of the difference. Coverage: share of intervals that hold the true "
        "difference, and of `person_bootstrap_interval` that hold the true score of `b`.",
        [
            "people",
            "true difference",
            "models",
            "a wins",
            "b wins",
            "equivalent",
            "half-width",
            "coverage of difference",
            "coverage of score",
        ],
        rows,
    )


def _rates(found: Iterable[tuple[bool, ...]]) -> list[str]:
    """Returns of every column the share of True with its exact binomial interval."""
    texts = []
    for column in zip(*found, strict=True):
        interval = stats.binomtest(sum(column), len(column)).proportion_ci(0.95, "exact")
        text = f"{np.mean(column):.1%} [{interval.low:.1%}, {interval.high:.1%}]"
        texts.append(f"{text} **broken**" if interval.low > 0.05 else text)
    return texts


def _section(title: str, text: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    return f"\n## {title}\n\n{text}\n\n" + "\n".join(lines)


def _head(effort: Effort) -> str:
    versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
    arguments = " ".join(["python -m benchmarks.verdict_simulation", *sys.argv[1:]])
    return (
        "# Does the verdict keep its promises? A simulation\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, {versions}. Command: `{arguments}`.\n\n"
        f"{effort.pairs} pairs a cell, {effort.resamples:,} resamples a pair, seed {effort.seed}. "
        "People as in `tests/search/builders/simulated_people.py`, drawn anew for every pair, "
        "so that the rare classes differ in size; macro-F1 of a model over all people "
        f"{population_macro_f1():.3f}."
    )


def _parse(arguments: Sequence[str] | None) -> Effort:
    parser = argparse.ArgumentParser(description="Simulate verdicts whose truth is known.")
    parser.add_argument("--quick", action="store_true", help="a small one, about two minutes")
    parser.add_argument("--pairs", type=int, help="simulated pairs a cell (400, quick 20)")
    parser.add_argument("--resamples", type=int, help="resamples a pair (500, quick 200)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (0)")
    given = parser.parse_args(arguments)
    return Effort(
        pairs=given.pairs or (20 if given.quick else 400),
        resamples=given.resamples or (200 if given.quick else 500),
        people=(300, 900) if given.quick else (300, 900, 2_700),
        seed=given.seed,
    )


if __name__ == "__main__":
    main()
