"""Labels in the names of photos, such as UTKFace's `26_0_2_20170104023102422.jpg`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from trainables.data.csv_rows import CsvRows
from trainables.data.image_files import (
    IMAGE_SUFFIXES,
    check_unicode,
    several,
    visible_entries,
)
from trainables.errors import DataError

PATH = "path"
_FIELD = re.compile(r"\{([^{}]*)\}")


def read_file_names(root: Path, pattern: str) -> CsvRows:
    """Returns a row per photo below a folder: its path and the fields of its name.

    Args:
        root: the folder; photos in folders below it count, too.
        pattern: of the names without their suffix, or with a "/" of the paths below the folder;
            `{age}` is a field. A field ends where the text behind it first comes, the last one at
            the end.

    Raises:
        DataError: the pattern is not valid, there is no photo, or names do not fit the pattern or
            are not Unicode; names ten of them.
    """
    fields, fits = _compiled(pattern)
    links: list[str] = []
    found_photos = _photos(root, links) if root.is_dir() else ()
    photos = [path.relative_to(root).as_posix() for path in found_photos]
    notes = [f"folders that are links are not looked into: {several(links)}"] if links else []
    if not photos:
        raise DataError(
            f"file_names in dataset.yaml needs photos below {root}, and there are none"
        )
    check_unicode(photos)
    of_path = "/" in pattern
    found = {photo: fits.fullmatch(_named(photo, of_path=of_path)) for photo in photos}
    strange = [photo for photo, match in found.items() if match is None]
    if strange:
        raise DataError(
            f"{len(strange)} of {len(photos)} photos below {root} are not called as file_names "
            f"in dataset.yaml says ({pattern}): {several(strange)}; rename them or move them away"
        )
    return CsvRows(
        path=root / "dataset.yaml",
        columns=(PATH, *fields),
        source_rows=tuple(f"photo {photo}" for photo in photos),
        cells=tuple((photo, *match.groups()) for photo, match in found.items() if match),
        notes=(f"labels read from the names of {len(photos)} photos: {', '.join(fields)}", *notes),
    )


def _named(photo: str, *, of_path: bool) -> str:
    """Returns what a pattern is of: the name without suffix, or the path; in composed letters."""
    path = PurePosixPath(photo)
    return unicodedata.normalize("NFC", path.with_suffix("").as_posix() if of_path else path.stem)


def _compiled(pattern: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    pattern = unicodedata.normalize("NFC", pattern)
    if PurePosixPath(pattern).suffix.lower() in IMAGE_SUFFIXES:
        pattern = pattern[: -len(PurePosixPath(pattern).suffix)]
    fields = tuple(_FIELD.findall(pattern))
    between = _FIELD.split(pattern)[::2]
    wrong = not fields or "" in fields or PATH in fields or len(set(fields)) < len(fields)
    if wrong or "" in between[1:-1] or any("{" in text or "}" in text for text in between):
        raise DataError(
            "file_names in dataset.yaml must have fields with different names (none of them "
            f"{PATH!r}) and text between them, such as "
            f'"{{age}}_{{gender}}_{{date}}", got {pattern!r}'
        )
    # No field but the last holds the text behind it: there is one way to read a name.
    start, *middle, end = map(re.escape, between)
    parts = [f"((?:(?!{text})[^/])+){text}" for text in middle]
    return fields, re.compile(f"{start}{''.join(parts)}([^/]+){end}")


def _photos(folder: Path, links: list[str]) -> Iterator[Path]:
    """Yields the photos below a folder; the names of folders that are links go to `links`."""
    for entry in visible_entries(folder):
        if entry.is_dir() and entry.is_symlink():
            links.append(entry.name)
        elif entry.is_dir():
            yield from _photos(entry, links)
        elif entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
            yield entry
