"""Waiting for what another process makes, with signs of life: silence means a hung training."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_BETWEEN_SIGNS_S = 5.0


@contextmanager
def held(path: Path, on_step: Callable[[], None]) -> Iterator[None]:
    """Holds a lock file for the block, however long others have it.

    Args:
        path: of the lock file; it stays.
        on_step: called every few seconds of waiting.

    Raises:
        OSError: it cannot be written, or the file system has no locks.
    """
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_BETWEEN_SIGNS_S)
            break
        except Timeout:
            on_step()
        except NotImplementedError as error:  # what older versions of filelock say
            raise OSError(errno.ENOLCK, "no locks on this file system", str(path)) from error
    try:
        yield
    finally:
        lock.release()
