"""Which approach wins, by how much, and how sure that is: the verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    y: int [N] true class; g: [N] person of a sample; held_out: bool [N], people no search saw.

A pair is `equivalent` if its 95 % interval lies inside +-margin; else a win if Holm's p over all
pairs is below 0.05; else `undecided`. With one training seed nobody knows what another training
would have given, so neither a win nor equivalence is declared, unless the models are taken as
fixed: then the verdict holds for these models, not for the way they were trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA, Interval
from search.analysis.uncertainty.power import WouldDecide

MARGIN = 0.005
ONE_SEED = (
    "one training seed: what another training would give is unknown, so neither a win nor "
    "equivalence is declared; train two seeds or more"
)
FIXED_MODELS = (
    "the predictions are judged as fixed models: the verdict holds for these files, not for the "
    "training that made them"
)


class Outcome(StrEnum):
    """What is known about a pair."""

    A_WINS = "a_wins"
    B_WINS = "b_wins"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


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


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values adjusted for their number (Holm 1979), in the given order."""
    num = len(p_values)
    adjusted, worst = [0.0] * num, 0.0
    for rank, index in enumerate(sorted(range(num), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, p_values[index] * (num - rank)))
        adjusted[index] = worst
    return adjusted


def outcome_of(interval: Interval, p_holm: float, margin: float) -> Outcome:
    """Returns the verdict on a difference with its interval and adjusted p."""
    if -margin <= interval.low and interval.high <= margin:
        return Outcome.EQUIVALENT
    if p_holm < ALPHA:
        return Outcome.A_WINS if interval.value > 0 else Outcome.B_WINS
    return Outcome.UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Difference a - b on one set of people under one decision rule, and what it says."""

    estimate: PairEstimate
    p_holm: float
    outcome: Outcome

    def to_dict(self) -> dict[str, object]:
        """Returns the fields of a pair in `verdict.json`."""
        interval = self.estimate.interval
        return {
            "difference": self.estimate.difference,
            "interval": [interval.low, interval.high],
            "p_a_greater": self.estimate.p_a_greater,
            "p_holm": self.p_holm,
            "verdict": self.outcome.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """The verdict on one pair, with everything that stands beside it.

    Attributes:
        a: name of the first approach.
        b: name of the second.
        headline: all people, without post-hoc biases.
        with_rule: all people, with them; None where an approach has none.
        search: people the search saw; None where there is no held-out part.
        held_out: people it never saw.
        would_decide: for an undecided pair.
        note: why something is not said; empty where all is said.
    """

    a: str
    b: str
    headline: PairFigures
    with_rule: PairFigures | None
    search: PairFigures | None
    held_out: PairFigures | None
    would_decide: WouldDecide | None
    note: str

    @property
    def outcome(self) -> Outcome:
        """The verdict itself."""
        return self.headline.outcome

    @property
    def winner(self) -> str | None:
        """Name of the winner, if there is one."""
        return {Outcome.A_WINS: self.a, Outcome.B_WINS: self.b}.get(self.outcome)

    @property
    def flips_with_rule(self) -> bool:
        """Whether the verdict is another one with post-hoc class biases (mechanism M5)."""
        return self.with_rule is not None and self.with_rule.outcome != self.outcome

    @property
    def loses_on_held_out(self) -> bool:
        """Whether the winner scores below the other on the people no search saw."""
        if self.held_out is None or self.winner is None:
            return False
        return self.headline.estimate.difference * self.held_out.estimate.difference < 0

    def to_dict(self) -> dict[str, object]:
        """Returns one element of `pairs` in `verdict.json`."""
        decide = self.would_decide or WouldDecide(people=None, seeds=None)
        return {
            "a": self.a,
            "b": self.b,
            **self.headline.to_dict(),
            "with_decision_rule": self.with_rule and self.with_rule.to_dict(),
            "flips_with_decision_rule": self.flips_with_rule,
            "parts": {
                "search": self.search and self.search.to_dict(),
                "held_out": self.held_out and self.held_out.to_dict(),
            },
            "loses_on_held_out": self.loses_on_held_out,
            "would_decide": decide.to_dict(),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """macro-F1 of an approach, the mean over its seeds; `per_seed` are the single scores.

    `ensemble` is the row of the probabilities averaged over seeds, `with_rule` the mean score with
    post-hoc biases; None where there is none.
    """

    name: str
    interval: Interval
    per_seed: tuple[float, ...]
    ensemble: Interval | None
    with_rule: Interval | None

    def to_dict(self) -> dict[str, object]:
        """Returns the approach's entry in `scores` of `verdict.json`."""
        return {
            **self.interval.to_dict(),
            "per_seed": list(self.per_seed),
            "seeds_averaged": self.ensemble and self.ensemble.to_dict(),
            "with_decision_rule": self.with_rule and self.with_rule.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Scores of all approaches and the verdicts on all pairs."""

    scores: tuple[Score, ...]
    pairs: tuple[PairVerdict, ...]
    num_people: int
    margin: float

    def pair(self, a: str, b: str) -> PairVerdict:
        """Returns the pair of two approaches as it was judged (in the order it was judged in).

        Raises:
            AnalysisError: there is no such pair.
        """
        for found in self.pairs:
            if {found.a, found.b} == {a, b}:
                return found
        known = ", ".join(f"{found.a}/{found.b}" for found in self.pairs)
        raise AnalysisError(f"unknown pair {a}/{b}; judged were: {known}")

    def to_dict(self) -> dict[str, object]:
        """Returns the fields `scores` and `pairs` of `verdict.json`."""
        return {
            "scores": {score.name: score.to_dict() for score in self.scores},
            "pairs": [pair.to_dict() for pair in self.pairs],
        }
