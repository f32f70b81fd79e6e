"""What is said beside the verdict on three simulated approaches, against what is true.

Notation:
    D data sets; three approaches, the best first, and their pairs (0, 1), (0, 2), (1, 2).
    A attributes: mask, gender, age. Approaches differ in their errors on gender and age alone.
    Said of a pair: 1 the first is better, -1 the second, 0 nothing.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches.approach import Approach
from search.analysis.verdict.attributes import attribute_scores
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    PairVerdict,
)
from search.analysis.verdict.recommendation import ACCEPT_LOSS, Price, recommend
from search.analysis.verdict.rules import (
    Outcome,
    Rules,
)
from search.analysis.verdict.statements import AttributeScore, PairStatements
from tests.search.builders.simulated_errors import ATTRIBUTES
from tests.search.builders.simulated_people import Sample, World, simulate
from tests.search.builders.verdict_grid import Place, samples

PAIRS = tuple(combinations(range(3), 2))
SIZES = {name: len(classes) for name, classes in ATTRIBUTES.items()}
_SIGNS = {Outcome.A_WINS: 1, Outcome.B_WINS: -1}
_RULES = Rules(num_resamples=100)  # resamples serve single scores, which are not looked at

Row = tuple[list[int], list[int], list[list[int]], list[list[int]], list[float], list[float]]
T = TypeVar("T")
Signs = NDArray[np.int64]
Flags = NDArray[np.bool_]
"""One a data set, bool [D]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What was said of three pairs on D data sets.

    Attributes:
        gains: of the three approaches.
        wins: int [D, 3], of macro-F1.
        logs: int [D, 3], of the log score.
        gated: int [D, 3, A], of attributes behind a decided pair, as they are named.
        free: int [D, 3, A], of all attributes of all pairs, tested together whatever is decided.
        worse: float [D, 3], how much worse the first is at most.
        better: float [D, 3], how much better.
    """

    gains: tuple[float, ...]
    wins: Signs
    logs: Signs
    gated: Signs
    free: Signs
    worse: NDArray[np.float64]
    better: NDArray[np.float64]

    @property
    def gaps(self) -> NDArray[np.float64]:
        """True difference of every pair, float [3]."""
        return np.array([self.gains[a] - self.gains[b] for a, b in PAIRS])

    @property
    def truth(self) -> Signs:
        """What may be said of every pair, int [3]."""
        return np.sign(self.gaps).astype(np.int64)

    @property
    def false_win(self) -> Flags:
        """Whether macro-F1 is said to differ where it does not, in any pair."""
        return _any(_false(self.wins, self.truth))

    @property
    def false_log(self) -> Flags:
        """Whether the log score is."""
        return _any(_false(self.logs, self.truth))

    @property
    def false_attribute(self) -> Flags:
        """Whether an attribute is named that does not differ, behind decided pairs."""
        return _any(_false(self.gated, self._truth_of_attributes))

    @property
    def false_free(self) -> Flags:
        """The same where all pairs may name attributes."""
        return _any(_false(self.free, self._truth_of_attributes))

    @property
    def false_gated_any(self) -> Flags:
        """Whether anything false is said with gatekeeping."""
        return np.asarray(self.false_win | self.false_log | self.false_attribute)

    @property
    def false_free_any(self) -> Flags:
        """Whether anything false is said where all is tested freely."""
        return np.asarray(self.false_win | self.false_log | self.false_free)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether macro-F1 or the log score says what is true, bool [D, 3]; ties say nothing."""
        told = (self.wins == self.truth) | (self.logs == self.truth)
        return np.asarray(told & (self.truth != 0))

    @property
    def all_right(self) -> Flags:
        """Whether all three pairs are decided, and nothing false is said."""
        return ~_any(~self.right) & ~self.false_win & ~self.false_log

    @property
    def worse_false(self) -> NDArray[np.bool_]:
        """Whether the first is worse than "at most", bool [D, 3]."""
        return np.asarray(-self.gaps > self.worse)

    @property
    def better_false(self) -> NDArray[np.bool_]:
        """Whether the first is better than "at most", bool [D, 3]."""
        return np.asarray(self.gaps > self.better)

    def at_most_worse(self, loss: float) -> list[float]:
        """Returns in what share the first of each pair is said to be at most `loss` worse."""
        return [float(share) for share in (self.worse <= loss).mean(axis=0)]

    @property
    def _truth_of_attributes(self) -> Signs:
        return np.stack([0 * self.truth, self.truth, self.truth], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Advised:
    """What was recommended on D data sets where the best approach is the dearest to serve.

    Attributes:
        gains: of the approaches.
        used: int [D], which is recommended.
        leader: int [D], which has the highest score.
    """

    gains: tuple[float, ...]
    used: Signs
    leader: Signs

    @property
    def worse_than_leader(self) -> Flags:
        """Whether what is recommended is worse than the leader by more than it may be."""
        return np.asarray(self._gain(self.leader) - self._gain(self.used) > ACCEPT_LOSS)

    @property
    def worse_than_best(self) -> Flags:
        """The same of the truly best approach, whom another may lead by luck."""
        return np.asarray(max(self.gains) - self._gain(self.used) > ACCEPT_LOSS)

    @property
    def cheaper(self) -> Flags:
        """Whether anything cheaper than the leader is recommended."""
        return np.asarray(self.used != self.leader)

    def _gain(self, which: Signs) -> NDArray[np.float64]:
        return np.array(self.gains)[which]


def statements_cell(
    place: Place,
    gains: tuple[float, ...],
    num_sets: int,
    *,
    seed: int,
    num_seeds: int = 3,
    seed_sd: float = 0.005,
) -> Said:
    """Returns what is said of three approaches with probabilities.

    Args:
        place: world and people.
        gains: of the three, the best first.
        num_sets: D.
        seed: of everything.
        num_seeds: of every approach.
        seed_sd: s.d. of the macro-F1 of a training.
    """
    world = place.world(gains, num_seeds=num_seeds, seed_sd=seed_sd)
    rows = [_said(sample) for sample in samples_with_probs(world, num_sets, seed)]
    wins, logs, gated, free, worse, better = (np.array(each) for each in zip(*rows, strict=True))
    return Said(
        gains=gains, wins=wins, logs=logs, gated=gated, free=free, worse=worse, better=better
    )


def advised_cell(
    place: Place,
    gains: tuple[float, ...],
    num_sets: int,
    *,
    seed: int,
    num_seeds: int = 3,
    seed_sd: float = 0.005,
) -> Advised:
    """Returns what is recommended; the later an approach, the cheaper it is.

    Args:
        place: world and people.
        gains: of the approaches, the best first.
        num_sets: D.
        seed: of everything.
        num_seeds: of every approach.
        seed_sd: s.d. of the macro-F1 of a training.
    """
    world = place.world(gains, num_seeds=num_seeds, seed_sd=seed_sd)
    prices = {str(i): Price(serve_ms=float(len(gains) - i)) for i in range(len(gains))}
    found = []
    for sample in samples(world, num_sets, seed):
        parts = [Approach(name=str(i), predicted=rows) for i, rows in enumerate(sample.predicted)]
        advice = recommend(judge(parts, sample.people, rules=_RULES), prices)
        found.append((int(advice.use), int(advice.leader)))
    used, leader = np.array(found).T
    return Advised(gains=gains, used=used, leader=leader)


def samples_with_probs(world: World, num_sets: int, seed: int) -> Iterator[Sample]:
    """Yields the data sets of a world with the probabilities of every approach."""
    rng = np.random.default_rng([seed, zlib.crc32(repr(world).encode()), 1])
    return (simulate(world, rng, with_probs=True) for _ in range(num_sets))


def _said(sample: Sample) -> Row:
    if sample.probs is None:
        raise ValueError("statements on probabilities need them")
    approaches = [Approach.from_probs(str(i), probs) for i, probs in enumerate(sample.probs)]
    verdict = judge(approaches, sample.people, rules=_RULES, attributes=SIZES)
    free = attribute_scores(
        approaches, sample.people, SIZES, [True] * len(PAIRS), fixed_models=False
    )
    bounds = [_of(pair, lambda said: said.bound) for pair in verdict.pairs]
    return (
        [_SIGNS.get(pair.outcome, 0) for pair in verdict.pairs],
        [_log_sign(pair) for pair in verdict.pairs],
        [
            _signs(_of(pair, lambda said: said.attributes)) or [0] * len(SIZES)
            for pair in verdict.pairs
        ],
        [_signs(scores) for scores in free],
        [bound.worse for bound in bounds],
        [bound.better for bound in bounds],
    )


def _log_sign(pair: PairVerdict) -> int:
    score = _of(pair, lambda said: said.log_score)
    return int(np.sign(score.difference.value)) if score.decided else 0


def _signs(scores: Sequence[AttributeScore]) -> list[int]:
    return [int(np.sign(each.difference.value)) if each.supported else 0 for each in scores]


def _of(pair: PairVerdict, part: Callable[[PairStatements], T | None]) -> T:
    """Returns a part of what is said of a pair, which must be there."""
    found = None if pair.statements is None else part(pair.statements)
    if found is None:
        raise ValueError(f"nothing is said of the pair {pair.a}, {pair.b}")
    return found


def _false(said: Signs, truth: Signs) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (said != 0) & (said != truth)
    return found


def _any(of_set: NDArray[np.bool_]) -> Flags:
    """Returns whether any is true of each data set."""
    return np.asarray(of_set.reshape(len(of_set), -1).any(axis=1), dtype=bool)
