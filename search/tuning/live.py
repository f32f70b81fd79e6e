"""A trial that a worker holds: what it has cost, and when it last made a step."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from search.ending.faults import FaultError
from search.store.heartbeat import Pulse
from search.store.records import PRECISION, Cause, TrialRecord
from search.tuning.fair_share import Usage
from search.tuning.journal import Asked

_SAME_FAILURES = 5
_BREAKS = (Cause.ERROR, Cause.WORKER_DIED)


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
        seconds: wall-clock seconds, likewise; an earlier start may have held another share.
        pulse: of its worker.
        worker: when the worker began the trial: another one after a worker was lost.
        before: device seconds and seconds before that worker began.
        num_threads: of that worker, as it is noted.
    """

    asked: Asked
    started: float
    device_seconds: float
    seconds: float
    pulse: Pulse | None = None
    worker: float | None = None
    before: tuple[float, float] = (0.0, 0.0)
    num_threads: int = 0

    def spend(self, result: Mapping[str, Any], share: float) -> None:
        """Takes over what the trial has cost up to a result."""
        if "seconds" not in result:
            return
        if result["started"] != self.worker:
            self.before = self.device_seconds, self.seconds
            self.worker = result["started"]
        self.device_seconds = self.before[0] + float(result["seconds"]) * share
        self.seconds = self.before[1] + float(result["seconds"])

    @property
    def going_on(self) -> Asked:
        """The trial as another worker is to go on with it."""
        return replace(self.asked, device_seconds=self.device_seconds, seconds=self.seconds)

    def news(self, result: Mapping[str, Any]) -> dict[str, float | str]:
        """Returns what the record lacks of a result: its gap, and precision and threads once.

        A trial that is handed out again goes on in the precision that was chosen for it.
        """
        found: dict[str, float | str] = {}
        if (gap := result.get("gap")) is not None:
            found["gap"] = float(gap)
        if (threads := int(result.get("num_threads", 0))) != self.num_threads:
            found["num_threads"] = self.num_threads = threads
        chosen = str(result.get("precision", ""))
        if chosen and self.asked.config.get(PRECISION) != chosen:
            found["precision"] = chosen
            self.asked = replace(self.asked, config={**self.asked.config, PRECISION: chosen})
        return found

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


class SameFailures:
    """So many trials that break in the same way, and none that does not, are a broken setup.

    Args:
        past: trials of earlier starts; a resumed run may break as all of them did.
    """

    def __init__(self, past: Iterable[TrialRecord] = ()) -> None:
        ended = [record for record in past if record.is_finished]
        self._before = len(ended)
        self._has_worked = any(record.cause not in _BREAKS for record in ended)
        self._kinds: list[str] = []

    def are_all(self, kind: str, ended: int) -> bool:
        """Returns whether all trials that ended, this one too, broke in the same way.

        Args:
            kind: of this failure; the texts of one kind may differ in a path or a number.
            ended: trials that ended, with those of earlier starts.
        """
        self._kinds.append(kind)
        now = ended - self._before
        is_same = len(self._kinds) == now >= _SAME_FAILURES and len(set(self._kinds)) == 1
        return is_same and not self._has_worked


def usage_of(
    finished: Mapping[str, Sequence[float]],
    live: Collection[Live],
    waiting: Collection[Asked],
    now: float,
    share: float,
) -> dict[str, Usage]:
    """Returns what every space has used up to now.

    Args:
        finished: device seconds of its ended trials, by space.
        live: trials with a worker.
        waiting: trials that were with one and will be again.
        now: on the clock of `live`.
        share: of a device that a trial holds.
    """
    found = {}
    for name, seconds in finished.items():
        own = [entry for entry in live if entry.asked.space == name]
        found[name] = Usage(
            finished=sum(seconds),
            live=sum(e.asked.device_seconds + (now - e.started) * share for e in own)
            + sum(asked.device_seconds for asked in waiting if asked.space == name),
            num_live=len(own),
            num_finished=len(seconds),
        )
    return found
