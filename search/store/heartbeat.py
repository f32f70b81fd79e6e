"""Signs of life of trainings: a file that is touched after a step, and who looks at it.

It lies in the results. On one machine its worker touches it, on a cluster the driver does where
the worker says so. Only that it changes is looked at, so that clocks of two machines are never
compared.
"""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

EVERY_S = 5.0
"""Seconds between two touches, at least: steps are often much shorter."""


class Sign(Protocol):
    """Notes at a path that a training on a node goes on."""

    def __call__(self, path: Path, node: str, *, begins: bool) -> None:
        """Notes it; `begins` where a worker takes the training up."""
        ...


def sign(path: Path, node: str, *, begins: bool) -> None:
    """Touches the file of a training; where it begins, or is gone, it names the node in it.

    What a full or lost disk does to a training, its own files will tell.
    """
    with suppress(OSError):
        if not begins:
            try:
                os.utime(path)  # takes no room on a full disk
                return
            except FileNotFoundError:
                pass
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(node, encoding="utf-8")


class Heartbeat:
    """Called by a worker after every step of a training.

    Args:
        node: that the worker is on.
        clock: seconds, rising.
        note: notes a sign of life.
    """

    def __init__(
        self, node: str = "", clock: Callable[[], float] = time.monotonic, note: Sign = sign
    ) -> None:
        self._node = node
        self._clock = clock
        self._note = note
        self._path: Path | None = None
        self._last = 0.0

    def begin(self, path: Path) -> None:
        """Begins a training, whose file it names the node in."""
        self._path, self._last = path, self._clock()
        self._note(path, self._node, begins=True)

    def __call__(self) -> None:
        """Notes that the training goes on."""
        now = self._clock()
        if self._path is not None and now - self._last >= EVERY_S:
            self._last = now
            self._note(self._path, self._node, begins=False)


class Pulse:
    """What is seen of a training's heartbeat from outside; anything of earlier ones is deleted.

    Args:
        path: of the file.
        clock: seconds, rising.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._clock = clock
        self._changed = clock()
        self._seen: int | None = None
        self.node = ""
        """That the training is on; empty until it has begun."""

    @property
    def has_begun(self) -> bool:
        """Whether a worker has taken the training up."""
        return self._seen is not None

    def silent_s(self) -> float:
        """Returns the seconds since its last step, or since it was handed out."""
        try:
            seen: int | None = self._path.stat().st_mtime_ns
            self.node = self._path.read_text(encoding="utf-8", errors="replace") or self.node
        except OSError:
            seen = self._seen
        if seen != self._seen:
            self._seen, self._changed = seen, self._clock()
        return self._clock() - self._changed


def heartbeat_path(folder: Path, training: str) -> Path:
    """Returns the file of a training of whatever name."""
    return folder / f"{hashlib.sha256(training.encode()).hexdigest()[:16]}.beat"
