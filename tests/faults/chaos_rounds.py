"""Rounds of chaos on one run: one kill each, and what came of it.

A round ends when the run has shown that it goes on: at the next kill, or at its end.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.chaos_checks import Finished, incomplete
from tests.faults.chaos_run import (
    LOOK_S,
    ChaosRun,
    Kind,
    Process,
    Stage,
    orphans_in_shared_memory,
    shared_memory,
)

CLEAN_S = 5.0
INTERRUPTED, NOT_BEGUN = 130, 2
_ENDING = {
    Kind.DRIVER: {-9},
    Kind.TERM: {INTERRUPTED},
    Kind.HANGUP: {INTERRUPTED},
    Kind.GROUP: {INTERRUPTED},
    Kind.RAYLET: {INTERRUPTED},
    Kind.GCS: {INTERRUPTED},
}
"""Kills that end a run, and how; after the others it goes on by itself."""
_OF_RAY = (Kind.RAYLET, Kind.GCS)
_SEEN_BY_A_PERSON = ("Traceback (most recent call last)", "*** SIG", "Check failed", "Aborted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill, as it was drawn.

    Attributes:
        number: of the round.
        kind: what is killed.
        stage: in which.
        part: of what the stage has to train, after which; 0 is its begin.
        delay_s: how long after that.
        pick: which of several workers, in [0, 1).
    """

    number: int
    kind: Kind
    stage: Stage
    part: float = 0.0
    delay_s: float
    pick: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long something may take, in seconds; without end in tests.

    Attributes:
        end: from a kill that ends a run to its end.
        start: the same, where a process of Ray is killed while Ray starts, which waits for it.
        go_on: until a run reaches the next stage or its end.
    """

    end: float = math.inf
    start: float = math.inf
    go_on: float = math.inf


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a kill.

    Attributes:
        kill: that it came of.
        at: stage that the run was at.
        code: exit code of the run; None where it went on.
        end_s: seconds until it ended.
        hung: whether it had to be ended.
        restarted: whether it was resumed.
        seconds: of the whole round.
        lost, doubled, refused, tracebacks: what was seen of each.
        left: processes and files of the run, 5 s after its end.
        stayed: those of them that the next start did not clear away.
        incomplete: what a run that came to its end lacks.
        finished: whether it came to its end.
    """

    kill: Kill
    at: Stage
    code: int | None = None
    end_s: float | None = None
    hung: bool = False
    restarted: bool = False
    finished: bool = False
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    @property
    def has_wrong_code(self) -> bool:
        """Whether it ended with another code than it should; one that was at its end may."""
        wanted = _ENDING.get(self.kill.kind, {None})
        if self.at is Stage.START and self.kill.kind in _OF_RAY:
            wanted = wanted | {NOT_BEGUN}
        return not self.hung and self.code not in (wanted | {0} if self.finished else wanted)

    @property
    def is_wrong(self) -> bool:
        """Whether anything came of it that must not."""
        found = (self.lost, self.doubled, self.refused, self.tracebacks, self.stayed)
        return self.hung or self.has_wrong_code or any(found) or bool(self.incomplete)


class Rounds:
    """Plays kills on one run.

    Args:
        run: that is killed.
        bounds: after which something counts as hung.
        is_over: whether the time for rounds is over; the run is then left as it is.
    """

    def __init__(
        self,
        run: ChaosRun,
        bounds: Bounds,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._run = run
        self._bounds = bounds
        self.kill_node: Callable[[], bool] = lambda: False
        """Kills a node of the run's cluster and adds another."""
        self._is_over = is_over
        self._known = Finished.of(run.root)
        self._last: Outcome | None = None
        self._began = time.monotonic()
        self._shared: set[str] = set()
        self._left: tuple[set[Process], set[str]] = (set(), set())
        self.too_late: Kill | None = None
        """That found the run at its end."""
        self.wrong: list[str] = []
        """What is wrong with a run that no kill came before."""

    def play(self, kills: Sequence[Kill]) -> Iterator[Outcome]:
        """Yields the outcome of every kill, until the run has come to its end."""
        self._start()
        for kill in kills:
            if not self._reach(kill):
                self.too_late = None if self._is_left else kill
                break
            if self._last is not None:
                yield self._settle()
            if not self._strike(kill):
                break
        if not self._is_left:
            self._go_to_the_end()
        if self._last is not None:
            yield self._settle()

    @property
    def _is_left(self) -> bool:
        """Whether the time is over and the run has gone on after the last kill."""
        return self._is_over() and self._run.code is None and self._run.stage() > Stage.START

    def _start(self) -> None:
        self._shared = shared_memory()
        self._run.start()

    def _reach(self, kill: Kill) -> bool:
        """Waits for the moment of a kill; returns whether the run is still at work then."""
        run = self._run
        if not self._wait(lambda: run.stage() >= kill.stage):
            return False
        done = run.progress(kill.stage)
        wanted = done + kill.part * (1 - done)
        if not self._wait(lambda: run.stage() > kill.stage or run.progress(kill.stage) >= wanted):
            return False
        until = time.monotonic() + kill.delay_s
        return self._wait(lambda: time.monotonic() >= until)

    def _wait(self, is_there: Callable[[], bool]) -> bool:
        """Waits; returns whether it came before the run was at its end.

        A run that ends before it should is resumed, twice at most.
        """
        refused = 0
        until = time.monotonic() + self._bounds.go_on
        while not is_there():
            time.sleep(LOOK_S)
            self._run.look()
            if self._is_left:
                return False
            if time.monotonic() > until:
                self._give_up()
                return False
            if self._run.code is not None:
                if self._run.code == 0 or refused == 2 or self._last is None:
                    return False
                refused += self._last.restarted
                self._go_on_after(self._last)
        return True

    def _go_on_after(self, last: Outcome) -> None:
        """Notes a run that ended between two kills, and resumes it."""
        self._check()
        if last.restarted:
            last.refused.append(f"start {self._run.starts}: exit code {self._run.code}")
        else:
            last.code = self._run.code
        last.left = self._note_leftovers()
        last.restarted = True
        self._start()

    def _give_up(self) -> None:
        if self._last is not None:
            self._last.hung = True
        self._run.close()

    def _strike(self, kill: Kill) -> bool:
        """Kills; returns whether the run is to be killed further."""
        run = self._run
        self._check()
        if not self._wait(lambda: self._is_struck(kill)):
            return False
        self._last = Outcome(kill=kill, at=run.stage())
        if kill.kind not in _ENDING:
            return True
        starts = self._last.at is Stage.START and kill.kind in _OF_RAY
        struck, bound = time.monotonic(), self._bounds.start if starts else self._bounds.end
        while run.code is None and time.monotonic() - struck < bound:
            time.sleep(LOOK_S)
        self._last.end_s = time.monotonic() - struck
        self._last.hung = run.code is None
        if self._last.hung:
            run.close()
        self._last.code = run.code
        self._last.left = self._note_leftovers()
        self._check()
        if run.code == 0:
            return False
        self._last.restarted = True
        self._start()
        return True

    def _is_struck(self, kill: Kill) -> bool:
        if kill.kind is Kind.NODE:
            return self.kill_node()
        return self._run.kill(kill.kind, kill.pick)

    def _note_leftovers(self) -> list[str]:
        """Returns what is left of a run that has ended, a while later."""
        until = time.monotonic() + CLEAN_S
        while (left := self._leftovers()) and time.monotonic() < until:
            time.sleep(LOOK_S)
        self._left = set(self._run.living()), self._run.left_in_temporary()
        return left

    def _leftovers(self) -> list[str]:
        run = self._run
        processes = [f"process {p.number}: {p.command[:150]}" for p in run.living()]
        shared = [f"/dev/shm/{name}" for name in orphans_in_shared_memory(self._shared)]
        return [*processes, *sorted(run.left_in_temporary()), *shared]

    def _go_to_the_end(self) -> None:
        self._wait(lambda: False)
        if self._run.code is None:
            return
        if self._run.code == 0:
            wrong = incomplete(self._run)
            wrong += [f"left after the end: {each}" for each in self._note_leftovers()]
        else:
            wrong = [f"the run ended with {self._run.code}"]
        if self._last is None:
            self.wrong = wrong
        else:
            self._last.finished, self._last.incomplete = self._run.code == 0, wrong

    def _settle(self) -> Outcome:
        """Returns the last outcome, whose run has gone on since."""
        last = self._last
        assert last is not None
        self._check()
        # A start clears away what the last has left when it starts Ray.
        if last.restarted and self._run.stage() > Stage.START:
            processes, files = self._left
            last.stayed += [f"process {p.number}: {p.command}" for p in processes if p.is_alive]
            last.stayed += sorted(files & self._run.left_in_temporary())
        last.seconds = time.monotonic() - self._began
        self._began, self._last = time.monotonic(), None
        return last

    def _check(self) -> None:
        """Holds what is finished now against what was, and looks at what a person sees."""
        now, last = Finished.of(self._run.root), self._last
        if last is not None:
            said = self._run.said
            signs = [f"start {self._run.starts}: {s}" for s in _SEEN_BY_A_PERSON if s in said]
            for found, more in (
                (last.lost, self._known.lost(now)),
                (last.doubled, self._known.doubled(now)),
                (last.tracebacks, signs),
            ):
                found += [each for each in more if each not in found]
        self._known = now
