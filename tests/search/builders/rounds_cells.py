"""Rounds of simulated trainings: what they declare, and how much they train, to the full design.

Notation:
    D data sets; three approaches and their pairs (0, 1), (0, 2), (1, 2).
    Found of a pair: 1 the first wins, -1 the second wins, 2 equivalent, 0 nothing.
    stops: seeds at which a run ends, one after another: (6, 12) is a run that is done at 6 seeds
    and goes on to 12 because somebody asks for more.

Every data set is drawn once in as many seeds as are ever looked at, and an approach stops training
with the last of its pairs, as a refit does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches.approach import Approach
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.judging import estimates_of
from search.analysis.verdict.rounds import LOOKS, Look, Pair, Rounds, Standing, next_look
from search.analysis.verdict.rules import (
    MARGIN,
)
from tests.search.builders.simulated_people import Sample
from tests.search.builders.verdict_grid import Place, samples

NAMES = ("0", "1", "2")
PAIRS = tuple(combinations(range(3), 2))
Stops = tuple[int, ...]
Flags = NDArray[np.bool_]
Estimates = Mapping[int, Mapping[Pair, PairEstimate]]
Row = tuple[list[int], list[int], float]  # whole, rounds and trained of a data set


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What was found on D data sets: with a single look at all seeds, and in rounds.

    Attributes:
        gains: true differences from the worst approach, one an approach.
        whole: int [D, 3], found by a single look at the last stop.
        rounds: int [D, 3], found by the looks of all rounds.
        trained: float [D], share of the trainings of the full design that the rounds made.
    """

    gains: tuple[float, ...]
    whole: NDArray[np.int64]
    rounds: NDArray[np.int64]
    trained: NDArray[np.float64]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Who is better in every pair, int [3]: 1, -1, or 0."""
        return np.array([int(np.sign(self.gains[a] - self.gains[b])) for a, b in PAIRS])

    @property
    def any_win_whole(self) -> Flags:
        """Whether the full design declares a winner in any pair, bool [D]."""
        return _any(np.abs(self.whole) == 1)

    @property
    def any_win(self) -> Flags:
        """Whether the rounds do."""
        return _any(np.abs(self.rounds) == 1)

    @property
    def any_false(self) -> Flags:
        """Whether the rounds declare one that is no better, bool [D]."""
        won = np.abs(self.rounds) == 1
        return _any(won & (self.rounds != self.truth))

    @property
    def same(self) -> float:
        """Share of pairs of which both find the same."""
        return float((self.whole == self.rounds).mean())

    @property
    def lost(self) -> int:
        """Wins of the full design that the rounds do not find."""
        return int(((np.abs(self.whole) == 1) & (np.abs(self.rounds) != 1)).sum())

    @property
    def gained(self) -> int:
        """Wins of the rounds that the full design does not find."""
        return int(((np.abs(self.rounds) == 1) & (np.abs(self.whole) != 1)).sum())

    @property
    def wins(self) -> int:
        """Wins of the full design."""
        return int((np.abs(self.whole) == 1).sum())

    @property
    def opposite(self) -> int:
        """Pairs of which each finds another winner."""
        return int((self.whole * self.rounds == -1).sum())


def rounds_cells(
    place: Place,
    gains: tuple[float, ...],
    num_sets: int,
    *,
    seed: int,
    seed_sd: float,
    designs: Sequence[Stops] = ((6,), (12,)),
) -> dict[Stops, Looked]:
    """Returns what is found by every design, on the same data sets.

    Args:
        place: world and people.
        gains: of the three approaches.
        num_sets: D.
        seed: of everything.
        seed_sd: s.d. of the macro-F1 of a training.
        designs: each with its stops.
    """
    world = place.world(gains, num_seeds=max(max(stops) for stops in designs), seed_sd=seed_sd)
    rows: dict[Stops, list[Row]] = {key: [] for key in designs}
    for sample in samples(world, num_sets, seed):
        estimates = _estimates(sample, designs)
        for stops in designs:
            whole = _single_look(estimates, stops[-1], place.num_people)
            rounds, trained = in_rounds(estimates, stops, place.num_people)
            rows[stops].append((found(whole), found(rounds), trained))
    return {stops: _looked(gains, each) for stops, each in rows.items()}


def in_rounds(estimates: Estimates, stops: Stops, num_people: int) -> tuple[Rounds, float]:
    """Returns the rounds of a refit, and which share of the trainings of the last stop it made.

    As `search.refit.rounds` has it: the last look before a stop counts as its end, and looks are
    taken again where it only turned out to be the last.

    Args:
        estimates: of every pair, by seeds.
        stops: seeds at which the run ends.
        num_people: P.
    """
    looks: list[Look] = []
    trained = dict.fromkeys(NAMES, 0)
    rounds = _rounds(stops[0], num_people)
    for full in stops:
        rounds.reopen(full)
        while rounds.open_pairs and (not looks or looks[-1].seeds < full):
            seeds = next_look(looks[-1].seeds if looks else 0, full)
            looks.append(Look(seeds=seeds, full=full, ended=seeds == full))
            trained.update(dict.fromkeys(rounds.training_on, seeds))
            _look(rounds, estimates, looks[-1])
        if not looks[-1].ended:
            looks[-1] = replace(looks[-1], ended=True)
            rounds = _taken_again(estimates, looks, num_people)
    return rounds, sum(trained.values()) / (len(NAMES) * stops[-1])


def found(rounds: Rounds) -> list[int]:
    """Returns what was found of every pair, as in the module's head."""
    codes = {Standing.WON: 1, Standing.EQUIVALENT: 2}
    closings = [rounds.closings[pair] for pair in rounds.pairs]
    return [
        codes.get(each.standing, 0)
        * (-1 if each.standing is Standing.WON and each.estimate.difference < 0 else 1)
        for each in closings
    ]


def _single_look(estimates: Estimates, full: int, num_people: int) -> Rounds:
    rounds = _rounds(full, num_people)
    rounds.look(estimates[full], ended=True)
    return rounds


def _taken_again(estimates: Estimates, looks: Iterable[Look], num_people: int) -> Rounds:
    rounds = _rounds(0, num_people)
    for look in looks:
        rounds.reopen(look.full)
        _look(rounds, estimates, look)
    return rounds


def _look(rounds: Rounds, estimates: Estimates, look: Look) -> None:
    some = {pair: estimates[look.seeds][pair] for pair in rounds.open_pairs}
    rounds.look(some, ended=look.ended)


def _rounds(full: int, num_people: int) -> Rounds:
    return Rounds(names=NAMES, num_people=num_people, margin=MARGIN, full=full)


def _estimates(sample: Sample, designs: Sequence[Stops]) -> Estimates:
    """Returns the estimates at every number of seeds that any of the designs looks at."""
    stops = {stop for design in designs for stop in design}
    seeds = stops | {look for look in LOOKS if look < max(stops)}
    return {
        num: estimates_of(
            [
                Approach(name=name, predicted=rows[:num])
                for name, rows in zip(NAMES, sample.predicted, strict=True)
            ],
            sample.people,
        )
        for num in sorted(seeds)
    }


def _looked(gains: tuple[float, ...], rows: Sequence[Row]) -> Looked:
    whole, rounds, trained = zip(*rows, strict=True)
    return Looked(
        gains=gains,
        whole=np.array(whole),
        rounds=np.array(rounds),
        trained=np.array(trained),
    )


def _any(of_pairs: NDArray[np.bool_]) -> Flags:
    return np.asarray(of_pairs.any(axis=1), dtype=bool)
