"""Records as a study would hold them, for tests that need no study."""

from collections.abc import Mapping
from typing import Any

from search.store.records import Cause, State, TrialRecord


def made_record(
    number: int = 0, values: Mapping[int, float] | None = None, **changes: Any
) -> TrialRecord:
    """Returns a complete trial of the space gender; its objective is its last value."""
    values = {1: 0.25, 2: 0.5} if values is None else values
    state = changes.get("state", State.COMPLETE)
    told = state in (State.COMPLETE, State.PRUNED) and bool(values)
    options: dict[str, Any] = {
        "space": "gender",
        "number": number,
        "state": state,
        "cause": Cause.NONE,
        "objective": values[max(values)] if told else None,
        "values": dict(values),
        "params": {"optim.lr": 0.01},
        "config": {"optim.lr": 0.01, "schedule.epochs": 3},
        "seed": 7,
        "seconds": 2.0,
        "device_seconds": 1.0,
        "started": 100.0,
        "gap": None,
        "error": "",
    }
    return TrialRecord(**{**options, **changes})
