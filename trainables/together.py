"""Several trainings at once on one device, each in a process of its own, and how many pay.

The processes are started anew, not by `multiprocessing`: that would run the user's own program
again in each of them, and wait for ever for one that was killed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, TypeVar

import torch

PATIENCE_S = 240.0
"""For the answers of all trainings at once."""
_END_S = 10.0
_ENDED = "a process of {} trainings at once has ended without an answer"
_ONCE_MORE = 1.1
"""What one more training has to add, by the photos of fewer."""

_PROGRAM = """
import sys
from multiprocessing.connection import Connection
from trainables.together import answer_over
answer_over(Connection(int(sys.argv[1])))
"""

Given = TypeVar("Given")
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class _Broken:
    """What a training raised, in words: not every error can be sent."""

    text: str


def together(
    prepare: Callable[[Given], Callable[[], Told]],
    given: Given,
    number: int,
    patience_s: float = PATIENCE_S,
) -> list[Told]:
    """Returns what so many trainings at once tell.

    Args:
        prepare: a function of a module; what it returns is called once all are so far.
        given: to each of them.
        number: how many there are.
        patience_s: for all of them.

    Raises:
        TimeoutError: one does not answer in time.
        RuntimeError: one raised something, or its process has ended.
    """
    until = time.monotonic() + patience_s
    processes: list[subprocess.Popen[bytes]] = []
    lines: list[Connection] = []
    try:
        for _ in range(number):
            process, line = _started()
            processes.append(process)
            lines.append(line)
        answers(lines, until)  # whoever has begun reads on
        for say in ((prepare, given), None):
            for line in lines:
                line.send(say)
            told = answers(lines, until)
        return told
    except ConnectionError as error:
        raise RuntimeError(_ENDED.format(number)) from error
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):  # it hangs in the driver of its device
                process.wait(_END_S)
        for line in lines:
            line.close()


def _started() -> tuple["subprocess.Popen[bytes]", Connection]:
    """Returns a process that waits for what to train, and the line to it."""
    ours, theirs = Pipe()
    # As this process finds modules.
    paths = os.pathsep.join([*filter(None, sys.path), str(Path(__file__).resolve().parents[1])])
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        theirs.close()
    return process, ours


def answers(lines: Sequence[Connection], until: float) -> list[Any]:
    """Returns an answer of each line.

    Args:
        lines: to processes of `together`.
        until: when they have to be there, by the monotonic clock.

    Raises:
        TimeoutError, RuntimeError: as `together`, as soon as one breaks.
    """
    found: dict[Connection, Any] = {}
    while len(found) < len(lines):
        rest = [line for line in lines if line not in found]
        ready = wait(rest, max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError(f"{len(rest)} of {len(lines)} trainings at once do not answer")
        for line in rest:
            if line not in ready:
                continue
            try:
                told = line.recv()
            except (EOFError, ConnectionError) as error:
                raise RuntimeError(_ENDED.format(len(lines))) from error
            if isinstance(told, _Broken):
                raise RuntimeError(told.text)
            found[line] = told
    return [found[line] for line in lines]


def answer_over(line: Connection) -> None:
    """Trains in a process of its own what comes over a line; ends with the other side."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process was asked, and ends this one
    torch.set_num_threads(1)
    with suppress(ConnectionError):  # nobody listens any more
        line.send(None)
        try:
            prepare, given = line.recv()
            run = prepare(given)
            line.send(None)
            line.recv()
            line.send(run())
        except Exception as error:  # noqa: BLE001  the other side says it, whatever it is
            line.send(_Broken(f"{type(error).__name__}: {error}"))


def best_packing(rates: Mapping[int, float]) -> int:
    """Returns how many trainings at once a device is best shared by.

    One more than needed costs memory and the time of every single trial, so a larger number has to
    train a tenth more photos a second than the best of the smaller ones.

    Args:
        rates: photos a second of all together, by their number.
    """
    best = 1
    for number in sorted(rates):
        if rates[number] > _ONCE_MORE * rates[best]:
            best = number
    return best
