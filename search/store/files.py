"""Files and folders written under a temporary name and renamed: whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import ResultsError

SCHEMA = 1
"""Of the JSON files of a run."""


def write_text(path: Path, text: str) -> None:
    """Writes a text file under a temporary name and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _renamed(path, f".{os.getpid()}") as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all; makes its folder.

    Raises:
        ValueError: a number is not finite: JSON has no word for it.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays as an npz file, whole or not at all; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _renamed(path, ".npz") as temporary:  # numpy insists on the ending
        np.savez(temporary, **arrays)


@contextmanager
def _renamed(path: Path, ending: str) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}{ending}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `folder` where the block ends well.

    One process at a time: the names beside `folder` are the same for all, so that the next one
    puts back what a killed one left.
    """
    temporary, older = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    _restore(folder, older)  # of a process that was killed
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            folder.rename(older)
        temporary.rename(folder)
    finally:
        _restore(folder, older)
        shutil.rmtree(temporary, ignore_errors=True)


def _restore(folder: Path, older: Path) -> None:
    """Puts the older folder back where nothing has taken its place, and deletes it otherwise."""
    if older.exists() and not folder.exists():
        older.rename(folder)
    shutil.rmtree(older, ignore_errors=True)


def check_writable(option: str, folder: Path) -> None:
    """Raises ResultsError where a folder cannot be made or written; makes nothing."""
    whole = folder.absolute()
    nearest = next(path for path in (whole, *whole.parents) if path.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ResultsError(
            f"{option} must be a folder that can be written, got {folder}: {nearest} "
            f"{'is read-only' if nearest.is_dir() else 'is a file'}; give another"
        )
