"""Image files to pixels: one decoder for training, refit and prediction.

Notation: stored pixels H x W; a size is always (H, W).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from trainables.data.bounded_files import check_plain
from trainables.data.image_files import several
from trainables.data.jpeg_header import one_scan
from trainables.data.upright import UINT8, UNREADABLE, is_sideways, upright
from trainables.errors import DataError, in_short

Size = tuple[int, int]

DECODER_VERSION = 1
"""Raised when `decode_image` changes its pixels, so that stores made before are rebuilt."""

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
"""Those of `IMAGE_SUFFIXES`, the only decoders that ever see a file.

Pillow chooses a decoder by what a file holds, whatever its name: a `.jpg` may be PostScript, which
it hands to Ghostscript, or of a plug-in that some package has added.
"""

# Of large photos and torn EXIF data Pillow warns; what cannot be used is refused here.
warnings.filterwarnings("ignore", module=r"PIL\.")

MAX_PIXELS = 178_956_970
"""Of a photo: where Pillow, too, takes a file for a decompression bomb (half a gigabyte of RGB).
A JPEG may have more where it is decoded at a fraction that has not.

Checked from the header, before anything is decoded, and whatever `Image.MAX_IMAGE_PIXELS` is: any
package in the process may have set it to None.
"""

_REDUCIBLE = ("JPEG", "MPO")
_SMALL = (32, 32)


class ImageTable(Protocol):
    """What the store needs to know of a table: `SampleTable` and `UnlabelledTable` have it."""

    @property
    def root(self) -> Path:
        """The folder the paths start from."""

    @property
    def paths(self) -> tuple[str, ...]:
        """POSIX path of each image, relative to `root`."""

    @property
    def source_rows(self) -> tuple[str, ...]:
        """What each image is called in messages."""

    @property
    def fingerprint(self) -> str:
        """Changes with the paths and the sizes of the files."""

    @property
    def max_pixels(self) -> int:
        """That an image may have at most."""

    def check_files(self) -> None:
        """Raises DataError if a file is missing."""


def decode_image(
    path: Path,
    size: Size,
    where: str,
    max_pixels: int = MAX_PIXELS,
    seen: Callable[[str], None] = lambda kind: None,  # noqa: ARG005
) -> UINT8:
    """Returns an image turned upright, scaled to cover `size` and cropped around its centre.

    Args:
        path: the image file.
        size: (H, W) in pixels.
        where: what to call the image in an error, such as "train.csv row 12".
        max_pixels: that it may have at most; a JPEG at the fraction it is decoded at.
        seen: called with a key of `KINDS` where the image is of such a kind.

    Returns:
        uint8 array [H, W, 3], RGB.

    Raises:
        DataError: the file is missing, broken, cut short, too large or not an image.
    """
    try:
        with open_image(path) as image:
            _reduce(image, size, max_pixels)
            fitted = fit_image(image, size, seen)
    except UNREADABLE as error:
        raise DataError(
            f"{where}: image {path} cannot be read ({reason(error)}); replace the file or remove "
            "its row"
        ) from error
    return fitted


def original(path: Path, size: Size, max_pixels: int = MAX_PIXELS) -> tuple[UINT8, str, Size]:
    """Returns a whole image squeezed to a size, the mode of its file and its own size.

    Args:
        path: the image file.
        size: (H, W) in pixels to squeeze it to, whatever its shape.
        max_pixels: that it may have at most; a JPEG at the fraction it is decoded at.

    Returns:
        uint8 array [H, W, 3], RGB and upright; Pillow's mode; (H, W) of the upright image.

    Raises:
        DataError: the file is missing, broken, cut short, too large or not an image.
    """
    try:
        with open_image(path) as image:
            width, height = image.size
            mode = image.mode
            _reduce(image, size[::-1], max_pixels)
            whole = (width, height) if is_sideways(image) else (height, width)
            small = upright(image).resize(size[::-1], Image.Resampling.BOX)
            return np.asarray(small, dtype=np.uint8), mode, whole
    except UNREADABLE as error:
        raise DataError(f"image {path} cannot be read ({reason(error)})") from error


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image by the decoders of `FORMATS` alone; reads its header only.

    Raises:
        OSError: the file is missing or of no such format.
    """
    check_plain(path)
    with path.open("rb") as file:
        try:
            image: Image.Image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            image = _open_large(file)
        with image:
            yield image


def _open_large(file: IO[bytes]) -> Image.Image:
    """Opens what Pillow takes for a bomb by its header: whoever decodes it checks its size."""
    file.seek(0)
    start = file.read(16)
    for name in FORMATS:
        opens, accepts = Image.OPEN[name]
        if accepts is not None and accepts(start) is True:
            file.seek(0)
            return opens(file, "")
    raise UnidentifiedImageError


def _reduce(image: Image.Image, size: Size, max_pixels: int) -> None:
    """Has a JPEG decoded at 1/2, 1/4 or 1/8, never below an upright `size`.

    Raises:
        ValueError: more than `max_pixels` pixels would be decoded.
    """
    stored = image.size
    if image.format not in _REDUCIBLE:
        _check_pixels(stored, stored, max_pixels)
        return
    # Only now: the EXIF data of a PNG may stand behind its pixels, which are decoded for it.
    image.draft("RGB", size if is_sideways(image) else size[::-1])
    # A JPEG of several scans is held whole while it is decoded, at whatever fraction.
    file = getattr(image, "fp", None)
    by_line = image.size != stored and file is not None and one_scan(file)
    _check_pixels(stored, image.size if by_line else stored, max_pixels)


def _check_pixels(stored: tuple[int, int], held: tuple[int, int], max_pixels: int) -> None:
    if held[0] * held[1] > max_pixels:
        raise ValueError(
            f"a photo has at most {max_pixels} pixels, got {stored[0]} x {stored[1]}: scale it "
            "down, or allow it where there is a dataset.yaml (max_pixels: NUMBER)"
        )


def fit_image(
    image: Image.Image,
    size: Size,
    seen: Callable[[str], None] = lambda kind: None,  # noqa: ARG005
) -> UINT8:
    """Returns an image upright, scaled to cover `size` (H, W) and cropped around its centre.

    Args:
        image: with 8 or 16 bits per channel.
        size: (H, W) in pixels.
        seen: called with a key of `KINDS` where the image is of such a kind.

    Raises:
        ValueError: more bits per channel, or numbers with a fraction.
    """
    fitted = ImageOps.fit(upright(image, seen), size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)


def reason(error: BaseException) -> str:
    """Returns why an image cannot be read, of what was raised over it."""
    error = error.__cause__ or error if isinstance(error, DataError) else error
    if isinstance(error, UnidentifiedImageError):
        return f"it is no image of the formats {', '.join(FORMATS)}"
    return in_short(error)


def stored_size(table: ImageTable, max_side: int) -> Size:
    """Returns the size (H, W) to store images at: the median original, longer side limited.

    Looks at up to 64 images spread evenly over the table, and at none that cannot be read: whoever
    decodes them names them all. The aspect ratio is the median one; both sides are multiples of 8
    and at least 32.

    Args:
        table: the images.
        max_side: limit of the longer side in pixels.

    Raises:
        DataError: an image is missing, or none that is looked at can be read; names some.
    """
    table.check_files()
    last = len(table.paths) - 1
    picked = np.unique(np.linspace(0, last, min(64, last + 1)).round().astype(np.int64)).tolist()
    files = {row: table.root / table.paths[row] for row in picked}
    found = {row: original_size(file, table.max_pixels) for row, file in files.items()}
    broken = {row: why for row, why in found.items() if isinstance(why, str)}
    sizes = np.array([size for size in found.values() if not isinstance(size, str)], np.float64)
    if not len(sizes):
        raise unreadable(table, broken)
    height = float(np.median(sizes[:, 0]))
    aspect = float(np.median(sizes[:, 1] / sizes[:, 0]))
    height = min(height, max_side, max_side / aspect)
    return _multiple_of_8(height), _multiple_of_8(height * aspect)


def broken_rows(
    table: ImageTable,
    left_out: Container[int],
    seconds: float,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[int, str], int]:
    """Returns why images cannot be read, by their row, and how many rows were looked at.

    Args:
        table: the images.
        left_out: rows that are not looked at.
        seconds: after which no further image is looked at.
        progress: called with (images done, N) after each.
    """
    found: dict[int, str] = {}
    end = time.monotonic() + seconds
    for row, path in enumerate(table.paths):
        if time.monotonic() > end:
            if progress is not None:
                progress(len(table.paths), len(table.paths))
            return found, row
        try:
            if row not in left_out:
                decode_image(table.root / path, _SMALL, "", table.max_pixels)
        except DataError as error:
            found[row] = reason(error)
        if progress is not None:
            progress(row + 1, len(table.paths))
    return found, len(table.paths)


def unreadable(table: ImageTable, broken: Mapping[int, str]) -> DataError:
    """Returns the error that names images that cannot be read, ten at most, and counts them.

    Args:
        table: the images.
        broken: why each cannot be read, by its row in the table.
    """
    paths, source_rows = table.paths, table.source_rows
    named = [
        f"{source_rows[row]}: image {paths[row]} cannot be read ({broken[row]})"
        for row in sorted(broken)
    ]
    return DataError(
        f"{len(broken)} of {len(paths)} images under {table.root} cannot be read; replace "
        f"the files or remove their rows: {several(named, '; ')}"
    )


def _multiple_of_8(pixels: float) -> int:
    return max(32, int(pixels / 8 + 0.5) * 8)


def original_size(path: Path, max_pixels: int) -> Size | str:
    """Returns the size (H, W) of an upright image, or why it cannot be read.

    One that is too large is not asked for its EXIF data, which may stand behind its pixels.
    """
    try:
        with open_image(path) as image:
            width, height = image.size
            asked = image.format in _REDUCIBLE or width * height <= max_pixels
            return (width, height) if asked and is_sideways(image) else (height, width)
    except UNREADABLE as error:
        return reason(error)
