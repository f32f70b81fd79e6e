"""What is said about a pair beside its verdict: probabilities, bounds, as deployed, attributes.

A statement about a pair (a, b) is one about a - b; every class here can be turned round.
"""

from dataclasses import dataclass, replace
from typing import Self

from search.analysis import wording
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA, Interval, least_reach


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScore:
    """Which approach gives the true joint class more probability: no word on which is better.

    Attributes:
        difference: of the mean logarithms of the true class's calibrated probability, in nats.
        p_adjusted: for the number of pairs (Shaffer).
        decided: whether that is below the 5 % that this question has of its own.
    """

    difference: Interval
    p_adjusted: float
    decided: bool

    def negated(self) -> Self:
        """Returns the same of b - a."""
        return replace(self, difference=self.difference.negated())

    def said(self, a: str, b: str) -> str:
        """Returns it in words."""
        if self.p_adjusted >= ALPHA:
            found = wording.estimate(self.difference)
            return (
                f"{wording.minus(a, b)}: no supported difference in probabilities ({found} nats)"
            )
        more, less, size = a, b, self.difference
        if size.value < 0:
            more, less, size = b, a, size.negated()
        # Of one seed nothing is decided, however small p is.
        here = "" if self.decided else " in this one training, which another may not"
        found = wording.estimate(size)
        return f"{more} gives the true class more probability than {less}{here} ({found} nats)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far the first can be behind the second, and how far ahead, of one another's macro-F1.

    One-sided, each at 0.05 over the number of pairs and of ends of the run; no nearer to the
    difference than people allow. A negative one says more: "at most 0.01 worse" less than nothing
    is a lead of 0.01.
    """

    worse: float
    better: float

    @classmethod
    def of(
        cls, estimate: PairEstimate, num_people: int, num_pairs: int, num_ends: int = 1
    ) -> Self:
        """Returns the bounds of one of `num_pairs` differences, told at so many ends of a run."""
        level = 1 - ALPHA / (num_pairs * num_ends)
        reach = max(estimate.reach_at(level), least_reach(num_people))
        # Scores lie in [0, 1]: they cannot differ by more than 1.
        worse, better = reach - estimate.difference, reach + estimate.difference
        return cls(worse=min(1.0, worse), better=min(1.0, better))

    def negated(self) -> Self:
        """Returns the same of b - a."""
        return replace(self, worse=self.better, better=self.worse)

    def said(self, a: str, b: str, winner: str | None = None) -> str:
        """Returns it in words, of a winner by how much at most; nothing where nothing is known."""
        if min(self.worse, self.better) >= 1:
            return ""
        if winner is not None:
            loser, lead = (b, self.better) if winner == a else (a, self.worse)
            return f"{winner} is at most {lead:.3f} better than {loser}"
        # One-sided, so it may hold where the two-sided verdict is not reached: no lead is told.
        if self.worse <= 0:
            return f"{a} is not worse than {b}, and at most {self.better:.3f} better"
        if self.better <= 0:
            return f"{a} is not better than {b}, and at most {self.worse:.3f} worse"
        return (
            f"{a} is at most {self.worse:.3f} worse than {b} and at most {self.better:.3f} better"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualNetworks:
    """The difference where both sides serve with about as many networks.

    Attributes:
        difference: of macro-F1 a - b; an estimate, no verdict.
        averaged: name of the side with fewer networks, whose seeds are averaged.
        seeds: that one average has.
        averages: how many there were, of different seeds.
    """

    difference: Interval
    averaged: str
    seeds: int
    averages: int

    def negated(self) -> Self:
        """Returns the same of b - a."""
        return replace(self, difference=self.difference.negated())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeScore:
    """The difference of an attribute's macro-F1 in a decided pair.

    Attributes:
        name: of the attribute.
        difference: with its own p.
        p_adjusted: for all reasons that are tested together (Holm).
    """

    name: str
    difference: Interval
    p_adjusted: float

    @property
    def supported(self) -> bool:
        """Whether the two differ in this attribute."""
        return self.p_adjusted < ALPHA

    def negated(self) -> Self:
        """Returns the same of b - a."""
        return replace(self, difference=self.difference.negated())


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatements:
    """What stands beside the verdict on a pair.

    Attributes:
        log_score: None without probabilities.
        bound: None with one seed, whose luck nobody knows.
        deployed: the difference of the predictions averaged over seeds, an estimate and no
            verdict; None where nothing is averaged.
        equal_networks: None where both sides serve with as many networks, or there are too few
            seeds to average.
        attributes: in schema order; empty where the pair is not decided or attributes are not
            known.
    """

    log_score: LogScore | None = None
    bound: Bound | None = None
    deployed: Interval | None = None
    equal_networks: EqualNetworks | None = None
    attributes: tuple[AttributeScore, ...] = ()

    def negated(self) -> Self:
        """Returns the statements on b - a."""
        return replace(
            self,
            log_score=self.log_score and self.log_score.negated(),
            bound=self.bound and self.bound.negated(),
            deployed=self.deployed and self.deployed.negated(),
            equal_networks=self.equal_networks and self.equal_networks.negated(),
            attributes=tuple(each.negated() for each in self.attributes),
        )

    def said(self, a: str, b: str, winner: str | None) -> tuple[str, ...]:
        """Returns in words what is said of probabilities and of bounds.

        Args:
            a: name of the first.
            b: name of the second.
            winner: of macro-F1, if there is one.
        """
        log_score = "" if self.log_score is None else self.log_score.said(a, b)
        bound = "" if self.bound is None else self.bound.said(a, b, winner)
        return tuple(text for text in (log_score, bound) if text)
