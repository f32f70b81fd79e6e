"""What asks a command to end: Ctrl-C, SIGTERM, SIGHUP, or a cluster whose head is gone.

It ends with exit code 130 within seconds, wherever it is: what is under way is left, drafts are
removed, and a line says how to go on. The search alone ends its trials first.
"""

import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from search.ending.streams import flush, show_cursor

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a command to end."""
# From the signal to the end of the process, whatever else still hangs.
_GRACE_S = 11.0
_GRACE_OF_A_LOST_CLUSTER_S = 6.0
_CLEARING_S = 2.0
# What a pipe brings beside the numbers of signals.
_LOOK_AGAIN, _OVER = 254, 255
NOTHING_BEGUN = "Nothing is left half-written; give the same command again."


class Deadline:
    """Ends the process at a time, whatever the main thread is in.

    Its thread runs before it is needed: a handler of signals may not start one, as the main thread
    may hold the lock of starting threads just then. Signals reach it as bytes, through Python's
    wake-up descriptor, so that it hears of them while the main thread is in somebody's C code,
    where no handler runs.

    Args:
        reached: called in the thread when the time has come.
    """

    def __init__(self, reached: Callable[[], object]) -> None:
        self._reached = reached
        self._times: list[float] = []
        self._writer = -1

    @property
    def at(self) -> float:
        """The earliest time that was set, in seconds of the monotonic clock; else infinite."""
        return min(self._times, default=math.inf)

    def sooner(self, seconds: float) -> None:
        """Ends the process in that time, where it does not end earlier."""
        self._times.append(time.monotonic() + seconds)
        self._send(_LOOK_AGAIN)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ends the process from within the block; for the main thread."""
        reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        thread = threading.Thread(
            target=self._watch, args=(reader,), name="headrace-deadline", daemon=True
        )
        thread.start()
        before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            self._send(_OVER)
            thread.join()
            for end in (reader, self._writer):
                os.close(end)
            self._writer = -1

    def _send(self, byte: int) -> None:
        if self._writer >= 0:
            with suppress(BlockingIOError):  # so much is waiting that the thread looks anyway
                os.write(self._writer, bytes([byte]))

    def _watch(self, reader: int) -> None:
        while True:
            left = None if self.at == math.inf else max(self.at - time.monotonic(), 0.0)
            if not select.select([reader], [], [], left)[0]:
                self._reached()
                return
            received = os.read(reader, 4096)
            if _OVER in received:
                return
            if any(number in received for number in SIGNALS):
                self._times.append(time.monotonic() + _GRACE_S)


class Ending:
    """How the command at work ends when it is asked to.

    Args:
        leave: ends the process at once, with an exit code; None is `exit_at_once`.
    """

    def __init__(self, leave: Callable[[int], object] | None = None) -> None:
        self.advice = NOTHING_BEGUN
        """How to go on, as a sentence."""
        self.is_resumable = False
        """Whether a run has begun, which goes on where it ends."""
        self.lost = ""
        """What was lost, where not a person asks; else empty."""
        self._leave = leave or exit_at_once
        self._gently: Callable[[], None] | None = None
        self._has_come = False
        self._has_raised = False
        self._clearing: list[Callable[[], object]] = []
        self.deadline = Deadline(self._give_up)
        """When the process is left, whatever still hangs."""

    @property
    def is_asked(self) -> bool:
        """Whether a signal or a loss has asked for the end."""
        return self.deadline.at < math.inf

    def resume_by(self, command: str) -> None:
        """Notes the command that goes on with what is done from now on."""
        self.advice, self.is_resumable = f"Nothing is lost; go on with: {command}", True
        tell_guardian(advice=self.advice)

    @contextmanager
    def gently(self, stop: Callable[[], None]) -> Iterator[None]:
        """Calls `stop` within the block instead of raising KeyboardInterrupt."""
        self._gently = stop
        try:
            yield
        finally:
            self._gently = None

    @contextmanager
    def clearing(self, clear: Callable[[], object]) -> Iterator[None]:
        """Calls `clear` where the process has to be left within the block, its cluster lost."""
        self._clearing.append(clear)
        try:
            yield
        finally:
            self._clearing.remove(clear)

    def on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ends the command; a second signal changes nothing.

        Raises:
            KeyboardInterrupt: nothing else was asked for.
        """
        is_first, self._has_come = not self._has_come, True
        if is_first:
            self.deadline.sooner(_GRACE_S)
        if self._gently is not None and not self.lost:
            if is_first:
                self._gently()
        elif not self._has_raised:
            self._has_raised = True
            raise KeyboardInterrupt

    def lose(self, what: str) -> None:
        """Ends the command, from another thread: what it needs is gone."""
        if self.lost:
            return
        # A signal to the whole process group ends the cluster, too: that is no loss.
        self.lost = "interrupted" if self.is_asked else what
        self.deadline.sooner(_GRACE_OF_A_LOST_CLUSTER_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def tell(self) -> None:
        """Says that the command was ended, and how to go on."""
        with suppress(OSError):
            sys.stderr.write(f"{self._line}\n")
        flush()

    def close(self) -> None:
        """After a loss ends the process, as Ray would wait for its head."""
        if self.lost:
            self._leave(INTERRUPTED)

    @property
    def _line(self) -> str:
        return f"headrace: {self.lost or 'interrupted'}. {self.advice}"

    def _give_up(self) -> None:
        with suppress(OSError):
            # Past Python's buffers, which the thread that hangs may hold.
            os.write(sys.stderr.fileno(), f"{self._line}\n".encode())
        if self.lost:
            # In a thread, as this may hang, too; what it does not get done, the next start will.
            # Without a loss Ray would see its processes end, and this one with another exit code.
            clearing = threading.Thread(target=self._clear, daemon=True)
            clearing.start()
            clearing.join(_CLEARING_S)
        self._leave(INTERRUPTED)

    def _clear(self) -> None:
        for clear in list(self._clearing):
            clear()


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code.

    At once after an interruption, and where a guardian has it: what libraries do at the end of a
    process may hang. Otherwise a signal that comes meanwhile leaves it at once, and with that
    code: the command is over.
    """
    flush()
    show_cursor()
    if code == INTERRUPTED or _guardian:
        exit_at_once(code)
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, lambda *_: os._exit(code))
    sys.exit(code)


def exit_at_once(code: int) -> NoReturn:
    """Ends the process, whatever its other threads do, with an exit code."""
    show_cursor()
    tell_guardian(code=code)
    os._exit(code)


_guardian: list[int] = []


def set_guardian(pipe: int) -> None:
    """Lets this process tell a guardian, through its pipe, how the command goes on and ends."""
    _guardian.append(pipe)


def tell_guardian(**said: object) -> None:
    """Tells the guardian of this process, where it has one: `key=value` and a zero byte each."""
    told = "".join(f"{key}={value}\0" for key, value in said.items())
    for pipe in _guardian:
        with suppress(OSError):
            os.write(pipe, told.encode(errors="surrogateescape"))


_under_way: list[Ending] = []


def under_way() -> Ending:
    """Returns the ending of the command at work; one that hears of nothing where there is none."""
    return _under_way[-1] if _under_way else Ending()


@contextmanager
def ending_on_signals() -> Iterator[Ending]:
    """Lets signals end the block; one that the process was started to ignore stays ignored."""
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _under_way.append(ending)
    try:
        with ending.deadline.watching(), kept():
            for number, handler in before.items():
                if handler not in (signal.SIG_IGN, None):
                    signal.signal(number, ending.on_signal)
            yield ending
    finally:
        _under_way.pop()
        ending.close()


@contextmanager
def kept() -> Iterator[None]:
    """Puts the handlers of before back after a block that may install its own, as Ray does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
