"""Which approach wins, by how much, and how sure that is: the verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    y: int [N] true class; g: [N] person of a sample; chose: bool [N], people the search chose by.

The rule is that of `search.analysis.verdict.rules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.plain import from_plain, need, to_plain
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.baselines import Baseline
from search.analysis.verdict.rounds import Standing
from search.analysis.verdict.rules import Caveat, Outcome
from search.analysis.verdict.statements import AttributeScore, PairStatements


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Difference a - b on one set of people under one decision rule, and what it says.

    `estimate` is what it was judged from, None where it was read from a file; `num_seeds` the
    seeds of the side with fewer, 0 where models are taken as they are or a file does not say.
    """

    difference: Interval
    confidence_a_greater: float
    p_adjusted: float
    outcome: Outcome
    num_seeds: int = 0
    estimate: PairEstimate | None = None

    @classmethod
    def of(cls, estimate: PairEstimate, p_adjusted: float, outcome: Outcome) -> Self:
        """Returns the figures of an estimate with its adjusted p and what they say."""
        return cls(
            difference=estimate.interval,
            confidence_a_greater=estimate.p_a_greater,
            p_adjusted=p_adjusted,
            outcome=outcome,
            num_seeds=estimate.num_seeds,
            estimate=estimate,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Returns the figures written by `to_dict`.

        Raises:
            AnalysisError: one is missing, or the verdict is not valid.
        """
        return cls(
            difference=Interval.from_dict(data, "difference"),
            confidence_a_greater=_need(data, "confidence_a_greater", "p_a_greater"),
            p_adjusted=_need(data, "p_adjusted", "p_holm"),
            outcome=from_plain(Outcome, need(data, "verdict")),
            num_seeds=data.get("seeds", 0),
        )

    def to_dict(self) -> dict[str, object]:
        """Returns the fields of a pair in `verdict.json`."""
        return {
            "difference": self.difference.value,
            "interval": [self.difference.low, self.difference.high],
            "confidence_a_greater": self.confidence_a_greater,
            "p_adjusted": self.p_adjusted,
            "seeds": self.num_seeds,
            "verdict": self.outcome.value,
        }

    def negated(self) -> "PairFigures":
        """Returns the figures of b - a, without what they were judged from."""
        return PairFigures(
            difference=self.difference.negated(),
            confidence_a_greater=1 - self.confidence_a_greater,
            p_adjusted=self.p_adjusted,
            outcome=self.outcome.negated,
            num_seeds=self.num_seeds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """The verdict on one pair, with everything that stands beside it.

    Attributes:
        a: name of the first approach.
        b: name of the second.
        headline: all people, without post-hoc biases.
        with_rule: all people, with them; None where an approach has none.
        rule_effect: what they change about the difference.
        chose_nothing: the people by whom the search chose nothing; None where no search chose, or
            not known.
        chose: those by whom it chose.
        standing: at the last look at the pair.
        look_seeds: seeds at that look, which the p is of; 0 where models are taken as they are,
            None in a file that does not say.
        hopeless: whether no number of seeds would decide the pair at these people.
        would_decide: for an undecided pair, None for any other.
        caveat: what the verdict does not hold for, or why there is none.
        statements: what else is said; None where it was read from a file of schema 1.
    """

    a: str
    b: str
    headline: PairFigures
    with_rule: PairFigures | None = None
    rule_effect: Interval | None = None
    chose_nothing: PairFigures | None = None
    chose: PairFigures | None = None
    standing: Standing = Standing.OPEN
    look_seeds: int | None = None
    hopeless: bool = False
    would_decide: WouldDecide | None = None
    caveat: Caveat = Caveat.NONE
    statements: PairStatements | None = None

    @property
    def outcome(self) -> Outcome:
        """The verdict itself."""
        return self.headline.outcome

    @property
    def winner(self) -> str | None:
        """Name of the winner, if there is one."""
        return {Outcome.A_WINS: self.a, Outcome.B_WINS: self.b}.get(self.outcome)

    @property
    def is_decided(self) -> bool:
        """Whether macro-F1 has a winner, or one side gives the true class more probability."""
        log_score = None if self.statements is None else self.statements.log_score
        return self.winner is not None or (log_score is not None and log_score.decided)

    @property
    def said(self) -> tuple[str, ...]:
        """What is said of probabilities and of bounds, in words; nothing of a schema 1 pair."""
        if self.statements is None:
            return ()
        return self.statements.said(self.a, self.b, self.winner)

    @property
    def p_said(self) -> str:
        """The adjusted p, with the seeds of its look where more were trained afterwards."""
        found = wording.probability(self.headline.p_adjusted)
        if not self.look_seeds or self.headline.num_seeds in (0, self.look_seeds):
            return found
        return f"{found} (at {wording.plural(self.look_seeds, 'seed')})"

    @property
    def is_of_one_seed(self) -> bool:
        """Whether only the luck of training is in the way of a verdict: nobody knows it."""
        return self.caveat is Caveat.ONE_SEED

    @property
    def flips_with_rule(self) -> bool:
        """Whether post-hoc class biases change the verdict (mechanism M5).

        Two outcomes may differ by chance alone; what the biases change must exclude zero too. Nor
        is it the biases where nobody wins because of whom the search chose by.
        """
        if self.with_rule is None or self.rule_effect is None or self.caveat is Caveat.CHOSEN_BY:
            return False
        return self.with_rule.outcome != self.outcome and self.rule_effect.excludes_zero

    def leader_first(self) -> "PairVerdict":
        """Returns the pair with the higher score as `a`, so that no difference is negative."""
        if self.headline.difference.value >= 0:
            return self
        return replace(
            self,
            a=self.b,
            b=self.a,
            headline=self.headline.negated(),
            with_rule=self.with_rule and self.with_rule.negated(),
            rule_effect=self.rule_effect and self.rule_effect.negated(),
            chose_nothing=self.chose_nothing and self.chose_nothing.negated(),
            chose=self.chose and self.chose.negated(),
            statements=self.statements and self.statements.negated(),
        )

    def to_dict(self) -> dict[str, object]:
        """Returns one element of `pairs` in `verdict.json`."""
        return {
            "a": self.a,
            "b": self.b,
            **self.headline.to_dict(),
            "with_decision_rule": to_plain(self.with_rule),
            "decision_rule_effect": self.rule_effect and self.rule_effect.to_dict(),
            "flips_with_decision_rule": self.flips_with_rule,
            "parts": {
                "chose_nothing": to_plain(self.chose_nothing),
                "chose": to_plain(self.chose),
            },
            "standing": self.standing.value,
            "look_seeds": self.look_seeds,
            "hopeless": self.hopeless,
            "would_decide": to_plain(self.would_decide or WouldDecide(people=None, seeds=None)),
            "note": self.caveat.value,
            **self._stated(),
        }

    def _stated(self) -> dict[str, object]:
        """Returns the statements with their words; nothing of a pair of schema 1."""
        if self.statements is None:
            return {}
        return {"statements": {**to_plain(self.statements), "said": list(self.said)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Returns the pair written by `to_dict`; its caveat is known by its sentence.

        Schema 1 had other parts of the people, which are left out.

        Raises:
            AnalysisError: something is missing, or a verdict is not valid.
        """
        headline, parts = PairFigures.from_dict(data), data.get("parts") or {}
        decide = None
        if headline.outcome is Outcome.UNDECIDED:
            decide = from_plain(WouldDecide, need(data, "would_decide"))
        return cls(
            a=need(data, "a"),
            b=need(data, "b"),
            headline=headline,
            with_rule=_figures(data.get("with_decision_rule")),
            rule_effect=_interval(data.get("decision_rule_effect")),
            chose_nothing=_figures(parts.get("chose_nothing")),
            chose=_figures(parts.get("chose")),
            standing=from_plain(Standing, data.get("standing", Standing.OPEN.value)),
            look_seeds=data.get("look_seeds"),
            hopeless=data.get("hopeless", False),
            would_decide=decide,
            caveat=from_plain(Caveat, data.get("note", "")),
            statements=from_plain(PairStatements, data["statements"])
            if "statements" in data
            else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """macro-F1 of an approach, the mean over its seeds.

    Attributes:
        name: of the approach.
        interval: the headline, without class biases.
        per_seed: the single scores.
        ensemble: of the probabilities averaged over seeds, as deployed; None with one seed.
        with_rule: the mean score with post-hoc biases; None where there are none.
    """

    name: str
    interval: Interval
    per_seed: tuple[float, ...] = ()
    ensemble: Interval | None = None
    with_rule: Interval | None = None

    def to_dict(self) -> dict[str, object]:
        """Returns the approach's entry in `scores` of `verdict.json`."""
        return {
            **self.interval.to_dict(),
            "per_seed": list(self.per_seed),
            "seeds_averaged": to_plain(self.ensemble),
            "with_decision_rule": to_plain(self.with_rule),
        }

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Self:
        """Returns the score written by `to_dict`; AnalysisError where it has no interval."""
        return cls(
            name=name,
            interval=Interval.from_dict(data),
            per_seed=tuple(data.get("per_seed") or ()),
            ensemble=_interval(data.get("seeds_averaged")),
            with_rule=_interval(data.get("with_decision_rule")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Scores of all approaches and the verdicts on all pairs.

    `num_people` and `num_photos` (samples) are those that all approaches were judged on;
    `baselines` is what guessing scores on them, empty where it was read from a file of schema 1.
    """

    scores: tuple[Score, ...]
    pairs: tuple[PairVerdict, ...]
    num_people: int
    num_photos: int
    margin: float
    baselines: tuple[Baseline, ...] = ()

    @property
    def means_nothing(self) -> bool:
        """Whether no approach is shown to be better than guessing."""
        if not self.baselines:
            return False
        guessing = max(baseline.value for baseline in self.baselines)
        return all(score.interval.low <= guessing for score in self.scores)

    def gives_reasons(self, pair: PairVerdict) -> bool:
        """Whether reasons may be named for a pair: it is decided, by more than guesses."""
        return pair.is_decided and not self.means_nothing

    def with_attributes(self, scores: Sequence[tuple[AttributeScore, ...]]) -> Self:
        """Returns the verdict with the attributes of every pair, in the order of the pairs."""
        pairs = [
            pair
            if pair.statements is None
            else replace(pair, statements=replace(pair.statements, attributes=found))
            for pair, found in zip(self.pairs, scores, strict=True)
        ]
        return replace(self, pairs=tuple(pairs))

    @property
    def ranked(self) -> tuple[Score, ...]:
        """The scores, the best first."""
        return tuple(sorted(self.scores, key=lambda score: -score.interval.value))

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
        """Returns the fields `scores`, `baselines` and `pairs` of `verdict.json`."""
        guessing = {baseline.name: baseline.value for baseline in self.baselines}
        beside = {"baselines": guessing, "means_nothing": self.means_nothing} if guessing else {}
        return {
            "scores": {score.name: score.to_dict() for score in self.scores},
            **beside,
            "pairs": [pair.to_dict() for pair in self.pairs],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Returns the verdict of the content of `verdict.json`.

        Raises:
            AnalysisError: something is missing, or a verdict is not valid.
        """
        scores, pairs = need(data, "scores"), need(data, "pairs")
        return cls(
            scores=tuple(Score.from_dict(name, score) for name, score in scores.items()),
            pairs=tuple(PairVerdict.from_dict(pair) for pair in pairs),
            num_people=need(data, "people"),
            num_photos=need(data, "photos"),
            margin=need(data, "margin"),
            baselines=tuple(
                Baseline(name=name, value=value)
                for name, value in data.get("baselines", {}).items()
            ),
        )


def _need(data: Mapping[str, Any], key: str, old: str) -> float:
    """Returns a figure by its name, or by that of schema 1."""
    number: float = data[old] if old in data else need(data, key)
    return number


def _interval(data: Mapping[str, Any] | None) -> Interval | None:
    return None if data is None else Interval.from_dict(data)


def _figures(data: Mapping[str, Any] | None) -> PairFigures | None:
    return None if data is None else PairFigures.from_dict(data)
