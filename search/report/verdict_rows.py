"""The rows of `verdict.json` as frozen data: scores, pairs and reasons.

Every field that the file may lack has a default, so that a shorter verdict makes a page too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from search.report.errors import ReportError

Json = Mapping[str, Any]

_LEAST_SEEDS = 2  # asked for only where there is one
OUTCOMES = ("a_wins", "b_wins", "equivalent", "undecided")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval; `low` and `high` are None where none is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, data: Json, key: str = "value") -> Self:
        """Returns the figure of `{key: v, "interval": [low, high]}`; the interval may lack."""
        low, high = data.get("interval") or (None, None)
        return cls(value=_figure(data, key), low=low, high=high)

    def negated(self) -> "Estimate":
        """Returns the same difference the other way round."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Estimate(value=-self.value, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """The macro-F1 of an approach and what stands beside it; None where it is not known.

    Attributes:
        name: of the approach.
        score: the headline, without class biases, the mean over seeds.
        with_rule: with nested, cross-fitted class biases.
        search: over the people the search saw.
        held_out: over the people it never saw.
        ensemble: of the probabilities averaged over seeds.
        per_seed: the single scores.
    """

    name: str
    score: Estimate
    with_rule: Estimate | None = None
    search: Estimate | None = None
    held_out: Estimate | None = None
    ensemble: Estimate | None = None
    per_seed: tuple[float, ...] = ()

    @classmethod
    def of(cls, name: str, data: Json) -> Self:
        """Returns the row of one entry of `scores`."""
        parts = data.get("parts") or {}
        return cls(
            name=name,
            score=Estimate.of(data),
            with_rule=_optional(data.get("with_decision_rule")),
            search=_optional(parts.get("search")),
            held_out=_optional(parts.get("held_out")),
            ensemble=_optional(data.get("seeds_averaged")),
            per_seed=tuple(data.get("per_seed") or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """A difference a - b with its interval, and what it says."""

    difference: Estimate
    outcome: str
    p_a_greater: float | None = None
    p_holm: float | None = None

    @classmethod
    def of(cls, data: Json) -> Self:
        """Returns the figures of a pair, or of the same pair under other rules.

        Raises:
            ReportError: there is no difference, or its verdict is none of the four.
        """
        outcome = data.get("verdict", "undecided")
        if outcome not in OUTCOMES:
            raise ReportError(
                f"a verdict must be one of {', '.join(OUTCOMES)}, got {outcome!r}; "
                "make verdict.json again with: headrace verdict NAME"
            )
        return cls(
            difference=Estimate.of(data, "difference"),
            outcome=outcome,
            p_a_greater=data.get("p_a_greater"),
            p_holm=data.get("p_holm"),
        )

    def negated(self) -> "PairFigures":
        """Returns the figures of b - a."""
        swapped = {"a_wins": "b_wins", "b_wins": "a_wins"}
        greater = self.p_a_greater
        return replace(
            self,
            difference=self.difference.negated(),
            outcome=swapped.get(self.outcome, self.outcome),
            p_a_greater=None if greater is None else 1 - greater,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """The verdict on a pair and what stands beside it; None where it is not known."""

    a: str
    b: str
    headline: PairFigures
    with_rule: PairFigures | None = None
    search: PairFigures | None = None
    held_out: PairFigures | None = None
    flips_with_rule: bool = False
    loses_on_held_out: bool = False
    people: int | None = None
    seeds: int | None = None
    together: bool = False
    note: str = ""

    @classmethod
    def of(cls, data: Json) -> Self:
        """Returns the row of one element of `pairs`.

        Raises:
            ReportError: a name, the difference or the verdict is missing or unknown.
        """
        parts, decide = data.get("parts") or {}, data.get("would_decide") or {}
        return cls(
            a=str(_figure(data, "a")),
            b=str(_figure(data, "b")),
            headline=PairFigures.of(data),
            with_rule=_optional_figures(data.get("with_decision_rule")),
            search=_optional_figures(parts.get("search")),
            held_out=_optional_figures(parts.get("held_out")),
            flips_with_rule=bool(data.get("flips_with_decision_rule")),
            loses_on_held_out=bool(data.get("loses_on_held_out")),
            people=decide.get("people"),
            seeds=decide.get("seeds"),
            together=bool(decide.get("together")),
            note=str(data.get("note") or ""),
        )

    @property
    def is_of_one_seed(self) -> bool:
        """Whether only the luck of training is in the way of a verdict: nobody knows it."""
        return self.people is None and self.seeds == _LEAST_SEEDS and not self.together

    def leader_first(self) -> "PairRow":
        """Returns the pair with the higher score as `a`, so that no difference is negative."""
        if self.headline.difference.value >= 0:
            return self
        return replace(
            self,
            a=self.b,
            b=self.a,
            headline=self.headline.negated(),
            with_rule=self.with_rule and self.with_rule.negated(),
            search=self.search and self.search.negated(),
            held_out=self.held_out and self.held_out.negated(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """One reason: a sentence, its figures for a plot, and its effect where it has one.

    Attributes:
        key: what it is, such as "error_budget" or "boundary.age"; chooses the plot.
        sentence: for people.
        mechanism: M1..M10, or empty.
        about: the approaches it speaks of.
        figures: what the plot shows.
        effect: macro-F1 by which it favours `about[0]`; None where it compares nothing.
        supported: whether the data show the effect.
    """

    key: str
    sentence: str
    mechanism: str = ""
    about: tuple[str, ...] = ()
    figures: Json
    effect: Estimate | None = None
    supported: bool = False

    @classmethod
    def of(cls, data: Json) -> Self:
        """Returns the row of one element of `reasons`."""
        return cls(
            key=str(_figure(data, "key")),
            sentence=str(_figure(data, "sentence")),
            mechanism=str(data.get("mechanism") or ""),
            about=tuple(data.get("about") or ()),
            figures=data.get("figures") or {},
            effect=_optional(data.get("effect")),
            supported=bool(data.get("supported")),
        )


def _optional(data: Json | None) -> Estimate | None:
    return None if data is None else Estimate.of(data)


def _optional_figures(data: Json | None) -> PairFigures | None:
    return None if data is None else PairFigures.of(data)


def _figure(data: Json, key: str) -> Any:
    if data.get(key) is None:
        raise ReportError(
            f"an entry of verdict.json needs {key!r}, got only {', '.join(sorted(data))}; "
            "make it again with: headrace verdict NAME"
        )
    return data[key]
