"""How the search of a space ended."""

from dataclasses import dataclass

from search.analysis.uncertainty.interval import Interval
from search.store.records import DEFAULT_NUMBER, Cause, State, TrialRecord, best_record


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondScores:
    """What a chosen config scores in a training that other people validate.

    Attributes:
        value: macro-F1 of the chosen config.
        default_config: that of the default config.
        people: who validated.
    """

    value: float
    default_config: float
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceResult:
    """The end of one space's search.

    Attributes:
        name: of the space.
        records: its trials.
        best: the trial that was chosen, not always that of the highest score; None where none is.
        interval: its score with its interval.
        second: its score on a second fold; None where there was no time for one, or no need.
    """

    name: str
    records: tuple[TrialRecord, ...]
    best: TrialRecord | None
    interval: Interval | None
    second: SecondScores | None = None

    @property
    def passed_over(self) -> str:
        """Which trial scored higher than the chosen one, and why it was not taken; else empty."""
        leader, best = best_record(self.records), self.best
        if leader is None or best is None or (leader.objective or 0.0) <= (best.objective or 0.0):
            return ""
        why = (
            "its lead over the default config may be the luck of the people who validate"
            if best.number == DEFAULT_NUMBER
            else "the chosen one leads the default config more surely"
        )
        return f"trial {leader.number} scored {leader.objective:.4f}, but {why}"

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by how they ended."""
        states = [(record.state, record.cause) for record in self.records]
        return {
            "complete": states.count((State.COMPLETE, Cause.NONE)),
            "stopped early": sum(state is State.PRUNED for state, _ in states),
            "cut off by the budget": sum(cause is Cause.BUDGET for _, cause in states),
            "out of memory": sum(cause is Cause.OUT_OF_MEMORY for _, cause in states),
            "failed": sum(s is State.FAIL and c is not Cause.BUDGET for s, c in states),
        }
