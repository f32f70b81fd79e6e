"""The image files behind a table: paths inside the root, files that exist, their sizes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainables.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def normal_path(path: str, where: str) -> str:
    """Returns a relative POSIX path without "." and ".." parts.

    Raises:
        DataError: the path is empty, absolute or leaves its root; names `where`.
    """
    normal = posixpath.normpath(path)
    if not path or posixpath.isabs(normal) or normal.split("/", 1)[0] in {".", ".."}:
        raise DataError(
            f"{where}: a path must be relative to the data folder and stay inside it, got {path!r}"
        )
    return normal


def check_paths(paths: Sequence[str], source_rows: Sequence[str]) -> None:
    """Checks that each path is in normal form and listed once.

    Raises:
        DataError: a path leaves the root, has "." or ".." parts, or is listed in two rows; both
            rows are named.
    """
    first_row: dict[str, str] = {}
    for path, row in zip(paths, source_rows, strict=True):
        if normal_path(path, row) != path:
            raise DataError(f"{row}: path {path!r} must be written without '.' and '..' parts")
        if path in first_row:
            raise DataError(
                f"each image must be listed once: duplicate path {path!r} in {first_row[path]} "
                f"and {row}; remove one"
            )
        first_row[path] = row


def check_files(root: Path, paths: Sequence[str], source_rows: Sequence[str]) -> None:
    """Raises DataError naming the first missing image, its row and how many are missing."""
    missing = [i for i, path in enumerate(paths) if not _is_file(root / path)]
    if missing:
        first = missing[0]
        raise DataError(
            f"{source_rows[first]}: image {paths[first]!r} is missing under {root} "
            f"({len(missing)} of {len(paths)} images are missing)"
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def file_sizes(root: Path, paths: Sequence[str]) -> list[int]:
    """Returns the size of each file in bytes."""
    return [(root / path).stat().st_size for path in paths]


def visible_entries(folder: Path) -> Iterator[Path]:
    """Yields the entries of a folder in name order, without names that start with a dot.

    Archives made on a Mac carry a hidden "._name" beside each image, which is not an image.
    """
    yield from (entry for entry in sorted(folder.iterdir()) if not entry.name.startswith("."))


def image_names(folder: Path) -> tuple[str, ...]:
    """Returns the names of the images directly in a folder, sorted; none if it does not exist."""
    if not folder.is_dir():
        return ()
    return tuple(
        entry.name
        for entry in visible_entries(folder)
        if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()
    )
