"""Files written under another name and renamed: whole or not at all, and then on the disk.

The name of a draft says which process of which machine writes it, by its id and its start, so that
the next run can tell what a killed process left from what a living one is at.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDING = ".draft"
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})
"""What file systems answer that cannot bring a folder to the disk, or do it by themselves."""


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yields a name to write a file under, which then takes the place of `path`; makes its folder.

    After the block the file survives a power failure. Where the block raises, or the process dies,
    `path` is what it was.

    Raises:
        OSError: the system refuses it; names `path`.
    """
    make_folder(path.parent)
    draft = draft_of(path)
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        # Of an open file that it cannot write the system gives no name. An error without a number
        # is not the system's, and would lose its own words.
        is_unnamed = error.filename2 is None and error.filename in (None, str(draft))
        if error.errno is not None and is_unnamed:
            error.filename = str(path)
        raise
    finally:
        draft.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """Returns the name beside `path` under which this process writes it."""
    process = os.getpid()  # not kept: a process may be forked
    mark = f"{_digest(platform.node())}.{process}-{start_of(process)}"
    return path.with_name(f".{_digest(path.name)}.{mark}{ENDING}")


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, each of which then survives a power failure."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def clear_drafts(folder: Path, *, held: bool) -> tuple[Path, ...]:
    """Deletes drafts in a folder whose process has ended; returns those that stay.

    Drafts of living processes and of other users are neither deleted nor returned.

    Args:
        folder: where to look.
        held: whether the folder belongs to this process, so that drafts of other machines are
            nobody's any more, and those in the folders below it are looked at, too.
    """
    stay = []
    for draft in sorted(folder.glob(f"{'**/' if held else ''}.*{ENDING}")):
        try:
            if draft.lstat().st_uid != os.getuid() or _is_written(draft, held):
                continue
            if draft.is_dir() and not draft.is_symlink():
                shutil.rmtree(draft)
            else:
                draft.unlink()
        except FileNotFoundError:
            continue  # it lay in another draft, or its process has just ended
        except OSError:
            stay.append(draft)
    return tuple(stay)


def _is_written(draft: Path, held: bool) -> bool:
    parts = draft.name.removesuffix(ENDING).split(".")
    process, _, start = parts[-1].partition("-")
    if parts[-2] != _digest(platform.node()):
        return not held
    return process.isdigit() and start_of(int(process)) == start


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def start_of(process: int) -> str:
    """Returns when a process started, in ticks since the machine did; empty where it has ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "XZ" else fields[19]
