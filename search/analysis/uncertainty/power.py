"""What would decide an undecided pair: how many people, or how many training seeds.

Planned as if the difference found were the true one: the verdict is reached with probability
`POWER`, as a win (Bonferroni over the pairs, which no step-down rule exceeds) or as equivalence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, pi, sqrt

import numpy as np
from scipy.special import ndtr

from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA, LEVEL, least_reach, student_quantile
from search.analysis.uncertainty.training_luck import TrainingLuck

POWER = 0.8
# Simulated, with errors that repeat in 0.8 of a person's photos: variance of a difference over
# people at infinitely many seeds, and a side's interaction of one seed, times the people. The
# trainings of one config differ by about 0.005.
_PEOPLE_VARIANCE = 0.083
_INTERACTION_VARIANCE = 0.06
_SEED_VARIANCE = 0.005**2
_MOST_PEOPLE_FACTOR = 1_000
_MOST_SEEDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldDecide:
    """The people, at the seeds there are, or the seeds, at the people there are, that decide.

    None where no number within reason would: more people do not remove the luck of two seeds, nor
    more seeds that of few people. `together` says that it takes both.
    """

    people: int | None
    seeds: int | None
    together: bool = False

    def __str__(self) -> str:
        parts = [] if self.people is None else [f"{self.people:,} people"]
        parts += [] if self.seeds is None else [f"{self.seeds} seeds"]
        return (" and " if self.together else " or ").join(parts) or "nothing within reach"


def detectable_difference(estimate: PairEstimate, num_pairs: float = 1) -> float:
    """Returns the true difference that would be declared a win with probability `POWER`.

    Args:
        estimate: a pair; only its luck is used, not its difference.
        num_pairs: pairs judged together.
    """
    alpha = ALPHA / num_pairs
    variance, degrees = _expected_luck(estimate)
    reach = student_quantile(1 - alpha / 2, degrees) + student_quantile(POWER, degrees)
    return reach * float(variance**0.5)


def _expected_luck(planned: PairEstimate) -> tuple[float, float]:
    """Returns the variance and the degrees of freedom that a verdict is expected to find.

    What training adds is found as max(0, B - I) from few trainings. On average that is more than
    the truth, and its degrees of freedom count wherever it is found above 0.
    """
    training = sum(side.variance**2 / side.degrees for side in planned.training)
    excess, spread = planned.training_excess, (2 * training) ** 0.5
    if spread > 0:
        z = excess / spread
        excess = excess * float(ndtr(z)) + spread * exp(-(z**2) / 2) / sqrt(2 * pi)
    people = max(planned.people_variance, planned.interaction) + planned.choice_variance
    variance = people + planned.search_excess + excess
    search = [luck for luck in planned.search if luck.excess > 0]
    others = training + sum(luck.variance**2 / luck.degrees for luck in search)
    total = people**2 / planned.people_degrees + others
    return variance, min(planned.people_degrees, variance**2 / total if total > 0 else np.inf)


def promised_difference(num_people: int, num_seeds: int, num_pairs: int) -> float:
    """Returns about what true difference of macro-F1 such a run could declare, by the same rule.

    Args:
        num_people: that are judged.
        num_seeds: of every approach; two or more, as one declares nothing.
        num_pairs: pairs judged together.
    """
    interaction = _INTERACTION_VARIANCE / num_people / num_seeds
    side = TrainingLuck(
        variance=interaction + _SEED_VARIANCE / num_seeds,
        interaction=interaction,
        num_seeds=num_seeds,
        folds=5.0,
    )
    luck = PairEstimate(
        difference=0.0,
        people_variance=_PEOPLE_VARIANCE / num_people + 2 * interaction,
        people_degrees=max(1.0, num_people - 1.0),
        training=(side, side),
        num_differing=num_people,
    )
    return detectable_difference(luck, num_pairs)


def would_decide(
    estimate: PairEstimate,
    *,
    num_people: int,
    num_seeds: int | None,
    margin: float,
    num_pairs: int,
    share: Callable[[PairEstimate], float] = lambda _: 1.0,
) -> WouldDecide:
    """Returns the least people, and the least seeds of both sides that would decide the pair.

    The seeds are more than either side has: what a run trains on for, it trains with both.

    Args:
        estimate: the undecided pair.
        num_people: P now.
        num_seeds: the smaller S of the two approaches now; None where the models are taken as
            fixed and more seeds are no way out. With one seed, whose luck is unknown, two seeds
            are the least and people alone never decide.
        margin: of equivalence, > 0.
        num_pairs: pairs judged together.
        share: returns how much of the level is left for a look at an estimate with more seeds;
            other people are a new run.
    """
    if num_seeds == 1:
        return WouldDecide(people=None, seeds=2)

    def decided(people: float, more: int) -> bool:
        """Returns whether so many times the people and `more` seeds would decide."""
        planned = estimate.with_more(people=people, seeds=more)
        tests = num_pairs if people > 1 else num_pairs / max(share(planned), 1e-9)
        return _decided(planned, round(num_people * people), margin, tests)

    def people_at(more: int) -> int | None:
        """Returns the least people with `more` seeds than there are."""
        percent = _least(lambda n: decided(1 + n / 100, more), 100 * _MOST_PEOPLE_FACTOR)
        return None if percent is None else -(-num_people * (100 + percent) // 100)

    people = people_at(0)
    if num_seeds is None:
        return WouldDecide(people=people, seeds=None)
    # A run trains on only beyond what one of its sides has.
    most = max(side.num_seeds for side in estimate.training)
    apart = max(0, most - num_seeds)
    more = _least(lambda n: decided(1.0, apart + n), _MOST_SEEDS)
    if people is not None or more is not None:
        return WouldDecide(people=people, seeds=None if more is None else most + more)
    plans = [(people_at(apart + n), most + n) for n in range(1, _MOST_SEEDS, 3)]
    costs = [(num * seeds, num, seeds) for num, seeds in plans if num is not None]
    if not costs:
        return WouldDecide(people=None, seeds=None)
    return WouldDecide(people=min(costs)[1], seeds=min(costs)[2], together=True)


def _decided(planned: PairEstimate, num_people: int, margin: float, num_tests: float) -> bool:
    size = abs(planned.difference)
    wins = detectable_difference(planned, num_tests) <= size and planned.p_value < ALPHA
    variance, degrees = _expected_luck(planned)
    power = student_quantile(POWER, degrees) * variance**0.5
    reach = student_quantile((1 + LEVEL) / 2, degrees) * variance**0.5
    return wins or power + max(reach, least_reach(num_people)) <= margin - size


def _least(holds: Callable[[int], bool], most: int) -> int | None:
    """Returns the least n in [1, most] for which a rule that stays true once true holds."""
    high = 1
    while not holds(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
