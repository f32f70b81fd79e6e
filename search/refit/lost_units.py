"""How the units of a refit end, and which of those that ended before their time begin again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.ending.faults import Fault, FaultCount, FaultError
from search.refit.retries import Retries, note_deaths
from search.refit.units import Unit

_GIVEN_UP = "it lost three workers in this start and in one before; --resume tries again"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnd:
    """How a unit ended: its seconds, or what broke it."""

    unit: Unit
    seconds: float
    error: str = ""
    node: str = ""
    """That it was on; empty for one that was finished before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A unit that ended before its time, through no error of its own.

    Attributes:
        unit: that ended.
        error: what was seen of it.
        node: that it was on; empty where it had not begun.
        after_s: seconds since it was started.
        silent_s: seconds without a step for which it was ended; 0 where its worker died.
        fault: what the machine did, where that is known.
    """

    unit: Unit
    error: str
    node: str
    after_s: float
    silent_s: float = 0.0
    has_begun: bool = True
    """Whether it had made a step."""
    is_broken: bool = False
    """Whether it left its worker with a GPU that answers nothing any more."""
    fault: FaultError | None = None


class Losses:
    """Decides what becomes of units that ended before their time, and tells of it."""

    def __init__(
        self,
        is_alive: Callable[[str], bool],
        folder: Path,
        tell: Callable[[str], None],
        host: Callable[[str], str] = lambda _: "",
        leave: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._retries, self._faults = Retries(is_alive), FaultCount(leave)
        self._host = host
        self._folder = folder
        self._tell = tell
        self._died: list[str] = []

    def begins_again(self, lost: Lost) -> bool:
        """Returns whether a unit begins again, and says so; raises as `run_units`."""
        name, after = lost.unit.name, f"{lost.after_s:.0f} s lost"
        if lost.silent_s:
            self._retries.after_silence(name, lost.silent_s, has_begun=lost.has_begun)
            minutes = f"{lost.silent_s / 60:.0f} minutes"
            self._tell(f"{name} made no step for {minutes} and begins again, {after}")
        elif lost.fault is not None:
            fault = lost.fault.on(self._host(lost.node))
            if self._faults.leaves(fault.kind, lost.node):
                self._tell(f"{name} begins again, {after}: {fault.left_alone()}")
                return True
            is_end = self._faults.are_enough(name)
            # A network may be too large for the machine, and every start would end with it.
            is_memory = fault.kind is Fault.MEMORY and self._faults.is_its_own(name)
            if is_memory and note_deaths(self._mark(lost.unit)):
                self._faults.clear()
                return False
            if is_end:
                raise fault
            self._tell(f"{name} begins again, {after}: {fault}")
        elif lost.is_broken:
            self._tell(f"{name} begins again in another worker, {after}: {lost.error}")
        elif self._retries.after_death(name, lost.node, lost.error):
            self._tell(f"the worker of {name} was lost and the unit begins again, {after}")
        else:
            return False
        return True

    def end(self, lost: Lost) -> UnitEnd:
        """Returns the end of a unit whose workers die; FaultError where those of others do, too.

        Where it is the first start in which they die, `check` will raise, and the next start
        tries the unit again.
        """
        name = lost.unit.name
        if not note_deaths(self._mark(lost.unit)):
            self._died.append(name)
        if self._faults.are_enough(name):
            raise FaultError(Fault.WORKER, f"of {name}")
        return UnitEnd(unit=lost.unit, seconds=0.0, error=f"{_GIVEN_UP}\n{lost.error}")

    def forget(self, ended: UnitEnd) -> None:
        """Notes that a unit ended by itself."""
        self._faults.clear(ended.node)
        self._mark(ended.unit).unlink(missing_ok=True)

    def check(self) -> None:
        """Raises FaultError where the workers of a unit died that the next start tries again."""
        if self._died:
            raise FaultError(Fault.WORKER, f"of {', '.join(self._died)}")

    def _mark(self, unit: Unit) -> Path:
        return self._folder / "parts" / f"{unit.name}.died"
