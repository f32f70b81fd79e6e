"""What to use after a verdict, and what would decide what it left open."""

from collections.abc import Mapping
from dataclasses import dataclass

from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.rules import (
    Outcome,
)

ACCEPT_LOSS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an approach costs; None where it was not measured.

    Attributes:
        serve_ms: milliseconds to serve one photo.
        device_seconds: of its search and refit.
    """

    serve_ms: float | None = None
    device_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What would decide a pair, were the difference found the true one.

    Attributes:
        pair: of approaches, the leader first.
        people: that are enough with the seeds there are; None where no number within reason is.
        seeds: that are enough with these people.
        minutes: of wall-clock time, to train these seeds on the machine of the run.
        command: that trains them; empty where there is none.
        together: whether it takes people and seeds both.
    """

    pair: tuple[str, str]
    people: int | None = None
    seeds: int | None = None
    minutes: float | None = None
    command: str = ""
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Which approach to use, and why.

    Attributes:
        leader: the approach with the highest score.
        use: the cheapest to serve of those that are proven to be at most `accept_loss` worse than
            the leader; the leader itself where no other is.
        loss: how much worse it can be; 0 of the leader.
        accept_loss: macro-F1 that the user would give for a cheaper approach.
        most_accurate: an approach, or "ensemble".
        score: macro-F1 of the most accurate.
        next_step: what would decide the open pair of the leader; None where none is open.
    """

    leader: str
    use: str
    loss: float
    accept_loss: float
    most_accurate: str
    score: float
    next_step: NextStep | None = None


def recommend(
    verdict: Verdict,
    prices: Mapping[str, Price],
    *,
    accept_loss: float = ACCEPT_LOSS,
    ensemble: float | None = None,
    next_step: NextStep | None = None,
) -> Recommendation:
    """Returns what to use.

    Args:
        verdict: with the bounds of every pair.
        prices: of the approaches. The one that serves a photo in less time is cheaper; of equals,
            or where that is not known of both, the one that took less device time.
        accept_loss: macro-F1 that may be lost, >= 0.
        ensemble: its score; None where there is none.
        next_step: what would decide the open pair of the leader.
    """
    leader = verdict.ranked[0]
    losses = {leader.name: 0.0}
    for score in verdict.ranked[1:]:
        loss = _loss(verdict.pair(leader.name, score.name), score.name)
        if loss is not None and loss <= accept_loss:
            losses[score.name] = max(0.0, loss)
    use = min(losses, key=lambda name: (*_order(prices, name, losses), list(losses).index(name)))
    better = ensemble is not None and ensemble > leader.interval.value
    return Recommendation(
        leader=leader.name,
        use=use,
        loss=losses[use],
        accept_loss=accept_loss,
        most_accurate="ensemble" if better else leader.name,
        score=ensemble if ensemble is not None and better else leader.interval.value,
        next_step=next_step,
    )


def open_pair(verdict: Verdict) -> PairVerdict | None:
    """Returns the pair that keeps the leader from winning; first what more data would decide.

    Of those the nearest rival's.
    """
    leader, *others = verdict.ranked
    pairs = [verdict.pair(leader.name, other.name) for other in others]
    undecided = [pair for pair in pairs if pair.outcome is Outcome.UNDECIDED]
    planned = (pair for pair in undecided if pair.would_decide is not None)
    return next(planned, undecided[0] if undecided else None)


def next_step(verdict: Verdict) -> NextStep | None:
    """Returns what would decide the open pair of the leader, without a command."""
    pair = open_pair(verdict)
    if pair is None or pair.would_decide is None:
        return None
    found, leader = pair.would_decide, pair.leader_first()
    return NextStep(
        pair=(leader.a, leader.b),
        people=found.people,
        seeds=found.seeds,
        together=found.together,
    )


def _loss(pair: PairVerdict, name: str) -> float | None:
    """Returns by how much an approach is worse than the other of its pair at most."""
    bound = None if pair.statements is None else pair.statements.bound
    if bound is None:
        return None
    return bound.worse if pair.a == name else bound.better


def _order(
    prices: Mapping[str, Price], name: str, rivals: Mapping[str, float]
) -> tuple[float, float]:
    """Returns the costs to sort by; one that is not known of all rivals tells nothing."""
    known = [prices.get(rival, Price()) for rival in rivals]
    own = prices.get(name, Price())
    serve = all(price.serve_ms is not None for price in known)
    device = all(price.device_seconds is not None for price in known)
    return (own.serve_ms or 0.0) if serve else 0.0, (own.device_seconds or 0.0) if device else 0.0
