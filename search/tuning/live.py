"""A trial that a worker holds: what it has cost, and when it last made a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from search.ending.faults import FaultError
from search.store.heartbeat import Pulse
from search.store.records import TrialRecord
from search.tuning.journal import Asked


class Listener(Protocol):
    """Hears what happens to trials; the progress display is one."""

    def trial_started(self, asked: Asked) -> None:
        """A trial was handed to a worker."""
        ...

    def trial_reported(self, space: str, number: int, epoch: int, value: float) -> None:
        """A trial finished an epoch."""
        ...

    def trial_lost(self, asked: Asked, why: str) -> None:
        """A trial lost its worker and begins again where it was."""
        ...

    def trial_kept(self, asked: Asked, fault: FaultError) -> None:
        """The machine failed a trial, which stays to be run."""
        ...

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended."""
        ...


@dataclass(slots=True)
class Live:
    """A trial that was handed to a worker.

    Attributes:
        asked: the trial.
        started: when it was handed out, in seconds of the searcher's clock.
        device_seconds: up to the last result, with those of earlier starts and lost workers.
        before: device seconds before the worker began.
        pulse: of its worker.
        worker: when the worker began the trial: another one after a worker was lost.
    """

    asked: Asked
    started: float
    device_seconds: float
    before: float
    pulse: Pulse | None = None
    worker: float | None = None

    def spend(self, result: Mapping[str, Any], share: float) -> None:
        """Takes over what the trial has cost up to a result."""
        if "seconds" not in result:
            return
        if result["started"] != self.worker:
            self.before, self.worker = self.device_seconds, result["started"]
        self.device_seconds = self.before + float(result["seconds"]) * share

    def node(self) -> str:
        """Returns the node of the worker; empty where it has not begun."""
        if self.pulse is None:
            return ""
        self.pulse.silent_s()  # reads it
        return self.pulse.node

    @property
    def name(self) -> str:
        """What the trial is called in sentences."""
        return f"{self.asked.space} trial {self.asked.number}"
