"""The image files behind a table: paths inside the root, files that exist, their sizes."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath

from trainables.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

_OF_SYSTEMS = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx"}
)
"""What Windows, a Mac and a Synology leave in folders, in small letters."""

NUM_NAMED = 10
"""Of things that are wrong, how many are named; the others are counted."""


def several(things: Sequence[str], between: str = ", ") -> str:
    """Returns the first ten of some things that are wrong, and how many more there are."""
    more = len(things) - NUM_NAMED
    return between.join(things[:NUM_NAMED]) + (f"{between}and {more} more" if more > 0 else "")


def check_unicode(paths: Iterable[str]) -> None:
    """Raises DataError where names of files are not Unicode, which no file of ours could hold."""
    strange = [ascii(path) for path in paths if any("\ud800" <= sign <= "\udfff" for sign in path)]
    if strange:
        raise DataError(
            f"names of photos must be Unicode, got {several(strange)}; rename them (an archive of "
            "another encoding: unpack it with that, such as unzip -O cp949)"
        )


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


def resolved(root: Path, paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns paths as the files are called, and what was read otherwise, a sentence each.

    A path that names no file is taken with slashes for backslashes, then with the letters of other
    code points (a Mac writes "é" as two), then with capitals for small letters or the reverse,
    where one entry of the folder alone fits. A path that still names nothing stays as it is.

    Args:
        root: the folder the paths start from.
        paths: in normal form.
    """
    entries = _Entries()
    found, how = [], dict.fromkeys(_KEYS, 0)
    slashes = 0
    for path in paths:
        if _is_there(root / path):
            found.append(path)
            continue
        wished = posixpath.normpath(path.replace("\\", "/"))
        outside = wished.startswith("/") or wished.split("/", 1)[0] == ".."
        match = None if outside else entries.find(root, wished)
        found.append(path if match is None else match[0])
        if match is not None:
            slashes += wished != path
            for key in match[1]:
                how[key] += 1
    notes = [f"backslashes in {slashes} paths read as slashes"] if slashes else []
    notes += [f"{count} paths found under {key}" for key, count in how.items() if count]
    return tuple(found), tuple(notes)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


_KEYS: dict[str, Callable[[str], str]] = {
    "names with other code points (NFC and NFD)": _composed,
    "names with other capitals": lambda name: _composed(name).casefold(),
}


class _Entries:
    """The entries of folders by what their names have in common with others, each read once."""

    def __init__(self) -> None:
        self._of = cache(self._read)

    def find(self, root: Path, path: str) -> tuple[str, frozenset[str]] | None:
        """Returns the path of the one entry that fits, and the keys it was found by; or None."""
        folder, found, keys = root, [], set()
        for part in path.split("/"):
            name = part if _is_there(folder / part) else None
            for key, fold in _KEYS.items():
                if name is None:
                    names = self._of(folder, key).get(fold(part), [])
                    name = names[0] if len(names) == 1 else None
                    keys.update([key] if name is not None else [])
            if name is None:
                return None
            found.append(name)
            folder = folder / name
        return "/".join(found), frozenset(keys)

    def _read(self, folder: Path, key: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        if folder.is_dir():
            for entry in folder.iterdir():
                names.setdefault(_KEYS[key](entry.name), []).append(entry.name)
        return names


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
    """Raises DataError naming the first missing image, its row, nine others and their number."""
    missing = missing_rows(root, paths)
    if missing:
        first, *others = missing
        also = several([f"{paths[row]!r}" for row in others[: NUM_NAMED - 1]])
        raise DataError(
            f"{source_rows[first]}: image {paths[first]!r} is missing under {root} "
            f"({len(missing)} of {len(paths)} images are missing{also and f', also {also}'}); "
            f"{cure_of_missing(root, paths[first])}"
        )


def missing_rows(root: Path, paths: Sequence[str]) -> list[int]:
    """Returns the rows whose image is no file."""
    return [row for row, path in enumerate(paths) if not _is_file(root / path)]


def cure_of_missing(root: Path, path: str) -> str:
    """Returns what may be done about a path that names no image."""
    if "://" in path or path.startswith(("http:/", "https:/")):
        return "paths must be of files, not addresses: fetch the photos first"
    windows = path.replace("\\", "/")
    name = posixpath.basename(windows)
    if posixpath.isabs(windows) or windows[1:3] == ":/":
        return "paths must be relative to the data folder: cut what stands before it"
    below = [folder.name for folder in _folders(root) if _is_file(folder / name)]
    if len(below) == 1 and name == windows:
        return f"{name!r} is in {below[0]!r}: say images: {below[0]} in dataset.yaml"
    if shorter := _below_its_name(root, windows):
        return (
            f"{shorter!r} is there in the data folder, where paths start: cut what stands before "
            "it in the table, or in images of dataset.yaml"
        )
    if is_folder(root / path):
        return f"{path!r} is a folder: write the paths of the photos in it"
    if link := _dead_link(root, path):
        return f"{link!r} is a link to nothing: copy there what it stood for, or remove the rows"
    if name and (files := _same_stem(root / path)):
        return f"{files[0]!r} is there: write the paths with the endings of the files"
    return "put the files back, or remove their rows"


def _below_its_name(root: Path, path: str) -> str:
    """Returns what of a path is there without the folders it begins with; empty if nothing is."""
    parts = path.split("/")
    # A bare name is in many folders: only below the data's own is it this photo.
    least = 0 if parts[0] == root.resolve().name else 1
    shorter = ("/".join(parts[number:]) for number in range(1, len(parts) - least))
    return next((each for each in shorter if _is_file(root / each)), "")


def _same_stem(path: Path) -> list[str]:
    """Returns the photos beside a path that has their name and no ending, or another one."""
    with suppress(OSError, ValueError):
        stems = {path.name.casefold(), path.stem.casefold()}
        entries = visible_entries(path.parent) if is_folder(path.parent) else ()
        photos = (each for each in entries if each.suffix.lower() in IMAGE_SUFFIXES)
        return [each.name for each in photos if each.stem.casefold() in stems and _is_file(each)]
    return []


def _dead_link(root: Path, path: str) -> str:
    """Returns the part of a path that is a link to nothing; empty where none is."""
    parts = (path, *map(str, PurePosixPath(path).parents))
    return next((each for each in parts if _is_there(root / each) and not exists(root / each)), "")


def _folders(root: Path) -> list[Path]:
    return [entry for entry in visible_entries(root) if entry.is_dir()] if root.is_dir() else []


def _is(path: Path, what: Callable[[Path], bool]) -> bool:
    try:
        return what(path)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_file(path: Path) -> bool:
    return _is(path, Path.is_file)


def exists(path: Path) -> bool:
    """Returns whether there is something; not where nothing can have such a name."""
    return _is(path, Path.exists)


def _is_there(path: Path) -> bool:
    """Returns whether there is something, be it a link to nothing."""
    return exists(path) or _is(path, Path.is_symlink)


def is_folder(path: Path) -> bool:
    """Returns whether a path is that of a folder; not where none can have such a name."""
    return _is(path, Path.is_dir)


def file_sizes(root: Path, paths: Sequence[str]) -> list[int]:
    """Returns the size of each file in bytes."""
    return [(root / path).stat().st_size for path in paths]


def visible_entries(folder: Path) -> Iterator[Path]:
    """Yields the entries of a folder in name order, without those that people do not see.

    Archives made on a Mac carry a hidden "._name" beside each image, which is not an image, and
    systems leave files such as Thumbs.db.
    """
    yield from (entry for entry in sorted(folder.iterdir()) if not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Returns whether people do not see an entry of that name: it has a dot, or is a system's."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def image_names(folder: Path) -> tuple[str, ...]:
    """Returns the names of the images directly in a folder, sorted; none if it does not exist."""
    if not folder.is_dir():
        return ()
    return tuple(
        entry.name
        for entry in visible_entries(folder)
        if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()
    )
