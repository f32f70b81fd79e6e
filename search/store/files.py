"""Files and folders written under a temporary name and renamed: whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import ResultsError, UsageError
from trainables.drafts import draft_of, sync_folder, written

SCHEMA = 1
"""Of the JSON files of a run."""


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all; makes its folder."""
    with written(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_together(texts: Mapping[Path, str]) -> None:
    """Writes text files that say one thing: all are on the disk before one takes its place.

    Where that fails, all are what they were.
    """
    with ExitStack() as stack:
        for path, text in texts.items():
            draft = stack.enter_context(written(path))
            try:
                with draft.open("wb") as file:
                    file.write(text.encode("utf-8"))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                error.filename = str(path)  # of an open file the system gives no name
                raise


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all; makes its folder.

    Raises:
        ValueError: a number is not finite: JSON has no word for it.
    """
    write_text(path, as_json(values))


def as_json(values: Mapping[str, Any]) -> str:
    """Returns the text of a JSON file; raises as `write_json`."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays as an npz file, whole or not at all; makes its folder."""
    # To a name, NumPy would add its own ending.
    with written(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `folder` where the block ends well.

    One process at a time: the name of the older folder is the same for all, so that the next one
    puts back what a killed one left.
    """
    temporary, older = draft_of(folder), folder.with_name(f".{folder.name}.old")
    _restore(folder, older)  # of a process that was killed
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            folder.rename(older)
        temporary.rename(folder)
        sync_folder(folder.parent)
    finally:
        _restore(folder, older)
        shutil.rmtree(temporary, ignore_errors=True)


def _restore(folder: Path, older: Path) -> None:
    """Puts the older folder back where nothing has taken its place, and deletes it otherwise."""
    if older.exists() and not folder.exists():
        older.rename(folder)
    shutil.rmtree(older, ignore_errors=True)


def check_absent(option: str, path: Path) -> None:
    """Raises UsageError where a file that is never overwritten is there."""
    if path.exists():
        raise UsageError(
            f"{option} never overwrites, and {path} is there; give another name, or move it away"
        )


def check_plain_out(option: str, path: Path) -> None:
    """Raises UsageError where a file is written in place of a link, a device or a pipe."""
    if path.is_symlink():
        raise UsageError(
            f"{option} must be a plain file, got {path}, a link, which would be written over; "
            f"give {path.resolve()}"
        )
    if path.exists() and not path.is_file():
        raise UsageError(f"{option} must be a plain file, got {path}; give another name")


def check_writable(option: str, folder: Path) -> None:
    """Raises ResultsError where a folder cannot be made or written; makes nothing."""
    whole = folder.absolute()
    nearest = next(path for path in (whole, *whole.parents) if path.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ResultsError(
            f"{option} must be a folder that can be written, got {folder}: {nearest} "
            f"{'is read-only' if nearest.is_dir() else 'is a file'}; give another"
        )
