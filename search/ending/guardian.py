"""A process that tells how to go on where no handler of the run's own could.

Native code may end a process without a word: Ray's, where its raylet was killed; a segmentation
fault; the kernel, where memory runs out. So the process that was started only waits for the one
that runs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from search.ending.signals import (
    INTERRUPTED,
    NOTHING_BEGUN,
    SIGNALS,
    set_guardian,
    tell_guardian,
)
from search.ending.streams import flush

_PR_SET_PDEATHSIG = 1


def guarded(command: Callable[[], int]) -> int:
    """Runs a command in a process of its own, and returns its exit code.

    Where that process ends without having said how, this one says how to go on. Both end together:
    signals are passed on, and a guardian that is killed takes it along. Only Linux can do that;
    elsewhere the command runs unguarded.
    """
    if sys.platform != "linux":
        return command()
    reader, writer = os.pipe()
    guardian = os.getpid()
    flush()
    with _signals_blocked():
        child = os.fork()
        if child:
            os.close(writer)
            _pass_on_to(child)
        else:
            os.close(reader)
            _end_with(guardian)
    if not child:
        set_guardian(writer)
        return _saying_its_code(command)
    # Its number is its own until it is waited for; after that nothing is passed on to it.
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    _pass_on_to(None)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, errors="surrogateescape", newline="") as pipe:
        said = dict(told.split("=", 1) for told in pipe.read().split("\0")[:-1])
    if "code" in said:
        return int(said["code"])
    how = os.waitstatus_to_exitcode(status)
    what = f"ended with code {how}" if how >= 0 else f"was ended by {signal.Signals(-how).name}"
    advice = said.get("advice", NOTHING_BEGUN)
    sys.stderr.write(f"headrace: the process of the run {what}, without a word. {advice}\n")
    return INTERRUPTED


def _saying_its_code(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as end:
        tell_guardian(code=end.code or 0 if isinstance(end.code, int | None) else 1)
        raise
    except BaseException:  # a defect: Python says it, and ends with this code
        tell_guardian(code=1)
        raise


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Keeps signals for the end of the block: in between, one would find nobody to pass it on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pass_on_to(child: int | None) -> None:
    """Passes signals on to a child; None to nobody."""

    def send(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        """Passes a signal on; one that is gone needs none."""
        with suppress(ProcessLookupError):
            if child is not None:
                os.kill(child, number)

    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, send)


def _end_with(guardian: int) -> None:
    """Lets the kernel kill this process where its guardian is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guardian:  # it was killed before that
        os._exit(INTERRUPTED)
