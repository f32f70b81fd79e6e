"""The difference of two scores: standard error, interval, p, and what more data would do.

Judged by Student's t; where its variance comes from is told in
`search.analysis.uncertainty.score_sheet`.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from search.analysis.errors import AnalysisError
from search.analysis.exact import ROUNDING
from search.analysis.uncertainty.interval import LEVEL, Interval


def seed_degrees(num_seeds: int) -> float:
    """Returns the degrees of freedom of a variance between seeds.

    S - 1, but half a degree for two seeds: with one, Satterthwaite's sum is too sure of itself
    where training luck outweighs the people (`benchmarks/verdict_simulation.py` counts that too).
    """
    return num_seeds - 1.0 if num_seeds > 2 else 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEstimate:
    """The difference of two approaches' scores, and what is known about its luck.

    `seed_variances` are those of the mean score of a and of b over their seeds (0 where the models
    are taken as fixed), `num_seeds` the seeds they were taken over; `num_differing` counts the
    people on whom the two differ at all.
    """

    difference: float
    people_variance: float
    people_degrees: float
    seed_variances: tuple[float, float] = (0.0, 0.0)
    num_seeds: tuple[int, int] = (1, 1)
    num_differing: int

    def __post_init__(self) -> None:
        parts = (self.people_variance, *self.seed_variances)
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
    def variance(self) -> float:
        """Squared standard error over people and seeds."""
        return self.people_variance + sum(self.seed_variances)

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `variance`: training luck never makes the people's surer."""
        variances = np.array([self.people_variance, *self.seed_variances])
        degrees = np.array([self.people_degrees, *(seed_degrees(num) for num in self.num_seeds)])
        spread = float((variances**2 / degrees).sum())
        return min(self.people_degrees, self.variance**2 / spread if spread > 0 else np.inf)

    @property
    def interval(self) -> Interval:
        """The difference with its interval at `LEVEL`, not adjusted for other pairs.

        Two seeds far apart make Student's interval wider than scores in [0, 1] can differ; what
        cannot be is cut off.
        """
        reach = float(stdtrit(self.degrees, (1 + LEVEL) / 2)) * self.variance**0.5
        value = self.difference
        low, high = max(value - reach, min(value, -1.0)), min(value + reach, max(value, 1.0))
        return Interval(value=value, low=low, high=high)

    @property
    def p_a_greater(self) -> float:
        """P(a > b): the part of the luck distribution of the difference that lies above zero."""
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

    def with_more(self, *, people: float = 1.0, seeds: tuple[int, int] = (0, 0)) -> "PairEstimate":
        """Returns the estimate with `people` times as many people and more seeds of a and of b."""
        want = (self.num_seeds[0] + seeds[0], self.num_seeds[1] + seeds[1])
        first, second = (
            variance * num / new
            for variance, num, new in zip(self.seed_variances, self.num_seeds, want, strict=True)
        )
        return replace(
            self,
            people_variance=self.people_variance / people,
            people_degrees=self.people_degrees * people,
            num_differing=int(self.num_differing * people),
            seed_variances=(first, second),
            num_seeds=want,
        )
