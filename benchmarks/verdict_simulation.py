"""Holds the verdict against people whose truth is known, and prints the report in Markdown.

    python -m benchmarks.verdict_simulation --quick
    nice -n 10 python -m benchmarks.verdict_simulation > benchmarks/verdict_simulation_HARDWARE_DATE.md

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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import scipy
from scipy import stats

from benchmarks.simulated_people import (
    NUM_CLASSES,
    Sample,
    World,
    factor_of_gain,
    population_macro_f1,
    simulate,
)
from search.analysis.approaches import build_joint
from search.analysis.bootstrap import person_bootstrap_interval
from search.analysis.cross_fit import CrossFit
from search.analysis.judge import Rules, judge
from search.analysis.predictions import Approach
from search.analysis.verdict import Outcome, PairVerdict, Verdict

SHARED = (0.0, 0.8, 1.0)
WINS = (Outcome.A_WINS, Outcome.B_WINS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated."""

    pairs: int
    searches: int
    resamples: int
    people: tuple[int, ...]
    seed: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every part and prints the report."""
    effort = _parse(arguments)
    started = time.monotonic()
    print(_head(effort))
    for part in (time_and_memory, equal_fixed, equal_seeds, equal_three, equal_searches, power):
        _say(f"{part.__name__} ...")
        print(part(effort), flush=True)
    print(f"\nAll of it took {(time.monotonic() - started) / 60:.0f} minutes.")


def time_and_memory(effort: Effort) -> str:
    """Times 10,000 resamples of 2,700 people x 18 classes x 3 approaches; must come first."""
    world = World(num_people=2_700, shared=0.8, num_seeds=3, error_factors=(1.0, 1.0, 1.0))
    sample = simulate(world, np.random.default_rng(effort.seed))
    rows = []
    for seeds in (1, 3):
        approaches = [
            Approach(name=str(i), predicted=row[:seeds]) for i, row in enumerate(sample.predicted)
        ]
        started = time.perf_counter()
        judge(approaches, sample.y, sample.g, NUM_CLASSES, rules=Rules(num_resamples=10_000))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append([str(seeds), f"{seconds:.1f}", f"{peak:.0f}"])
    text = "Limits: 10 s on 2 cores, 1,024 MiB. Peak memory is that of the whole process."
    return _section(
        "Time and memory: 10,000 resamples, 2,700 people x 7 photos, 18 classes, 3 approaches",
        text,
        ["seeds an approach", "s", "peak MiB"],
        rows,
    )


def equal_fixed(effort: Effort) -> str:
    """A/A of given models, one prediction file each, against photos taken as independent."""
    rows = []
    for people in (min(effort.people), max(effort.people)):
        for shared in SHARED:
            world = World(num_people=people, shared=shared)
            found = [
                (
                    _winner(_fixed(sample, effort)),
                    _winner(_fixed(replace_people(sample), effort)),
                )
                for sample in _samples(world, effort, "fixed")
            ]
            rates = [_rate(column) for column in zip(*found, strict=True)]
            rows.append([f"{people:,}", f"{shared:g}", *rates])
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
    rows = []
    for people in (min(effort.people), max(effort.people)):
        for seeds in (2, 3, 5):
            for seed_sd in (0.0, 0.005, 0.01, 0.02):
                world = World(num_people=people, shared=0.8, num_seeds=seeds, seed_sd=seed_sd)
                found = [
                    _seed_rules(_pair(_judged(sample, effort)), seeds)
                    for sample in _samples(world, effort, "seeds")
                ]
                rates = [_rate(column) for column in zip(*found, strict=True)]
                rows.append([f"{people:,}", str(seeds), f"{seed_sd:g}", *rates])
    return _section(
        "A/A with training luck",
        "Two equally good approaches whose every training has its own true score, with the given "
        "standard deviation; errors shared 0.8. Ours adds the variance between seeds and uses "
        "Student's t. Drawing seeds with replacement beside the people, judged by the normal "
        "distribution, understates it; leaving seeds out ignores it.",
        ["people", "seeds", "s.d. of a training", "ours", "seeds drawn", "seeds left out"],
        rows,
    )


def equal_three(effort: Effort) -> str:
    """A/A of three approaches: any winner among three pairs, with Holm's p."""
    rows = []
    for people in (min(effort.people), max(effort.people)):
        world = World(
            num_people=people,
            shared=0.8,
            num_seeds=3,
            seed_sd=0.01,
            error_factors=(1.0, 1.0, 1.0),
        )
        found = [
            any(pair.outcome in WINS for pair in _judged(sample, effort).pairs)
            for sample in _samples(world, effort, "three")
        ]
        rows.append([f"{people:,}", _rate(found)])
    return _section(
        "A/A of three approaches",
        "Three equally good approaches, 3 seeds, s.d. of a training 0.01: any winner at all.",
        ["people", "winner declared"],
        rows,
    )


def equal_searches(effort: Effort) -> str:
    """A/A of a search with 64 configs against one with 4, all configs equally good."""
    people, rows = min(effort.people), []
    world = World(
        num_people=people, shared=0.8, num_seeds=2, error_factors=(1.0,) * 68, common=0.6
    )
    found = []
    for sample in _samples(world, replace(effort, pairs=effort.searches), "searches"):
        plan = CrossFit.of_people(sample.g % 5, sample.g)
        probs = np.eye(NUM_CLASSES, dtype=np.float32)[sample.predicted]
        many, few = ({str(i): probs[i] for i in part} for part in (range(64), range(64, 68)))
        cross = [
            Approach.from_probs(name, build_joint(configs, sample.y, plan).probs)
            for name, configs in (("many", many), ("few", few))
        ]
        naive = [
            Approach.from_probs(name, _best_seen(configs, sample.y))
            for name, configs in (("many", many), ("few", few))
        ]
        found.append(
            tuple(
                _pair(_judge(approaches, sample, effort)).outcome in WINS
                for approaches in (cross, naive)
            )
        )
    rates = [_rate(column) for column in zip(*found, strict=True)]
    rows.append([f"{people:,}", *rates])
    return _section(
        "A/A of unequal searches: the best of 64 against the best of 4",
        "All 68 configs are equally good; 2 seeds, 5 folds. Ours chooses the config for the "
        "people of a fold by the people of the other folds.",
        ["people", "cross-fitted choice (ours)", "best config on the same people"],
        rows,
    )


def power(effort: Effort) -> str:
    """Detection rate and coverage against the true difference."""
    rows = []
    for people in effort.people:
        for gain in (0.005, 0.01, 0.02, 0.04):
            for seeds, seed_sd in ((1, 0.0), (3, 0.005)):
                rows.append(_power_row(people, gain, seeds, seed_sd, effort))
    return _section(
        "Power and coverage",
        "Errors shared 0.8; `a` is truly better by the given macro-F1. `fixed`: one model each, "
        "judged as it is; otherwise 3 seeds, s.d. of a training 0.005. Coverage: share of "
        "intervals that hold the true difference, and the true score of `b` (one seed).",
        [
            "people",
            "true difference",
            "models",
            "a wins",
            "b wins",
            "equivalent",
            "median half-width",
            "coverage of difference",
            "coverage of score",
        ],
        rows,
    )


def _power_row(people: int, gain: float, seeds: int, seed_sd: float, effort: Effort) -> list[str]:
    world = World(
        num_people=people,
        shared=0.8,
        num_seeds=seeds,
        seed_sd=seed_sd,
        error_factors=(factor_of_gain(gain), 1.0),
    )
    outcomes, widths, covered, scored = [], [], [], []
    for sample in _samples(world, effort, "power"):
        pair = _pair(_fixed(sample, effort) if seeds == 1 else _judged(sample, effort))
        interval = pair.headline.estimate.interval
        outcomes.append(pair.outcome)
        widths.append(interval.half_width)
        covered.append(interval.low <= gain <= interval.high)
        single = person_bootstrap_interval(
            sample.y, sample.predicted[1, 0], sample.g, NUM_CLASSES, effort.resamples
        )
        scored.append(single.low <= population_macro_f1() <= single.high)
    shares = [
        f"{np.mean([o is which for o in outcomes]):.1%}"
        for which in (Outcome.A_WINS, Outcome.B_WINS, Outcome.EQUIVALENT)
    ]
    return [
        f"{people:,}",
        f"{gain:g}",
        "fixed" if seeds == 1 else f"{seeds} seeds",
        *shares,
        f"{np.median(widths):.4f}",
        f"{np.mean(covered):.1%}",
        f"{np.mean(scored):.1%}" if seed_sd == 0 else "-",
    ]


def _seed_rules(pair: PairVerdict, seeds: int) -> tuple[bool, bool, bool]:
    """Returns whether a winner is declared by ours, with seeds drawn, with seeds left out."""
    estimate = pair.headline.estimate
    normal = float(stats.norm.ppf(0.975))
    between = sum(estimate.seed_variances)
    drawn = estimate.people_variance + between * (seeds - 1) / seeds
    size = abs(estimate.difference)
    return (
        pair.outcome in WINS,
        size > normal * drawn**0.5,
        size > normal * estimate.people_variance**0.5,
    )


def replace_people(sample: Sample) -> Sample:
    """Returns the sample with every photo taken for a person of its own."""
    return Sample(y=sample.y, g=np.arange(len(sample.y)), predicted=sample.predicted)


def _samples(world: World, effort: Effort, part: str) -> Iterable[Sample]:
    key = [effort.seed, *part.encode(), world.num_people, int(world.shared * 10), world.num_seeds]
    rng = np.random.default_rng(key)
    return (simulate(world, rng) for _ in range(effort.pairs))


def _judge(
    approaches: Sequence[Approach], sample: Sample, effort: Effort, **rules: bool
) -> Verdict:
    settings = Rules(num_resamples=effort.resamples, **rules)
    return judge(approaches, sample.y, sample.g, NUM_CLASSES, rules=settings)


def _judged(sample: Sample, effort: Effort, **rules: bool) -> Verdict:
    parts = [Approach(name=str(i), predicted=rows) for i, rows in enumerate(sample.predicted)]
    return _judge(parts, sample, effort, **rules)


def _fixed(sample: Sample, effort: Effort) -> Verdict:
    return _judged(sample, effort, fixed_models=True)


def _pair(verdict: Verdict) -> PairVerdict:
    return verdict.pairs[0]


def _winner(verdict: Verdict) -> bool:
    return _pair(verdict).outcome in WINS


def _best_seen(configs: dict[str, np.ndarray], y: np.ndarray) -> np.ndarray:
    """Returns the probabilities of the config that is best on the very people it is judged on."""
    from search.analysis.metrics import macro_f1

    def score(name: str) -> float:
        rows = configs[name].argmax(axis=-1)
        return float(np.mean([macro_f1(y, row, NUM_CLASSES) for row in rows]))

    return configs[max(configs, key=score)]


def _rate(found: Iterable[bool]) -> str:
    """Returns the share of True with its exact binomial interval."""
    hits = list(found)
    test = stats.binomtest(int(sum(hits)), len(hits)).proportion_ci(0.95, "exact")
    text = f"{np.mean(hits):.1%} [{test.low:.1%}, {test.high:.1%}]"
    return f"{text} **broken**" if test.low > 0.05 else text


def _section(title: str, text: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    return f"\n## {title}\n\n{text}\n\n" + "\n".join(lines)


def _head(effort: Effort) -> str:
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    )
    return (
        "# Does the verdict keep its promises? A simulation\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; {versions}. "
        f"Command: `python -m benchmarks.verdict_simulation {' '.join(sys.argv[1:])}`.\n\n"
        f"{effort.pairs} pairs a cell ({effort.searches} for unequal searches), "
        f"{effort.resamples:,} resamples a pair, seed {effort.seed}. People as in "
        "`benchmarks/simulated_people.py`: the composition is drawn anew each time, so rare "
        f"classes differ; macro-F1 of a model over all people {population_macro_f1():.3f}."
    )


def _parse(arguments: Sequence[str] | None) -> Effort:
    parser = argparse.ArgumentParser(description="Simulate verdicts whose truth is known.")
    parser.add_argument("--quick", action="store_true", help="a small one, a minute or two")
    parser.add_argument("--pairs", type=int, help="simulated pairs a cell (400, quick 40)")
    parser.add_argument("--resamples", type=int, help="resamples a pair (1000, quick 200)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (0)")
    given = parser.parse_args(arguments)
    pairs = given.pairs or (40 if given.quick else 400)
    return Effort(
        pairs=pairs,
        searches=max(10, pairs // 2),
        resamples=given.resamples or (200 if given.quick else 1_000),
        people=(300, 900) if given.quick else (300, 900, 2_700),
        seed=given.seed,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
