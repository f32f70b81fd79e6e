"""The rule of a verdict: when a pair is a win, equivalent or undecided.

A pair is `equivalent` if its 95 % interval, no narrower than 6 / P to each side, lies inside
+-margin; else a win if Shaffer's p over all pairs is below 0.05 and the winner is ahead on the
people who chose nothing as well; else `undecided`. With one training seed nobody knows what
another training would have given, so neither a win nor equivalence is declared, unless the models
are taken as fixed: then the verdict holds for these models, not for the way they were trained.
Where three unseen people of the rarest classes could move an equivalent pair past the margin, that
is said beside it (`Caveat.RARE_KINDS`).
"""

from dataclasses import dataclass
from enum import StrEnum

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA

MARGIN = 0.005


class Caveat(StrEnum):
    """What a verdict on a pair does not hold for, or why there is none."""

    NONE = ""
    ONE_SEED = (
        "one training seed: what another training would give is unknown, so neither a win nor "
        "equivalence is declared; train two seeds or more"
    )
    FIXED_MODELS = (
        "the predictions are judged as fixed models: the verdict holds for these files, not for "
        "the training that made them"
    )
    RARE_KINDS = (
        "equivalent over all people: among those of the rarest classes, a kind of person that is "
        "not in these data could still make a difference above the margin"
    )
    CHOSEN_BY = (
        "the lead comes from the people the search chose by: on all others the leader is not ahead"
    )


class Outcome(StrEnum):
    """What is known about a pair."""

    A_WINS = "a_wins"
    B_WINS = "b_wins"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"

    @property
    def said(self) -> str:
        """What it is called where nobody wins."""
        return {"undecided": "not decided"}.get(self.value, self.value.replace("_", " "))

    @property
    def negated(self) -> "Outcome":
        """What is known about the pair the other way round."""
        swapped = {Outcome.A_WINS: Outcome.B_WINS, Outcome.B_WINS: Outcome.A_WINS}
        return swapped.get(self, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How pairs are judged.

    Attributes:
        margin: of equivalence, >= 0, in macro-F1.
        num_resamples: B, 100 or more.
        fixed_models: judge the given predictions as they are, not the training behind them.
        seed: of the resamples.
    """

    margin: float = MARGIN
    num_resamples: int = 10_000
    fixed_models: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.margin >= 0 or self.num_resamples < 100:
            raise AnalysisError(
                f"`margin >= 0` and `num_resamples >= 100` must hold, got margin={self.margin}, "
                f"num_resamples={self.num_resamples}"
            )


def outcome_of(
    estimate: PairEstimate, p_adjusted: float, num_people: int, margin: float
) -> Outcome:
    """Returns the verdict on a difference with its adjusted p."""
    if estimate.is_equivalent(num_people, margin):
        return Outcome.EQUIVALENT
    if p_adjusted < ALPHA:
        return Outcome.A_WINS if estimate.difference > 0 else Outcome.B_WINS
    return Outcome.UNDECIDED
