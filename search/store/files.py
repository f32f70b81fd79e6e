"""Files written under a temporary name and renamed: whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import ResultsError


def write_text(path: Path, text: str) -> None:
    """Writes a text file under a temporary name and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays as an npz file, whole or not at all; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def check_writable(option: str, folder: Path) -> None:
    """Raises ResultsError where a folder cannot be made or written; makes nothing."""
    whole = folder.absolute()
    nearest = next(path for path in (whole, *whole.parents) if path.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ResultsError(
            f"{option} must be a folder that can be written, got {folder}: {nearest} "
            f"{'is read-only' if nearest.is_dir() else 'is a file'}; give another"
        )


SCHEMA = 1
