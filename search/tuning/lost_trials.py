"""What becomes of a trial that its worker did not end: handed out again, kept, or given up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from search.ending.faults import Fault, FaultCount, FaultError, WorkerDeaths
from search.errors import StalledError
from search.refit.retries import Retries, is_silent
from search.tuning.live import Live

WORKER_DIED = "the worker process died"


class Fate(Enum):
    """What becomes of a lost trial."""

    BEGINS_AGAIN = auto()
    """Before all others."""
    WAITS = auto()
    """After those that wait already."""
    NEXT_START = auto()
    """It is tried again by the next start of the run, and only by that."""
    GIVEN_UP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How a trial was lost, and what becomes of it.

    Attributes:
        fate: of the trial.
        why: it begins again, in words; empty where the machine failed.
        fault: of the machine.
    """

    fate: Fate
    why: str = ""
    fault: FaultError | None = None


class LostTrials:
    """Decides what becomes of trials that ended before their time.

    Args:
        retries: decides which of them begin again after their worker was lost.
        host: returns what people call a node, given its name in Ray.
        leave: leaves a node alone (`FaultCount`).
        clock: seconds, rising.
    """

    def __init__(
        self,
        retries: Retries,
        host: Callable[[str], str],
        leave: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._retries = retries
        self._host = host
        self._clock = clock
        self._faults, self._deaths = FaultCount(leave), WorkerDeaths()
        self._silent: dict[str, float] = {}
        self.fault: FaultError | None = None
        """What the machine did again and again, which stops the search."""
        self.stalled = ""
        """Why the machines do not let the search go on; else empty."""

    def silent(self, live: Iterable[tuple[str, Live]]) -> Iterable[str]:
        """Yields trials that make no step, once each."""
        for trial_id, each in live:
            if each.pulse is None or trial_id in self._silent:
                continue
            silent_s = each.pulse.silent_s()
            if is_silent(silent_s, has_begun=each.pulse.has_begun):
                self._silent[trial_id] = silent_s
                yield trial_id

    def of(
        self, trial_id: str, live: Live, result: Mapping[str, Any], died: str | None
    ) -> Loss | None:
        """Returns how a trial was lost; None where it ended by itself.

        Args:
            trial_id: of Ray.
            live: the trial.
            result: the last one of its worker.
            died: what Ray says of the worker's death; None where it lives.
        """
        if silent_s := self._silent.pop(trial_id, 0.0):
            return self._silence(live, silent_s)
        if "fault" in result:
            return self._fault(live, FaultError(Fault(result["fault"]), str(result["error"])))
        if died is None:
            return None
        fault = self._deaths.fault(died)
        again = self._death(live, died) if fault is None else None
        return again or self._fault(live, fault or FaultError(Fault.WORKER, WORKER_DIED))

    def forget_faults(self, live: Live) -> None:
        """Notes that a trial ended well: the machines work."""
        self._faults.clear(live.node())

    def _silence(self, live: Live, silent_s: float) -> Loss:
        has_begun = live.pulse is not None and live.pulse.has_begun
        try:
            self._retries.after_silence(live.name, silent_s, has_begun=has_begun)
        except StalledError as error:
            self.stalled = str(error)
        why = f"no step for {silent_s / 60:.0f} minutes, begins again after {self._lost(live)}"
        return Loss(fate=Fate.BEGINS_AGAIN, why=why)

    def _death(self, live: Live, said: str) -> Loss | None:
        try:
            if not self._retries.after_death(live.name, live.node(), said):
                return None
        except StalledError as error:
            self.stalled = str(error)
        why = f"its worker was lost, begins again after {self._lost(live)}"
        return Loss(fate=Fate.BEGINS_AGAIN, why=why)

    def _lost(self, live: Live) -> str:
        return f"{self._clock() - live.started:.0f} s"

    def _fault(self, live: Live, fault: FaultError) -> Loss:
        """Returns what becomes of a trial for which the machine failed.

        It is tried again at once; where its workers died and nobody knows why, or ran out of
        memory three times, by the next start of the run: then it may be the config, after all.
        """
        node = live.node()
        fault = fault.on(self._host(node))
        if fault.kind is Fault.WORKER and live.asked.deaths:
            return Loss(fate=Fate.GIVEN_UP, fault=fault)  # its own fault, and no machine's
        if self._faults.leaves(fault.kind, node):
            return Loss(fate=Fate.WAITS, fault=fault.left_alone())
        is_end = self._faults.are_enough(live.name)
        is_memory = fault.kind is Fault.MEMORY and self._faults.is_its_own(live.name)
        if not (fault.kind is Fault.WORKER or is_memory):
            fate = Fate.WAITS
        elif live.asked.deaths:
            self._faults.clear()
            return Loss(fate=Fate.GIVEN_UP, fault=fault)
        else:
            fate = Fate.NEXT_START
        if is_end:
            self.fault = fault
        return Loss(fate=fate, fault=fault)
