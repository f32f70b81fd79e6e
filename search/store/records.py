"""TrialRecord: a finished or running trial as plain frozen data, cut off from Optuna."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trainables.blocks import FlatValue, read_flat
from trainables.data.bounded_files import load_json

WORST_VALUE = 0.0
"""What a trial is told that ran out of memory at the smallest batch."""
PRECISION = "numerics.precision"
CUT_OFF = "cut_off"
"""Attribute of a trial that the budget cut off, and that is still to be run."""
"""Of a config: what a worker chose for it by measurement, told with its first epoch."""
EPOCHS = "schedule.epochs"
"""Of a config: the length of its schedule, which a refit that lacks the time shortens."""
DEFAULT_NUMBER = 0
"""Number of the trial of every study that has the default config."""

_LATE_EPOCHS = 3


class State(StrEnum):
    """Why a trial is where it is; the names are Optuna's."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"
    WAITING = "WAITING"


class Cause(StrEnum):
    """Why a trial ended other than by its last epoch or by the scheduler."""

    NONE = ""
    BUDGET = "budget"
    ERROR = "error"
    NOT_FINITE = "not_finite"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial of a study.

    Attributes:
        space: name of the space.
        number: of the trial in its study, from 0.
        state: of the trial.
        cause: what ended a FAIL.
        objective: validation value of the last epoch for COMPLETE and PRUNED, else None.
        values: validation value of every reported epoch, by epoch (from 1).
        params: what the sampler chose.
        config: the complete config, by dotted names.
        seed: of the training.
        seconds: wall-clock seconds on a worker.
        device_seconds: those seconds times the share of the device held.
        started: seconds since the epoch when the search asked for the trial; 0 where unknown.
        gap: seconds between the end of the worker's trial before and this one's first batch, or
            None.
        error: text of what broke it; empty where nothing did.
        ended: seconds since the epoch when it was told how it ended; 0 where it was not.
        deaths: starts of the run in which every worker that it was given died.
        origin: where another run found its config; empty for all that this run found.
        went_on: when it was handed out again, in seconds since the epoch, and after how many of
            its own.
        num_threads: of its last worker; 0 where it was not noted.
    """

    space: str
    number: int
    state: State
    cause: Cause
    objective: float | None
    values: Mapping[int, float]
    params: Mapping[str, FlatValue]
    config: Mapping[str, FlatValue]
    seed: int
    seconds: float
    device_seconds: float
    started: float
    gap: float | None
    error: str
    ended: float = 0.0
    deaths: int = 0
    origin: str = ""
    went_on: tuple[tuple[float, float], ...] = ()
    num_threads: int = 0

    @property
    def epochs(self) -> int:
        """Number of epochs reported."""
        return max(self.values, default=0)

    @property
    def is_finished(self) -> bool:
        """Whether the trial is over."""
        return self.state in (State.COMPLETE, State.PRUNED, State.FAIL)

    @property
    def counts(self) -> bool:
        """Whether the trial uses up one of the user's trials: cut off by the budget does not."""
        return self.is_finished and self.cause is not Cause.BUDGET


@dataclass(slots=True, kw_only=True)
class StudyTrial:
    """A trial as Optuna's journal has it.

    Attributes:
        number: of the trial in its study.
        state: of the trial.
        started: seconds since the epoch; 0 where unknown.
        value: of the objective that it was told to end with, if it was.
        values: of every reported epoch.
        params: what the sampler chose.
        attributes: what headrace noted of it (Optuna's user attributes).
    """

    number: int
    state: State
    started: float = 0.0
    value: float | None = None
    values: dict[int, float] = field(default_factory=dict)
    params: dict[str, FlatValue] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def record_of(space: str, trial: StudyTrial, names: Sequence[str]) -> TrialRecord:
    """Returns a trial of a space's study as a record; `names` are those of all attributes.

    How a trial ended is what its state says: what a driver noted of its end and was killed before
    it told it is of no end. But one that is still to be run may have been cut off by the budget.
    """
    attributes = trial.attributes
    cause = cause_of(trial.state, attributes.get("cause", ""), trial.value)
    if trial.state is State.RUNNING and attributes.get(CUT_OFF):
        cause = Cause.BUDGET
    is_over = trial.state in (State.COMPLETE, State.PRUNED, State.FAIL)
    ordered = dict(sorted(trial.values.items()))
    objective = trial.value if trial.state is State.COMPLETE else None
    if trial.state is State.PRUNED and ordered:
        objective = ordered[max(ordered)]
    gap = attributes.get("gap")
    config = read_flat(load_json(attributes.get("config", "{}")), names)
    if precision := attributes.get("precision"):
        config[PRECISION] = str(precision)
    return TrialRecord(
        space=space,
        number=trial.number,
        state=trial.state,
        cause=cause,
        objective=objective,
        values=ordered,
        params=dict(trial.params),
        config=config,
        seed=int(attributes.get("seed", 0)),
        seconds=float(attributes.get("seconds", 0.0)),
        device_seconds=float(attributes.get("device_seconds", 0.0)),
        started=trial.started,
        gap=None if gap is None else float(gap),
        error=str(attributes.get("error", "")) if cause is not Cause.NONE else "",
        ended=float(attributes.get("ended", 0.0)) if is_over else 0.0,
        deaths=int(attributes.get("deaths", 0)),
        origin=str(attributes.get("origin", "")),
        went_on=tuple((float(at), float(done)) for at, done in attributes.get("went_on", ())),
        num_threads=int(attributes.get("num_threads", 0)),
    )


def seconds_under_way(records: Iterable[TrialRecord]) -> float:
    """Returns for how many wall-clock seconds any of the trials was under way.

    However many were at once, and on however many machines; a pause between two starts of the run
    is none of it.
    """
    return covered(span for record in records for span in _spans(record))


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Returns for how long any of some spans, each from its begin to its end, was under way."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _spans(record: TrialRecord) -> Iterator[tuple[float, float]]:
    """Yields begin and end of every stretch in which a trial was under way."""
    began, before = record.started, 0.0
    for at, seconds in record.went_on:
        yield began, began + seconds - before
        began, before = at, seconds
    last = record.seconds - before
    end = record.ended or began + last
    yield end - last, end


def cause_of(state: State, noted: str, value: float | None) -> Cause:
    """Returns what ended a trial, given what a driver noted of it before it told the state."""
    cause = Cause(noted)
    out_of_memory = cause is Cause.OUT_OF_MEMORY and value == WORST_VALUE
    has_cause = state is State.FAIL or (state is State.COMPLETE and out_of_memory)
    return cause if has_cause else Cause.NONE


def default_value(records: tuple[TrialRecord, ...]) -> float | None:
    """Returns the last validation value of trial 0, the default config; None where it has none."""
    first = next((record for record in records if record.number == DEFAULT_NUMBER), None)
    return first.values[first.epochs] if first is not None and first.values else None


def default_stop(records: Iterable[TrialRecord]) -> int | None:
    """Returns the epoch at which trial 0 stopped before the end of its schedule; None without.

    The end of the time cuts off the default config, too; its value is no match for full trainings.
    """
    first = next((record for record in records if record.number == DEFAULT_NUMBER), None)
    if first is None or not first.values:
        return None
    # One that the end of the time cut off stays to be run.
    stopped = first.state in (State.FAIL, State.PRUNED) or first.cause is Cause.BUDGET
    return first.epochs if stopped else None


def late_score(record: TrialRecord) -> float:
    """Returns the mean of the values of a trial's last epochs: less a matter of luck than one."""
    last = list(record.values.values())[-_LATE_EPOCHS:]
    return sum(last) / len(last) if last else 0.0


def complete_records(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials that came to the end of their schedule."""
    return [r for r in records if r.state is State.COMPLETE and r.cause is Cause.NONE]


def best_record(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """Returns the complete trial with the largest objective (the earliest of equals), or None."""
    complete = complete_records(records)
    return max(complete, key=lambda r: (r.objective or 0.0, -r.number), default=None)
