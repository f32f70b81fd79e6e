"""The difference of two scores: standard error, interval, p, and what more data would do.

Judged by Student's t; where its variance comes from is told in
`search.analysis.uncertainty.score_sheet`.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from search.analysis.errors import AnalysisError
from search.analysis.exact import ROUNDING
from search.analysis.uncertainty.interval import LEVEL, Interval, least_reach, student_quantile
from search.analysis.uncertainty.search_luck import SearchLuck
from search.analysis.uncertainty.training_luck import TrainingLuck

NO_LUCK = TrainingLuck(num_seeds=0)
"""Of models that are taken as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEstimate:
    """The difference of two approaches' scores, and what is known about its luck.

    Attributes:
        difference: a - b, of the mean scores over seeds.
        people_variance: of the difference of the means over seeds, over people; it holds the
            interaction of both sides' training with the people.
        people_degrees: of that variance.
        choice_variance: what the choice of configs adds, of both sides together.
        training: luck of a and of b; `NO_LUCK` where models are taken as fixed. Where seed s of
            both is the same models in the main, the luck of their difference, and none beside it.
        search: luck of the configs that the searches of both sides found; empty where models are
            taken as they are, or no space has two finalists.
        num_differing: people on whom the two differ at all.
    """

    difference: float
    people_variance: float
    people_degrees: float
    choice_variance: float = 0.0
    training: tuple[TrainingLuck, TrainingLuck] = (NO_LUCK, NO_LUCK)
    search: tuple[SearchLuck, ...] = ()
    num_differing: int

    def __post_init__(self) -> None:
        luck = [(side.variance, side.interaction) for side in self.training]
        parts = (self.people_variance, self.choice_variance, *luck[0], *luck[1])
        if min(parts) < 0 or not np.isfinite([self.difference, *parts]).all():
            raise AnalysisError(
                f"a difference must be finite with variances >= 0, got difference="
                f"{self.difference}, variances={parts}; check the predictions for NaN"
            )
        # What only rounding left of two equal sums is no difference, nor has it luck.
        if abs(self.difference) <= ROUNDING:
            object.__setattr__(self, "difference", 0.0)
        if self.people_variance <= ROUNDING**2:
            object.__setattr__(self, "people_variance", 0.0)

    @property
    def interaction(self) -> float:
        """What training does to single people, I of both sides."""
        first, second = self.training
        return first.interaction + second.interaction

    @property
    def training_excess(self) -> float:
        """What training adds to the variance over people, which holds the interaction already."""
        first, second = self.training
        return max(0.0, first.variance + second.variance - self.interaction)

    @property
    def variance(self) -> float:
        """Squared standard error over people, choice, training and search.

        Over people it is at least the interaction, which it holds: resampling never moves the only
        person of a class, whose score depends on the seed all the same.
        """
        people = max(self.people_variance, self.interaction)
        return people + self.choice_variance + self.training_excess + self.search_excess

    @property
    def search_excess(self) -> float:
        """What the luck of the searches adds to the variance."""
        return sum(luck.excess for luck in self.search)

    @property
    def people_limit(self) -> float:
        """What people alone leave of the variance, with infinitely many seeds on both sides."""
        return max(0.0, self.people_variance - self.interaction)

    @property
    def limit_variance(self) -> float:
        """What would be left of `variance` with infinitely many seeds on both sides."""
        return self.people_limit + self.choice_variance + self.search_excess

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `variance`: other luck never makes the people's surer."""
        others = [luck.variance**2 / luck.degrees for luck in self.search if luck.excess > 0]
        if self.training_excess > 0 or self.interaction > self.people_variance:
            others += [side.variance**2 / side.degrees for side in self.training]
        if not others:
            return self.people_degrees
        spread = (self.people_variance + self.choice_variance) ** 2 / self.people_degrees
        known = spread + sum(others)
        if known == 0:  # an interaction that only rounding left, of predictions that never differ
            return self.people_degrees
        return min(self.people_degrees, self.variance**2 / known)

    @property
    def reach(self) -> float:
        """Half-width of `interval`, before what cannot be is cut off."""
        return self.reach_at((1 + LEVEL) / 2)

    def reach_at(self, level: float) -> float:
        """Returns how far a one-sided bound at a level lies from the difference."""
        return student_quantile(level, self.degrees) * float(self.variance**0.5)

    @property
    def interval(self) -> Interval:
        """The difference with its interval at `LEVEL`, not adjusted for other pairs.

        Two seeds far apart make Student's interval wider than scores in [0, 1] can differ; what
        cannot be is cut off.
        """
        reach, value = self.reach, self.difference
        low, high = max(value - reach, min(value, -1.0)), min(value + reach, max(value, 1.0))
        return Interval(value=value, low=low, high=high)

    @property
    def unbounded(self) -> Interval:
        """`tested` of a figure that may differ by more than 1, such as a log score."""
        value, reach = self.difference, self.reach
        return Interval(value=value, low=value - reach, high=value + reach, p_value=self.p_value)

    @property
    def tested(self) -> Interval:
        """The same with its p of "no difference"."""
        return replace(self.interval, p_value=self.p_value)

    @property
    def p_a_greater(self) -> float:
        """Confidence that a > b: the part of the luck of the difference that lies above zero."""
        if self.variance == 0:
            return 0.5 * (1 + float(np.sign(self.difference)))
        return float(stdtr(self.degrees, self.difference / self.variance**0.5))

    @property
    def p_value(self) -> float:
        """Two-sided p of "no difference", at least that of a sign test in which all people agree.

        The floor 2 ** (1 - num_differing) keeps four people who happen to agree from proving
        anything: their spread is zero, not the luck.
        """
        tail = min(self.p_a_greater, 1 - self.p_a_greater)
        return min(1.0, max(2 * tail, 2.0 ** (1 - min(self.num_differing, 1000))))

    def is_equivalent(self, num_people: int, margin: float) -> bool:
        """Returns whether the interval lies inside the margin, no narrower than people allow."""
        return abs(self.difference) + max(self.reach, least_reach(num_people)) <= margin

    @property
    def num_seeds(self) -> int:
        """Of the side with fewer; 0 where models are taken as they are."""
        return min(side.num_seeds for side in self.training)

    def training_at(
        self, seeds: tuple[int, int], people: float = 1.0
    ) -> tuple[TrainingLuck, TrainingLuck]:
        """Returns the luck of both sides to expect at numbers of seeds and times the people."""
        total, excess = sum(side.variance for side in self.training), self.training_excess
        first, second = (
            side.planned(
                excess * side.variance / total if total > 0 else 0.0, people=people, seeds=num
            )
            for side, num in zip(self.training, seeds, strict=True)
        )
        return first, second

    def with_more(self, *, people: float = 1.0, seeds: int = 0) -> "PairEstimate":
        """Returns the estimate to expect of `people` times the people and of more seeds.

        The people's share shrinks with people alone, training's with seeds alone, the interaction
        with both, and the search's with neither. `seeds` are those of the side with fewer; a side
        that was trained on trains no more before the other has as many.
        """
        least = self.num_seeds + seeds
        one, two = (max(side.num_seeds, least) for side in self.training)
        first, second = self.training_at((one, two), people)
        return replace(
            self,
            people_variance=self.people_limit / people + first.interaction + second.interaction,
            people_degrees=self.people_degrees * people,
            choice_variance=self.choice_variance / people,
            num_differing=int(self.num_differing * people),
            training=(first, second),
            search=tuple(luck.planned(people) for luck in self.search),
        )
