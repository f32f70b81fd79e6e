"""Simulated people with their errors, and verdicts on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import Verdict
from search.analysis.verdict.rules import (
    Rules,
)
from tests.search.builders.simulated_people import Sample, World, simulate

QUICK = Rules(num_resamples=400)
FIXED = Rules(num_resamples=400, fixed_models=True)


def people_with_errors(
    num_people: int = 300,
    num_seeds: int = 3,
    factors: tuple[float, ...] = (1.0, 1.0),
    seed: int = 0,
    **world: float,
) -> Sample:
    """Returns people of a world without folds, in which a seed has one luck."""
    given = World(
        num_people=num_people,
        shared=0.8,
        num_seeds=num_seeds,
        error_factors=factors,
        num_folds=0,
        **world,
    )
    return simulate(given, np.random.default_rng(seed))


def approaches_of(sample: Sample, names: str = "abc") -> list[Approach]:
    """Returns the approaches of a sample, each named by a letter."""
    return [
        Approach(name=name, predicted=rows)
        for name, rows in zip(names, sample.predicted, strict=False)
    ]


def judged(
    sample: Sample,
    rules: Rules = QUICK,
    approaches: Sequence[Approach] | None = None,
    **options: Any,
) -> Verdict:
    """Returns the verdict on its approaches, or on others of the same people."""
    parts = approaches or approaches_of(sample)
    return judge(parts, sample.people, rules=rules, **options)
