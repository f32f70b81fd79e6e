"""Files that were meant to be called as the program looks for them, and would be passed over."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePath

from trainables.data.image_files import several
from trainables.errors import DataError

_ENDINGS = {".yaml": (".yaml", ".yml"), ".csv": (".csv", ".tsv")}
"""Of a file, and those that people write for it."""
WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


def misnamed(folder: Path, name: str, others: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns the names in a folder that are nearly a file's: none of them is read.

    They have other capitals, another ending, one more (Windows hides the ".txt" that it adds), or
    a letter s too many or too few. What is the file itself, where capitals do not count, is not
    among them.

    Args:
        folder: where the file belongs.
        name: of the file.
        others: endings that it may have been given, too.
    """
    near = _near(name, others)
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != name and _stripped(entry.name) in near and entry.is_file():
                found.append(entry.name)
    return tuple(sorted(each for each in found if not _is_same(folder / each, folder / name)))


def check_named(folder: Path, name: str, found: tuple[str, ...]) -> None:
    """Raises DataError where a folder lacks a file and has others, as `misnamed` finds them."""
    if found and not os.path.lexists(folder / name):
        raise DataError(
            f"{folder}: a file must be called {name} to be read, got {several(found)}; "
            f"rename it{_as_csv(found)}, or move it away where it is something else"
        )


def _near(name: str, others: tuple[str, ...]) -> frozenset[str]:
    path = PurePath(name)
    endings = (*_ENDINGS[path.suffix], *others)
    stem = path.stem.removesuffix("s")
    stems = (stem, f"{stem}s")
    once = [f"{each}{ending}" for each in stems for ending in endings]
    return frozenset((*once, *(f"{each}{ending}" for each in once for ending in endings)))


def _stripped(name: str) -> str:
    return name.casefold().removesuffix(".txt")


def _is_same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _as_csv(found: tuple[str, ...]) -> str:
    is_book = PurePath(found[0]).suffix.lower() in WORKBOOKS
    return ' (save its table as "CSV UTF-8")' if is_book else ""
