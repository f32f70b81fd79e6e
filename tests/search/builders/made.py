"""Records as a study would hold them and the config of a run, for tests that need neither."""

from collections.abc import Mapping
from typing import Any

from search.prepare.config import RunConfig
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


def made_config(data: str) -> RunConfig:
    """Returns the config of a run of three trials of the space gender."""
    return RunConfig(
        name="mine",
        spaces=("gender",),
        data=data,
        layout=None,
        people=300,
        budget_seconds=None,
        trials=3,
        max_epochs=None,
        seed=0,
        gpus_per_trial="auto",
        pretrained=None,
        weights_dir="",
        address="",
    )
