"""Files that are no photos: missing, empty, cut short, something else, listed nowhere."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from search.audit.finding import Finding, Level, about
from search.audit.listing import Listing
from trainables.data.image_files import cure_of_missing
from trainables.data.sketches import Sketches

_FOLDER = re.compile(r"folder (['\"])(.*?)\1")
"""As problems of labels name one."""
_BEGIN_AS_PHOTOS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM")
_OTHER_FILES = {
    b"<!doctype html": "a web page: the download failed",
    b"<html": "a web page: the download failed",
    b"<?xml": "XML: the download failed, or it is a drawing",
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull brings the photo",
    b"%pdf": "a PDF",
    b"gif8": "a GIF: save it as PNG",
    b"ii*\x00": "a TIFF: save it as PNG",
    b"mm\x00*": "a TIFF: save it as PNG",
    b"pk\x03\x04": "a ZIP archive: unpack it",
}
_FEW = 0.1
"""Photos that nothing lists are a mistake where they are few; many, another part of the data."""

_TEXTS = {
    "missing-photo": "{n} photo{s} that the labels list {s:is} not there",
    "empty-file": "{n} file{s} hold{s:3} nothing: copy them again",
    "cut-short": "{n} photo{s} {s:is} cut short, as by a copy or a download that was broken off: "
    "copy them again",
    "not-a-photo": "{n} file{s} {s:is} called a photo and {s:is} none",
    "too-large": "{n} photo{s} {s:has} too many pixels: scale them down, or allow them "
    "(max_pixels in dataset.yaml)",
    "unreadable": "{n} photo{s} cannot be decoded: replace them, or remove their rows",
}
_PLURALS = {"{s:is}": ("is", "are"), "{s:has}": ("has", "have"), "{s:3}": ("s", "")}


def file_findings(listing: Listing, sketches: Sketches) -> Iterator[Finding]:
    """Yields what is wrong with the files of a data folder."""
    bad: defaultdict[tuple[str, bool], list[tuple[str, str]]] = defaultdict(list)
    for place, path in enumerate(listing.paths):
        if wrong := str(sketches.wrong[place]):
            kind, why = _kind(listing.root / path, wrong)
            bad[kind, path in listing.row_of].append((path, why))
    for (kind, is_listed), things in sorted(bad.items()):
        text = _TEXTS[kind]
        if kind == "missing-photo":
            text += f": {_cure(listing, things[0][0])}"
        for mark, (one, many) in _PLURALS.items():
            text = text.replace(mark, one if len(things) == 1 else many)
        if not is_listed:
            text += " (not among those with labels)"
        named = [f"{path} ({why})" if why else path for path, why in things]
        yield from about(kind, Level.UNUSABLE if is_listed else Level.LOOK, text, named)
    yield from _not_listed(listing)
    text = (
        "{n} photo{s} in a format that is not read (HEIC, GIF, TIFF, ...): save as JPEG or PNG "
        "to use them"
    )
    yield from about("other-format", Level.LOOK, text, listing.others)


def _cure(listing: Listing, path: str) -> str:
    """Returns what may be done about a missing photo, in the words of a run that is refused."""
    table, row = listing.table, listing.row_of.get(path)
    if table is None or row is None:
        return cure_of_missing(listing.root, path)
    return cure_of_missing(table.root, table.paths[row])


def _kind(path: Path, wrong: str) -> tuple[str, str]:
    """Returns the kind of what is wrong with a file, and why in a few words."""
    if not path.exists():
        return "missing-photo", "a link to nothing" if path.is_symlink() else ""
    if wrong == "the file is empty":
        return "empty-file", ""
    if "pixels" in wrong:
        return "too-large", wrong.partition(":")[0]
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return "unreadable", wrong
    said = next(
        (what for sign, what in _OTHER_FILES.items() if start.lower().startswith(sign)), ""
    )
    if b"ftyphei" in start or b"ftypmif1" in start:
        said = "HEIC, as iPhones write it: save it as JPEG"
    if said:
        return "not-a-photo", said
    if not start.startswith(_BEGIN_AS_PHOTOS):
        return "not-a-photo", "text" if start.isascii() else "of no known format"
    broken = ("truncated", "broken data stream", "is no image", "not enough", "unexpected end")
    return ("cut-short" if any(each in wrong.lower() for each in broken) else "unreadable"), wrong


def _ends_of(folder: PurePosixPath) -> Iterator[str]:
    """Yields what a folder may be called, from its last name on to its whole path."""
    names = folder.parts
    yield from ("/".join(names[place:]) for place in range(len(names)))


def _not_listed(listing: Listing) -> Iterator[Finding]:
    if listing.table is None:
        return
    # Of a folder that is not whole all is left out.
    told = {found[2] for found in _FOLDER.finditer(" ".join(listing.problems))}
    strays = [
        path
        for path in listing.paths
        if path not in listing.row_of
        and path not in listing.unlabelled
        and told.isdisjoint(_ends_of(PurePosixPath(path).parent))
    ]
    folders = sorted({PurePosixPath(path).parent.as_posix() for path in strays})
    if len(strays) > _FEW * listing.table.num_samples:
        text = f"{len(strays):,} photos are listed nowhere and left out"
        yield from about("not-listed", Level.NOTE, text, [f"in {each}" for each in folders])
        return
    text = "{n} photo{s} in the folder that no row lists: list them, or move them away"
    yield from about("not-listed", Level.LOOK, text, strays, [(path,) for path in strays])
