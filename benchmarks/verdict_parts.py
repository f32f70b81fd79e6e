"""The parts of `benchmarks.verdict_simulation`: which worlds are simulated, and what is shown."""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats

from benchmarks.verdict_tables import Rows, Table, false_rate, rate, shares
from search.analysis.approaches.approach import Approach
from search.analysis.uncertainty.power import POWER
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import (
    Rules,
)
from tests.search.builders.simulated_people import World, simulate
from tests.search.builders.verdict_cells import (
    Effort,
    fixed_cell,
    planning_cell,
    searches_cell,
    seeds_cell,
)
from tests.search.builders.verdict_grid import Place, trio_cells

SEARCH_GAINS = (0.0, 0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated: places, s.d. of trainings and of searches, and how much."""

    places: Sequence[Place]
    seed_sds: Sequence[float]
    search_sds: Sequence[float]
    effort: Effort

    @property
    def ends(self) -> list[Place]:
        """The places with the fewest and the most people among the competition's."""
        comp = sorted((p for p in self.places if p.name == "comp"), key=lambda p: p.num_people)
        return [comp[0], comp[-1]] if len(comp) > 1 else comp


def tables(plan: Plan) -> list[Table]:
    """Returns all parts; time and memory first, as the peak is that of the whole process."""
    parts = (time_and_memory, grid, search_luck, planning, training_luck, fixed, searches)
    return [part(plan) for part in parts]


def time_and_memory(plan: Plan) -> Table:
    """Times a verdict on 2,700 people x 18 classes x 3 approaches."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return Table(
        title="Time and memory: 10,000 resamples, 2,700 people x 7 photos, 18 classes, "
        "3 approaches",
        text="Limits: 10 s on 2 cores, 1,024 MiB. The whole verdict on three pairs is timed; the "
        "peak is that of the process, interpreter and libraries included (OMP_NUM_THREADS "
        f"{threads}).",
        columns=["seeds an approach", "s", "peak MiB"],
        cells={f"time {num} seeds": partial(_timed, num, plan.effort.seed) for num in (1, 3, 6)},
    )


def grid(plan: Plan) -> Table:
    """A/A, coverage, width and power of three approaches."""
    cells = {
        f"grid {place} {seed_sd:g}": partial(_grid_rows, place, seed_sd, plan.effort)
        for place in plan.places
        for seed_sd in plan.seed_sds
    }
    return Table(
        title="Equal approaches and known gains",
        text="Three approaches, five folds, every fold model trained by itself. A/A: three equal "
        "ones; power: one is better by 0.01, 0.02 or 0.04 than two equal ones, judged as the only "
        "pair and among three (share of its two pairs that it wins); any false win: beside a gain "
        "of 0.04. Coverage of the true difference, half-widths, and width (mean half-width over "
        "1.96 s.d. of the difference over data sets) are those of four differences: 0, 0.01, 0.02 "
        "and 0.04. In brackets the exact 95 % binomial interval; **broken** where it lies wholly "
        "above 5 %.",
        columns=[
            *("world, people", "s.d. of a training", "seeds", "A/A, one pair"),
            *("A/A, any of three", "coverage", "width / oracle", "half-width"),
            *("power, one pair, %", "power, three pairs, %", "any false win"),
        ],
        cells=cells,
    )


def search_luck(plan: Plan) -> Table:
    """A/A and coverage where every approach had a luck of its own when it was searched."""
    cells = {
        f"search {place} {search_sd:g} {num}": partial(
            _search_rows, place, search_sd, num, plan.effort
        )
        for place in plan.places
        if place.name == "comp"
        for search_sd in plan.search_sds
        for num in (1, 3)
    }
    return Table(
        title="Luck of the search",
        text="An approach's one search, and the people it was trained on, give it a luck that all "
        "its seeds and folds share, with the given s.d. of macro-F1; s.d. of a training 0.005. "
        "The verdict is on the configs that were found; here it is held against the approaches. "
        "With one finalist no variance holds it; of three, each has a luck as of another search. "
        "A/A of three equal approaches; coverage of the differences 0 and 0.02; power of 0.02 "
        "among three pairs.",
        columns=[
            *("world, people", "s.d. of a search", "finalists", "seeds", "A/A, one pair"),
            *("A/A, any of three", "coverage", "half-width", "power"),
        ],
        cells=cells,
    )


def planning(plan: Plan) -> Table:
    """Whether the people that `would_decide` names decide as often as it says."""
    few = [place for place in plan.places if place.num_people < 1_000]
    cases = [
        (place, gain, num_seeds)
        for place in few
        for gain in ((0.04, 0.03) if place.num_people < 500 else (0.02,))
        for num_seeds in (2, 3, 6)
    ]
    return Table(
        title="Planning",
        text="`would_decide` is given the luck estimated on few people and the true gain in place "
        "of the difference found, one pair, s.d. of a training 0.005. The median of the people it "
        f"names is simulated; it promises {POWER:.0%}. **off** where the exact 95 % interval lies "
        "wholly outside 72 to 88 %.",
        columns=["world, people", "gain", "seeds", "people named", "wins at as many"],
        cells={
            f"planning {place} {gain:g} {num_seeds}": partial(
                _planning_rows, place, gain, num_seeds, plan.effort
            )
            for place, gain, num_seeds in cases
        },
    )


def training_luck(plan: Plan) -> Table:
    """A/A where training luck is counted rightly, and where it is not."""
    cells = {
        f"training {place} {seed_sd:g} {num_folds}": partial(
            _training_rows, place, seed_sd, num_folds, plan.effort
        )
        for place in plan.ends
        for num_folds in (5, 0)
        for seed_sd in (0.0, 0.005, 0.02)
    }
    return Table(
        title="Where training luck is counted",
        text="Two equal approaches. `fold model`: every fold model has a luck of its own, as the "
        "refit trains them, and the verdict counts it by folds. `seed`: one luck for all folds of "
        "a seed, so that the verdict may count by whole seeds only; by folds (dealt at random) it "
        "must break. Seeds left out: judged as fixed models.",
        columns=[
            *("world, people", "luck of each", "s.d. of a training", "seeds"),
            *("by folds", "by whole seeds", "seeds left out"),
        ],
        cells=cells,
    )


def fixed(plan: Plan) -> Table:
    """A/A, coverage and power of given models, against photos taken as independent."""
    cells = {
        f"fixed {place} {shared:g} {gain:g}": partial(
            _fixed_rows, place, shared, gain, plan.effort
        )
        for place in plan.ends
        for shared, gain in ((0.0, 0.0), (0.8, 0.0), (1.0, 0.0), (0.8, 0.02), (0.8, 0.04))
    }
    return Table(
        title="Fixed models",
        text="Two models, one prediction file each; `shared` is the probability that an error is "
        "the person's. Share of data sets in which a winner is declared (**broken** only where "
        "nothing differs), and of intervals that hold the true difference and the true score of "
        "the second (`person_bootstrap_interval`).",
        columns=[
            *("world, people", "shared", "true difference", "people resampled (ours)"),
            *("photos taken as independent", "coverage of difference", "coverage of score"),
        ],
        cells=cells,
    )


def searches(plan: Plan) -> Table:
    """A/A of searches with equally good configs, as many on both sides or not."""
    few = replace(plan.effort, sets=max(10, plan.effort.sets // 2))
    cells = {
        f"searches {plan.ends[0]} {first} {own:g}": partial(
            _searches_rows, plan.ends[0], first, own, few
        )
        for first in (64, 4)
        for own in (0.15, 0.02)
    }
    return Table(
        title="Searches: the best of some equal configs against the best of others",
        text=f"All configs are equally good; 3 seeds, 5 folds, errors shared 0.8, {few.sets} data "
        "sets. Ours chooses the config for the people of a fold by the people of the other folds "
        "and counts the luck of that choice; without that luck; and the best config on the very "
        "people it is judged on, which is no remedy: few winners, for the best of many vary "
        "little, but every score is too high. `own`: share of a training's own in the latent "
        "difficulty of a photo.",
        columns=[
            *("world, people", "configs", "own", "ours", "luck of choice left out"),
            "best on the same people",
        ],
        cells=cells,
    )


def _timed(num_seeds: int, seed: int) -> Rows:
    factors = (1.0, 1.0, 1.0)
    world = World(num_people=2_700, shared=0.8, num_seeds=num_seeds, error_factors=factors)
    sample = simulate(world, np.random.default_rng(seed))
    approaches = [Approach(name=str(i), predicted=x) for i, x in enumerate(sample.predicted)]
    started = time.perf_counter()
    judge(approaches, sample.people, rules=Rules(num_resamples=10_000))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [[str(num_seeds), f"{seconds:.1f}", f"{peak:.0f}"]]


def _grid_rows(place: Place, seed_sd: float, effort: Effort) -> Rows:
    found = trio_cells(place, effort.sets, seed=effort.seed, seed_sd=seed_sd)
    return [
        [
            *(str(place), f"{seed_sd:g}", str(num_seeds)),
            false_rate(trios.false_alone),
            false_rate(trios.false_of_three),
            f"{trios.coverage:.1%}",
            f"{trios.width_of_oracle:.2f}",
            f"{trios.median_half_width:.4f}",
            shares(trios.power_alone),
            shares(trios.power_of_three),
            false_rate(trios.false_beside_gain),
        ]
        for num_seeds, trios in found.items()
    ]


def _search_rows(place: Place, search_sd: float, num_finalists: int, effort: Effort) -> Rows:
    found = trio_cells(
        place,
        effort.sets,
        seed=effort.seed,
        seed_sd=0.005,
        search_sd=search_sd,
        gains=SEARCH_GAINS,
        num_seeds=(3, 6),
        num_finalists=num_finalists,
    )
    return [
        [
            *(str(place), f"{search_sd:g}", str(num_finalists), str(num_seeds)),
            false_rate(trios.false_alone),
            false_rate(trios.false_of_three),
            f"{trios.coverage:.1%}",
            f"{trios.median_half_width:.4f}",
            f"{trios.power_of_three[-1]:.0%}",
        ]
        for num_seeds, trios in found.items()
    ]


def _planning_rows(place: Place, gain: float, num_seeds: int, effort: Effort) -> Rows:
    what = [str(place), f"{gain:g}", str(num_seeds)]
    plan = planning_cell(place, gain, effort, num_seeds=num_seeds, seed_sd=0.005)
    if plan.people is None:
        return [[*what, "none within reach", "-"]]
    test = stats.binomtest(sum(plan.found), len(plan.found)).proportion_ci(0.95, "exact")
    off = " **off**" if test.low > POWER + 0.08 or test.high < POWER - 0.08 else ""
    return [[*what, f"{plan.people:,}", rate(plan.found) + off]]


def _training_rows(place: Place, seed_sd: float, num_folds: int, effort: Effort) -> Rows:
    rows = []
    for num_seeds in (2, 3, 6):
        world = place.world((0.0, 0.0), num_seeds=num_seeds, seed_sd=seed_sd, num_folds=num_folds)
        columns = zip(*seeds_cell(world, effort), strict=True)
        each = "fold model" if num_folds else "seed"
        what = [str(place), each, f"{seed_sd:g}", str(num_seeds)]
        rows.append([*what, *(false_rate(column) for column in columns)])
    return rows


def _fixed_rows(place: Place, shared: float, gain: float, effort: Effort) -> Rows:
    cell = fixed_cell(place, effort, gain=gain, shared=shared)
    show = rate if gain else false_rate
    return [
        [
            *(str(place), f"{shared:g}", f"{gain:g}"),
            show([win != 0 for win in cell.wins]),
            show(cell.photos),
            f"{np.mean(cell.covered):.1%}",
            f"{np.mean(cell.score_covered):.1%}",
        ]
    ]


def _searches_rows(place: Place, num_first: int, own: float, effort: Effort) -> Rows:
    world = World(
        num_people=place.num_people,
        shared=0.8,
        num_seeds=3,
        error_factors=(1.0,) * (num_first + 4),
        own=own,
    )
    columns = zip(*searches_cell(world, num_first, effort), strict=True)
    what = [str(place), f"{num_first} and 4", f"{own:g}"]
    return [[*what, *(false_rate(column) for column in columns)]]
