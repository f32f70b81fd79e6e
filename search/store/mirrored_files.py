"""Which files of a run's folder belong into its store, and in which order they go there."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

STUDY, JOURNAL, WARM_START = "study.json", "optuna.journal", "warm_start.json"
BEFORE_THE_JOURNAL = 0
"""Rank of what the journal depends on."""
_THE_JOURNAL, _AFTER, _LAST = 1, 2, 3


def listing(root: Path) -> dict[str, tuple[int, int]]:
    """Returns bytes and time, in ns, of every file of a run that belongs into a store.

    Raises:
        OSError: a folder cannot be listed: what is in it is not gone.
    """
    found = {}
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        if not is_own(name):
            with suppress(FileNotFoundError):
                status = path.stat()
                found[name] = (status.st_size, status.st_mtime_ns)
    return found


def is_own(name: str) -> bool:
    """Returns whether a file stays on its machine: hidden, a sign of life, or no text in UTF-8."""
    parts = PurePosixPath(name).parts
    return (
        any(part.startswith(".") for part in parts)
        or name.endswith(".beat")
        or name.startswith(f"{JOURNAL}.")  # its lock
        or not _is_text(name)
    )


def rank(name: str) -> int:
    """Returns the place of a file among those that go up; within one, the older goes first.

    First goes what the journal depends on. What is made of the journal follows it, and then the
    checkpoints, all as they were before it was read: from one that is more than an epoch ahead of
    its journal no trial goes on without a gap.
    """
    if name == JOURNAL:
        return _THE_JOURNAL
    if name in (STUDY, WARM_START) or name.startswith("predictions/validation."):
        return BEFORE_THE_JOURNAL
    if name.startswith("checkpoints/"):
        return BEFORE_THE_JOURNAL if name.endswith(".npz") else _LAST
    return _AFTER


def is_events(name: str) -> bool:
    """Returns whether a file is of TensorBoard's, to which a run appends."""
    return "events.out.tfevents" in name


def grows(name: str) -> bool:
    """Returns whether a file changes again and again."""
    return rank(name) in (_THE_JOURNAL, _LAST) or is_events(name)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, without what is hidden: locks, drafts, older folders."""
    for here, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here, name) for name in files if not name.startswith("."))


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # deleted or renamed since its name was read
        raise error
