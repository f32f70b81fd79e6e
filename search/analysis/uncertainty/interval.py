"""An interval for a score from its resamples, honest where classes have few people.

Notation:
    B resamples; draws: float [B], the score in each resample; value: the score of the data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from search.analysis.errors import AnalysisError
from search.analysis.exact import ROUNDING
from search.analysis.metrics import Floats
from search.analysis.plain import need

ALPHA = 0.05
LEVEL = 1 - ALPHA

UNSEEN_PEOPLE = 3
"""The rule of three: of a kind that none of P people is of, up to 3 / P of all may be (95 %)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its interval at level `LEVEL`; `low <= value <= high`.

    `p_value` is the two-sided p of zero, None where nobody asked for it.
    """

    value: float
    low: float
    high: float
    p_value: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise AnalysisError(
                f"`low <= value <= high` must hold, got low={self.low}, value={self.value}, "
                f"high={self.high}; check the resamples for NaN"
            )

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, object]:
        """Returns `{"value": v, "interval": [low, high]}` as `verdict.json` has it; p if known."""
        p_value = {} if self.p_value is None else {"p_value": self.p_value}
        return {"value": self.value, "interval": [self.low, self.high], **p_value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], key: str = "value") -> Self:
        """Returns the interval of `{key: v, "interval": [low, high]}`."""
        value, (low, high) = need(data, key), need(data, "interval")
        return cls(value=value, low=low, high=high, p_value=data.get("p_value"))

    def negated(self) -> "Interval":
        """Returns the same difference the other way round."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low)

    def ends(self, write: Callable[[float], str]) -> str:
        """Returns "[low, high]", every number by `write`."""
        return f"[{write(self.low)}, {write(self.high)}]"

    def written(self, write: Callable[[float], str]) -> str:
        """Returns "value [low, high]", every number by `write`."""
        return f"{write(self.value)} {self.ends(write)}"

    def __format__(self, form: str) -> str:
        """Returns the same, every number by a format such as "+.3f": "+0.012 [+0.003, +0.021]"."""
        return self.written(lambda number: format(number, form))


def least_reach(num_people: int) -> float:
    """Returns the least half-width of an interval that a statement of "no worse" may rest on.

    Of a kind of person that nobody of P shows there may still be `UNSEEN_PEOPLE` / P, and a person
    whose photos all change sides moves macro-F1 by 2 / P on average.
    """
    return UNSEEN_PEOPLE * 2 / num_people


def student_quantile(level: float, degrees: float) -> float:
    """Returns the quantile of Student's t at a level in (0, 1)."""
    return float(stdtrit(degrees, level))


def interval_of_draws(value: float, draws: Floats, degrees: float) -> Interval:
    """Returns the bias-corrected, expanded percentile interval.

    The normal quantiles of the bias-corrected percentile interval (Efron 1987, section 3) are
    replaced by Student's (Hesterberg 2015, What teachers should know about the bootstrap, section
    5.1): plain percentiles cover too little when the rarest classes rest on a handful of people.

    Args:
        value: score of the data.
        draws: float [B] score in each resample.
        degrees: degrees of freedom of the spread of the draws, > 0.

    Returns:
        The interval, widened to hold `value` where the draws lie wholly on one side of it.
    """
    # Draws that equal the score but for the rounding of sums count half.
    below = (np.mean(draws < value - ROUNDING) + np.mean(draws <= value + ROUNDING)) / 2
    shift = ndtri(np.clip(below, 0.01, 0.99))
    reach = stdtrit(degrees, (1 + LEVEL) / 2)
    low, high = np.quantile(draws, ndtr([2 * shift - reach, 2 * shift + reach]))
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))
