"""Three approaches judged together: what is declared where nothing, or a known gain, is true.

Notation:
    D data sets, G gains. A trio is one approach that is better by a gain and two that are equal;
    its pairs are (better, equal), (better, other equal) and (equal, other equal).

Every data set is drawn once, with the two equal approaches and one for each gain in as many seeds
as are ever looked at, and judged at fewer seeds from its first ones.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.uncertainty.interval import ALPHA
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    PairFigures,
)
from search.analysis.verdict.rules import (
    Outcome,
    Rules,
)
from tests.search.builders.labelled_people import half_width
from tests.search.builders.simulated_errors import factor_of_score, population_macro_f1
from tests.search.builders.simulated_people import Sample, World, simulate

GAINS = (0.0, 0.01, 0.02, 0.04)
SHARED = 0.8
_RULES = Rules(num_resamples=100)  # resamples serve single scores, which are not looked at
_SIGNS = {Outcome.A_WINS: 1, Outcome.B_WINS: -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What a world is like: population macro-F1 of an approach without gain, parts of the latent.

    `common` and `own` as in `simulated_people`.
    """

    score: float
    common: float
    own: float


# The founding competition, and results/demo/verdict.json: more errors, and approaches that differ
# less from each other. With gains 0.04, 0.02 and 0, 300 people, 3 seeds and s.d. 0.005 they score
# 0.642, 0.621 and 0.601 (the demo 0.644, 0.607, 0.605), with half-widths of 0.040 at 3 seeds and
# 0.028 at infinitely many (the demo 0.038 and 0.028 on average over its pairs).
LIKENESSES = {
    # So that half-widths at 2, 3, 6 and infinitely many seeds are about .055, .046, .039 and .031.
    "comp": Likeness(score=population_macro_f1(), common=0.8, own=0.1),
    "demo": Likeness(score=0.61, common=0.9, own=0.04),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One of `LIKENESSES`, and how many people are drawn from it."""

    name: str
    num_people: int

    def __str__(self) -> str:
        return f"{self.name} {self.num_people:,}"

    def score(self, gain: float = 0.0) -> float:
        """Returns the true macro-F1 of an approach that is better by `gain`."""
        return LIKENESSES[self.name].score + gain

    def world(
        self,
        gains: Sequence[float],
        *,
        num_seeds: int,
        seed_sd: float,
        search_sd: float = 0.0,
        num_folds: int = 5,
    ) -> World:
        """Returns the world with one approach for each gain; its errors are shared 0.8."""
        return World(
            num_people=self.num_people,
            shared=SHARED,
            num_seeds=num_seeds,
            seed_sd=seed_sd,
            search_sd=search_sd,
            num_folds=num_folds,
            error_factors=tuple(factor_of_score(self.score(gain)) for gain in gains),
            common=LIKENESSES[self.name].common,
            own=LIKENESSES[self.name].own,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trios:
    """What was found on D data sets with the trio of every gain, pairs as in the module's head.

    Attributes:
        gains: float [G], the first is 0.
        difference: float [D, G, 3].
        half_width: float [D, G, 3] of the intervals.
        covered: bool [D, G, 3], whether the interval holds the true difference.
        alone: int [D, G, 3], 1 where the first wins, -1 the second, judged as the only pair.
        together: int [D, G, 3], the same judged as one of three pairs.
    """

    gains: tuple[float, ...]
    difference: NDArray[np.float64]
    half_width: NDArray[np.float64]
    covered: NDArray[np.bool_]
    alone: NDArray[np.int64]
    together: NDArray[np.int64]

    @property
    def false_alone(self) -> NDArray[np.bool_]:
        """Whether one pair of equal approaches is called different, bool [D]."""
        return self.alone[:, 0, 0] != 0

    @property
    def false_of_three(self) -> NDArray[np.bool_]:
        """Whether any pair of three equal approaches is called different, bool [D]."""
        return (self.together[:, 0] != 0).any(axis=1)

    @property
    def false_beside_gain(self) -> NDArray[np.bool_]:
        """Whether anything false is declared beside the largest gain, bool [D]."""
        last = self.together[:, -1]
        return (last[:, 2] != 0) | (last[:, :2] == -1).any(axis=1)

    @property
    def coverage(self) -> float:
        """Share of the intervals of (better, equal) that hold the true difference, all gains."""
        return float(self.covered[:, :, 0].mean())

    @property
    def width_of_oracle(self) -> float:
        """Half-width, times what one would be that knew the s.d. of the difference."""
        known = norm.ppf(1 - ALPHA / 2) * self.difference[:, :, 0].std(axis=0, ddof=1)
        return float((self.half_width[:, :, 0].mean(axis=0) / known).mean())

    @property
    def median_half_width(self) -> float:
        """Median over data sets and gains, of (better, equal)."""
        return float(np.median(self.half_width[:, :, 0]))

    @property
    def power_alone(self) -> list[float]:
        """Share of data sets in which the better one wins as the only pair, for gains above 0."""
        return [float(share) for share in (self.alone[:, 1:, 0] == 1).mean(axis=0)]

    @property
    def power_of_three(self) -> list[float]:
        """Share of the two true differences that are found among three pairs, gains above 0."""
        return [float(share) for share in (self.together[:, 1:, :2] == 1).mean(axis=(0, 2))]


def trio_cells(
    place: Place,
    num_sets: int,
    *,
    seed: int,
    seed_sd: float,
    search_sd: float = 0.0,
    gains: tuple[float, ...] = GAINS,
    num_seeds: Sequence[int] = (2, 3, 6),
    num_finalists: int = 1,
) -> dict[int, Trios]:
    """Returns what is found at every number of seeds, on the same data sets.

    Args:
        place: world and people.
        num_sets: D >= 2.
        seed: of everything.
        seed_sd: s.d. of the macro-F1 of a training.
        search_sd: that of an approach, by the luck of its search.
        gains: the first is 0.
        num_seeds: numbers to judge at.
        num_finalists: refitted configs of every approach, each with a luck as of another search;
            the first is the chosen one.
    """
    every = [gain for gain in (0.0, 0.0, *gains) for _ in range(num_finalists)]
    world = place.world(every, num_seeds=max(num_seeds), seed_sd=seed_sd, search_sd=search_sd)
    rows: dict[int, list[list[list[tuple[float, ...]]]]] = {num: [] for num in num_seeds}
    for sample in samples(world, num_sets, seed):
        for num in num_seeds:
            parts = [
                _approach(sample, i, num_finalists, num)
                for i in range(len(every) // num_finalists)
            ]
            rows[num].append(
                [
                    _trio((parts[2 + g], *parts[:2]), sample.people, gain)
                    for g, gain in enumerate(gains)
                ]
            )
    return {num: _trios(found, gains) for num, found in rows.items()}


def samples(world: World, num_sets: int, seed: int) -> Iterator[Sample]:
    """Yields the data sets of a world; every world has random numbers of its own."""
    rng = np.random.default_rng([seed, zlib.crc32(repr(world).encode())])
    return (simulate(world, rng) for _ in range(num_sets))


def won_alone(figures: PairFigures) -> int:
    """Returns 1 or -1 where the first or second wins if this is the only pair, else 0."""
    estimate = figures.estimate
    if estimate is None or figures.outcome is Outcome.EQUIVALENT or estimate.p_value >= ALPHA:
        return 0
    return 1 if estimate.difference > 0 else -1


def _approach(sample: Sample, place: int, num_finalists: int, num_seeds: int) -> Approach:
    """Returns an approach with the first seeds of the first of its finalists."""
    first = place * num_finalists
    finalists = sample.predicted[first : first + num_finalists, :num_seeds]
    variants = (finalists,) if num_finalists > 1 else ()
    return Approach(name=str(place), predicted=finalists[0], variants=variants)


def _trio(approaches: Sequence[Approach], people: People, gain: float) -> list[tuple[float, ...]]:
    """Returns of every pair: difference, half-width, covered, win alone, win together."""
    pairs = judge(approaches, people, rules=_RULES).pairs
    found = []
    for pair, truth in zip(pairs, (gain, gain, 0.0), strict=True):
        interval = pair.headline.difference
        covered = interval.low <= truth <= interval.high
        wins = (won_alone(pair.headline), _SIGNS.get(pair.outcome, 0))
        found.append((interval.value, half_width(interval), covered, *wins))
    return found


def _trios(rows: Iterable[object], gains: tuple[float, ...]) -> Trios:
    columns = np.moveaxis(np.array(rows, dtype=float), -1, 0)
    return Trios(
        gains=gains,
        difference=columns[0],
        half_width=columns[1],
        covered=columns[2].astype(bool),
        alone=columns[3].astype(np.int64),
        together=columns[4].astype(np.int64),
    )
