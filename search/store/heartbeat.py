"""Signs of life of trainings: a file that a worker touches after a step, and who looks at it.

It lies in the results, which every node sees. Only that it changes is looked at, so that clocks
of two machines are never compared.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 5.0
"""Seconds between two touches, at least: steps are often much shorter."""


class Heartbeat:
    """Called by a worker after every step of a training.

    Args:
        node: that the worker is on.
        clock: seconds, rising.
    """

    def __init__(self, node: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._path: Path | None = None
        self._last = 0.0

    def begin(self, path: Path) -> None:
        """Begins a training, whose file it names the node in."""
        self._path, self._last = path, self._clock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._node, encoding="utf-8")
        except OSError:
            # What a full or lost disk does to a training, its own files will tell.
            self._path = None

    def __call__(self) -> None:
        """Notes that the training goes on."""
        now = self._clock()
        if self._path is not None and now - self._last >= EVERY_S:
            self._last = now
            try:
                os.utime(self._path)  # takes no room on a full disk
            except OSError:
                self.begin(self._path)


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
