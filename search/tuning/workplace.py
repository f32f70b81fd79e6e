"""Temporary folders of this process, and what killed processes of this user left of theirs.

A workplace is held by a lock as long as its process lives, which the kernel lets go of in any end;
every process that works in it bears its name in the environment. So the next start can tell what a
killed run left (a folder that nobody holds, and processes that bear its name) from what belongs to
a run that goes on, in whatever container, and to other users and programs.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search.ending.signals import under_way
from search.errors import UsageError
from trainables.drafts import start_of

_PREFIX = "headrace-"
_LOCK = "held"
_MARK = "HEADRACE_WORKPLACE"
_END_S = 15.0
"""How long killed processes may take to end, on a machine that swaps; then it is reported."""
_LOOK_S = 0.01
_FORSAKEN_S = 86_400
"""How long nothing was written in a folder that has lost its lock before it is nobody's."""
_SOCKET_BYTES = 107
"""Of the path of a socket at most; the kernel's own limit."""
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


@contextmanager
def workplace(longest: str = "") -> Iterator[Path]:
    """Yields a new folder that only this user can open; nothing in it outlives the block.

    Meanwhile the processes that are started bear its name in their environment; they end with it.

    Args:
        longest: the longest path of a socket that will be in the folder, relative to it.

    Raises:
        UsageError: no folder for temporary files has a path that is short enough.
    """
    folder, lock = _make(_base(longest))
    before = os.environ.get(_MARK)
    os.environ[_MARK] = str(folder)
    try:
        with under_way().clearing(lambda: _clear(folder)):
            yield folder
    finally:
        if before is None:
            del os.environ[_MARK]
        else:
            os.environ[_MARK] = before
        _clear(folder)
        os.close(lock)


def clear_leftovers() -> tuple[str, ...]:
    """Ends and deletes what killed runs of this user left; returns a line for what stays."""
    notes = []
    for base in _bases():
        for folder in sorted(base.glob(f"{_PREFIX}????????")):
            # Whoever else may write there could have put a link or a folder of his own.
            with suppress(OSError):
                if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                    continue
                if (lock := _take(folder)) is not None:
                    notes += _clear(folder)
                    os.close(lock)
    return tuple(notes)


def _bases() -> tuple[Path, ...]:
    wanted = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()).absolute()
    found = (wanted, Path(tempfile.gettempdir()).absolute(), *map(Path, _SHORT_FOLDERS))
    return tuple(dict.fromkeys(folder for folder in found if os.access(folder, os.W_OK | os.X_OK)))


def _base(longest: str) -> Path:
    room = _SOCKET_BYTES - len(f"/{_PREFIX}12345678/{longest}")
    for folder in _bases():
        if not longest or len(os.fsencode(folder)) <= room:
            return folder
    raise UsageError(
        f"a folder for temporary files must have a path of at most {room} bytes, for Ray's "
        f"sockets, and be writable, got {tempfile.gettempdir()}; set RAY_TMPDIR to such a one"
    )


def _make(base: Path) -> tuple[Path, int]:
    """Returns a new folder and its lock; another start may take a new one for a leftover."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        with suppress(FileNotFoundError):
            os.close(os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600))
            if (lock := _take(folder)) is not None:
                return folder, lock


def _take(folder: Path) -> int | None:
    """Returns the lock of a folder, or None where a living process holds it."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if not any(folder.iterdir()):
            folder.rmdir()  # made and not yet held
            return None
        if not _is_forsaken(folder):
            return None
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if os.fstat(lock).st_nlink == 0:  # it was cleared between the two
        os.close(lock)
        return None
    return lock


def _is_forsaken(folder: Path) -> bool:
    """Returns whether nobody is at work in a folder whose lock a cleaner of old files deleted.

    A living run of this machine has the deleted lock open; one in a container that this process
    cannot look into writes its logs.
    """
    held = f"{folder / _LOCK} (deleted)"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(os.fspath(link.readlink()) == held for link in (process / "fd").iterdir()):
                return False
    written = (path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    return max(written) < time.time() - _FORSAKEN_S


def _clear(folder: Path) -> list[str]:
    """Ends the processes of a folder and deletes it; returns a line for what stays."""
    notes = [f"process {number} of {folder} does not end" for number in _end_processes(folder)]
    with suppress(FileNotFoundError):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            notes.append(f"{folder} cannot be deleted")
    return notes


def _end_processes(folder: Path) -> list[int]:
    """Ends every process of a folder but this one; returns those that do not end."""
    ending = {}
    for number in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
        if number == os.getpid():
            continue
        # Not by a handle (pidfd_open): some Pythons lack it, and some containers refuse it.
        started = start_of(number)
        if started and _works_in(number, folder) and start_of(number) == started:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
            ending[number] = started
    until = time.monotonic() + _END_S
    while ending := {n: started for n, started in ending.items() if start_of(n) == started}:
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_S)
    return list(ending)


def _works_in(number: int, folder: Path) -> bool:
    """Returns whether a process is of this user and was started for a folder.

    Ray's own processes write a title over their environment; they have their logs open in it.
    """
    process = Path("/proc") / str(number)
    try:
        if process.stat().st_uid != os.getuid():
            return False
        if f"{_MARK}={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
            return True
        if not (process / "cmdline").read_bytes().startswith(b"ray::"):
            return False
        return any(_leads_into(link, folder) for link in (process / "fd").iterdir())
    except OSError:  # it has ended
        return False


def _leads_into(link: Path, folder: Path) -> bool:
    with suppress(OSError):
        return link.readlink().is_relative_to(folder)
    return False
