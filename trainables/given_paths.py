"""Why a path that somebody gave is no folder, or no file, to read from, and what was meant."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from trainables.nearest import near

_MOST_ENTRIES = 5_000
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


def no_folder(path: str | Path) -> str:
    """Returns why a path is no folder to read from, in a few words; empty where it is one.

    Raises:
        PermissionError: nobody can tell: a folder above it is closed to this user.
    """
    place = Path(path)
    if _is(place, Path.is_dir):
        return "" if _holds_something(place) else "it is an empty folder"
    if not _is(place, Path.exists):
        return _not_there(place, folders=True)
    if place.suffix.lower() in _ARCHIVES:
        return "it is an archive; unpack it and give the folder"
    return f"it is a file; its folder is {place.absolute().parent}"


def no_file(path: str | Path) -> str:
    """Returns why a path is no file to read, in a few words; empty where it is one.

    Raises:
        PermissionError: nobody can tell: a folder above it is closed to this user.
    """
    place = Path(path)
    if _is(place, Path.is_dir):
        return "it is a folder"
    return "" if _is(place, Path.exists) else _not_there(place, folders=False)


def _is(place: Path, what: Callable[[Path], bool]) -> bool:
    """Returns what a path is asked; False where no file can have such a name."""
    try:
        return what(place)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def _holds_something(folder: Path) -> bool:
    """Returns whether a folder holds more than hidden files; who reads a closed one says so."""
    try:
        return any(not entry.name.startswith(".") for entry in folder.iterdir())
    except PermissionError:
        return True


def _not_there(place: Path, *, folders: bool) -> str:
    """Returns what is missing on the way to a path, with the nearest names beside it."""
    missing = place.absolute()
    while not _is(missing.parent, Path.exists):
        missing = missing.parent
    parent = missing.parent
    if not parent.is_dir():
        return f"{parent} is a file"
    wanted = folders or missing != place.absolute()
    names = _names(parent, folders=wanted)
    return f"there is no {missing.name!r} in {parent}{near(missing.name, names)}"


def _names(folder: Path, *, folders: bool) -> Iterable[str]:
    """Yields the names of the folders, or of the files, in a folder."""
    with suppress(OSError):
        for entry in islice(folder.iterdir(), _MOST_ENTRIES):
            if not entry.name.startswith(".") and entry.is_dir() == folders:
                yield entry.name
