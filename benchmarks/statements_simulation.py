"""Holds what is said beside the verdict against simulated people, and prints the report.

    python -m benchmarks.statements_simulation --quick
    nice python -m benchmarks.statements_simulation > benchmarks/statements_simulation_CPU_DATE.md
    nice python -m benchmarks.statements_simulation --cells "statements demo"

Claims: macro-F1, the log score and the attributes behind decided pairs are each said to differ
falsely in at most 5 % of repeats; a bound is false in at most 2.5 % a side; most data sets like
the demo have a true statement on all three pairs; what is recommended is worse than the leader by
more than was accepted in at most 5 %. And what the rules do that none of this tests: the floor of
equivalence, the sign a winner keeps on the people who chose nothing, and the flip of a rule.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation_report import Simulation
from benchmarks.verdict_tables import Rows, Table, false_rate, rate, shares
from search.analysis.verdict.recommendation import ACCEPT_LOSS
from search.analysis.verdict.rules import (
    MARGIN,
)
from tests.search.builders.equivalence_cells import ANYBODY, RAREST, equivalence_cell
from tests.search.builders.rule_cells import biased_cell, kept_cell, redrawn_cell
from tests.search.builders.statements_cells import Said, advised_cell, statements_cell
from tests.search.builders.verdict_cells import Effort
from tests.search.builders.verdict_grid import Place

Gains = tuple[float, ...]
Worlds = Sequence[tuple[Place, Gains]]

EQUAL: Gains = (0.0, 0.0, 0.0)
DEMO_LIKE: Gains = (0.04, 0.02, 0.0)
ONE_BETTER: Gains = (0.04, 0.0, 0.0)
JUST_TOO_BAD: Gains = (0.021, 0.0, 0.0)
COMP_300 = Place(name="comp", num_people=300)
COMP_900 = Place(name="comp", num_people=900)
COMP_2700 = Place(name="comp", num_people=2_700)
DEMO_300 = Place(name="demo", num_people=300)
DEMO_2700 = Place(name="demo", num_people=2_700)
KINDS = {"anybody": ANYBODY, "the rarest": RAREST}


def tables(effort: Effort, quick: bool) -> list[Table]:
    """Returns the parts."""
    places = [DEMO_300] if quick else [DEMO_300, COMP_300, COMP_900]
    worlds = [(p, gains) for p in places for gains in (EQUAL, DEMO_LIKE, ONE_BETTER)]
    return [
        _statements(worlds, effort),
        _bounds(worlds, effort),
        _recommended(quick, effort),
        _equivalence(quick, effort),
        _kept(quick, effort),
        _flips(quick, effort),
    ]


def _statements(worlds: Worlds, effort: Effort) -> Table:
    return Table(
        title="Statements on three pairs",
        text="Three approaches, 3 seeds, s.d. of a training 0.005. False: of any pair, that does "
        "not differ or differs the other way; attributes differ in gender and age alone. Named: "
        "attributes behind a pair that macro-F1 or the log score decides, Holm over all of them; "
        "free: attributes of all pairs, Holm over all nine. Right: share of the pairs (best - "
        "second, best - third, second - third) that truly differ and are said to; all three: data "
        "sets in which every pair is decided by macro-F1 or the log score and nothing false is "
        "said by them.",
        columns=[
            *("world, people", "true gains", "false, macro-F1", "false, log score"),
            *("false, attribute named", "false, attribute free"),
            *("false, any, attributes named", "false, any, attributes free"),
            *("macro-F1 right, %", "log score right, %", "either right, %", "all three"),
        ],
        cells={
            f"statements {place} {_written(gains)}": partial(_statement_rows, place, gains, effort)
            for place, gains in worlds
        },
    )


def _bounds(worlds: Worlds, effort: Effort) -> Table:
    return Table(
        title="Bounds",
        text="`at most x worse` and `at most y better`, each at 0.05/3 a side, of the same data "
        "sets. False a side and pair in percent: three of the first kind, three of the second; "
        "any of three: of one side. Said: share of the pairs of which the first (the better one) "
        "is said to be at most 0.05 worse.",
        columns=[
            *("world, people", "true gains", "false a side and pair, %"),
            *("false, any of three, worse", "false, any of three, better"),
            *("median of worse", "at most 0.05 worse, %"),
        ],
        cells={
            f"bounds {place} {_written(gains)}": partial(_bound_rows, place, gains, effort)
            for place, gains in worlds
        },
    )


def _recommended(quick: bool, effort: Effort) -> Table:
    places = [DEMO_2700] if quick else [DEMO_300, COMP_900, COMP_2700, DEMO_2700]
    return Table(
        title="Recommendation",
        text=f"`recommend` with {ACCEPT_LOSS:g} to lose, 3 seeds; the better an approach, the "
        "dearer it is to serve. Worse than the leader: what is recommended is truly worse than "
        "the approach with the highest score by more than that; than the best: than the truly "
        "best approach, whom another may lead by luck (no promise: nobody can rule that out at "
        "few people).",
        columns=[
            *("world, people", "true gains", "worse than the leader"),
            *("worse than the best", "cheaper than the leader"),
        ],
        cells={
            f"recommended {place} {_written(gains)}": partial(_advised_rows, place, gains, effort)
            for place in places
            for gains in (EQUAL, JUST_TOO_BAD, DEMO_LIKE)
        },
    )


def _equivalence(quick: bool, effort: Effort) -> Table:
    counts = (30, 1_200) if quick else (4, 30, 150, 300, 600, 1_200, 2_400)
    cases = [(num, MARGIN, gap) for num in counts for gap in (0.006, 0.01)]
    cases += [(num, 0.02, gap) for num in (150, 300, 600) for gap in (0.021, 0.03)]
    return Table(
        title="The floor of equivalence",
        text="Two approaches with the same predictions, but on a rare kind of person, on whom one "
        "is right and the other wrong on all photos; the kind is spread over all people, or is "
        "part of the rarest gender and age. Called equivalent although they differ by more than "
        "the margin: by the interval alone, and with the floor of 6 / P.",
        columns=[
            *("people", "margin", "true difference", "the kind is of", "its share"),
            *("without the floor", "with it"),
        ],
        cells={
            f"equivalence {num:,} {margin:g} {gap:g} {kind}": partial(
                _equivalence_rows, num, margin, gap, kind, effort
            )
            for num, margin, gap in cases
            for kind in KINDS
        },
    )


def _kept(quick: bool, effort: Effort) -> Table:
    places = [COMP_300] if quick else [COMP_300, DEMO_300, COMP_900]
    gains = (0.0, 0.04) if quick else (0.0, 0.02, 0.04, -0.02, -0.04)
    return Table(
        title="A winner keeps its sign on the people who chose nothing",
        text="The search trains every config of two approaches once and chooses the best by a "
        "fifth of the people; the refit trains it in 3 seeds and judges it on all people. All "
        "configs of an approach are equally good; the gain is that of the first. Bias: difference "
        "found less the true one. By all: the plain rule; kept sign: ours; untouched: by the four "
        "fifths who chose nothing, alone.",
        columns=[
            *("world, people", "configs", "true gain", "bias"),
            *("false win, by all", "false win, kept sign", "false win, untouched"),
            *("true win, by all", "true win, kept sign", "true win, untouched"),
        ],
        cells={
            f"kept {place} {many} {few} {gain:g}": partial(
                _kept_rows, place, (many, few), gain, effort
            )
            for place in places
            for many, few in ((58, 1), (58, 15))
            for gain in gains
        },
    )


def _flips(quick: bool, effort: Effort) -> Table:
    places = [COMP_300] if quick else [COMP_300, DEMO_300, COMP_900]
    cells: dict[str, Callable[[], Rows]] = {
        f"flips {place} {gain:g} {more:g}": partial(_flip_rows, place, gain, more, effort)
        for place in places
        for gain, more in ((0.0, 0.0), (0.03, 0.0), (0.0, 0.06))
    }
    for place in places:
        cells[f"flips {place} biases"] = partial(_bias_rows, place, effort)
    return Table(
        title="Does a decision rule flip the verdict?",
        text="Two approaches, 3 seeds. Another training: the rule is nothing but that, worth as "
        "much to both, or better by a gain for the first; class biases: one draw for both of two "
        "equal approaches. Said to flip by two outcomes that differ, and where moreover what the "
        "rule changes excludes zero.",
        columns=[
            *("world, people", "rule", "true difference", "what the rule truly adds"),
            *("said by outcomes", "said by its effect"),
        ],
        cells=cells,
    )


@cache
def _said(place: Place, gains: Gains, effort: Effort) -> Said:
    return statements_cell(place, gains, effort.sets, seed=effort.seed)


def _statement_rows(place: Place, gains: Gains, effort: Effort) -> Rows:
    said = _said(place, gains, effort)
    return [
        [
            *(str(place), _written(gains)),
            false_rate(said.false_win),
            false_rate(said.false_log),
            false_rate(said.false_attribute),
            false_rate(said.false_free),
            rate(said.false_gated_any),
            rate(said.false_free_any),
            *(
                shares((right & (said.truth != 0)).mean(axis=0))
                for right in (said.wins == said.truth, said.logs == said.truth, said.right)
            ),
            rate(said.all_right),
        ]
    ]


def _bound_rows(place: Place, gains: Gains, effort: Effort) -> Rows:
    said = _said(place, gains, effort)
    sides = np.concatenate([said.worse_false.mean(axis=0), said.better_false.mean(axis=0)])
    return [
        [
            *(str(place), _written(gains)),
            " / ".join(f"{100 * share:.1f}" for share in sides),
            false_rate(np.logical_or.reduce(said.worse_false, axis=1).tolist()),
            false_rate(np.logical_or.reduce(said.better_false, axis=1).tolist()),
            " / ".join(f"{value:.3f}" for value in np.median(said.worse, axis=0)),
            shares(said.at_most_worse(0.05)),
        ]
    ]


def _advised_rows(place: Place, gains: Gains, effort: Effort) -> Rows:
    advised = advised_cell(place, gains, effort.sets, seed=effort.seed)
    return [
        [
            *(str(place), _written(gains)),
            false_rate(advised.worse_than_leader),
            rate(advised.worse_than_best),
            rate(advised.cheaper),
        ]
    ]


def _equivalence_rows(num: int, margin: float, gap: float, kind: str, effort: Effort) -> Rows:
    place = Place(name="comp", num_people=num)
    found = equivalence_cell(
        place, gap, effort.sets, seed=effort.seed, margin=margin, among=KINDS[kind]
    )
    return [
        [
            *(f"{num:,}", f"{margin:g}", f"{gap:g}", kind, f"{found.share:.2%}"),
            false_rate(found.without),
            false_rate(found.with_floor),
        ]
    ]


def _kept_rows(place: Place, num_configs: tuple[int, int], gain: float, effort: Effort) -> Rows:
    kept = kept_cell(place, num_configs, gain, effort.sets, seed=effort.seed)
    each: list[NDArray[np.int64]] = [kept.plain, kept.ruled, kept.untouched]
    many, few = num_configs
    return [
        [
            *(str(place), f"{many} and {few}", f"{gain:g}", f"{kept.bias.mean():+.4f}"),
            *(false_rate(kept.false(found)) for found in each),
            *(rate(kept.true(found)) if gain else "-" for found in each),
        ]
    ]


def _flip_rows(place: Place, gain: float, more: float, effort: Effort) -> Rows:
    found = redrawn_cell(place, gain, more, effort.sets, seed=effort.seed)
    show = rate if more else false_rate
    what = [str(place), "another training", f"{gain:g}", f"{more:g}"]
    return [[*what, show(found.by_outcomes), show(found.by_effect)]]


def _bias_rows(place: Place, effort: Effort) -> Rows:
    found = biased_cell(place, effort.sets, seed=effort.seed)
    said = (false_rate(found.by_outcomes), false_rate(found.by_effect))
    return [[str(place), "class biases", "0", "0", *said]]


def _written(gains: Gains) -> str:
    return " / ".join(f"{gain:g}" for gain in gains) if any(gains) else "none"


SIMULATION = Simulation(
    module="benchmarks.statements_simulation",
    title="Is what is said beside the verdict true? A simulation",
    text="People, trainings and probabilities as in `tests/search/builders/simulated_people.py`.",
    tables=tables,
    sets=(400, 20),
)

if __name__ == "__main__":
    SIMULATION.main()
