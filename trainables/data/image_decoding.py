"""Image files to pixels: one decoder for training, refit and prediction.

Notation: stored pixels H x W; a size is always (H, W).
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from trainables.data.bounded_files import check_plain
from trainables.errors import DataError, in_short

UINT8 = npt.NDArray[np.uint8]
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

Checked from the header, before anything is decoded, and whatever `Image.MAX_IMAGE_PIXELS` is: any
package in the process may have set it to None.
"""

_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are broken, cut short or no images."""

_SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations in which width and height change places."""


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

    def check_files(self) -> None:
        """Raises DataError if a file is missing."""


def decode_image(path: Path, size: Size, where: str) -> UINT8:
    """Returns an image turned upright, scaled to cover `size` and cropped around its centre.

    Args:
        path: the image file.
        size: (H, W) in pixels.
        where: what to call the image in an error, such as "train.csv row 12".

    Returns:
        uint8 array [H, W, 3], RGB.

    Raises:
        DataError: the file is missing, broken, cut short or not an image.
    """
    height, width = size
    try:
        with open_image(path) as image:
            wanted = (height, width) if _is_sideways(image) else (width, height)
            image.draft("RGB", wanted)  # JPEG only: decodes at 1/2, 1/4 or 1/8, never below wanted
            fitted = fit_image(image, size)
    except _UNREADABLE as error:
        raise _unreadable(path, where, error) from error
    return fitted


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image by the decoders of `FORMATS` alone; reads its header only.

    Raises:
        OSError: the file is missing or of no such format.
        ValueError: it has more than `MAX_PIXELS` pixels.
    """
    check_plain(path)
    with Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(
                f"a photo has at most {MAX_PIXELS} pixels, got {width} x {height}: scale it down"
            )
        yield image


def fit_image(image: Image.Image, size: Size) -> UINT8:
    """Returns an image upright, scaled to cover `size` (H, W) and cropped around its centre.

    Args:
        image: with 8 bits per channel.
        size: (H, W) in pixels.

    Raises:
        ValueError: more bits per channel.
    """
    upright = _to_rgb(ImageOps.exif_transpose(image))
    fitted = ImageOps.fit(upright, size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)


def _is_sideways(image: Image.Image) -> bool:
    return image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        raise ValueError(f"images must have 8 bits per channel, got mode {image.mode!r}")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns about palettes that go straight to RGB
    return image.convert("RGB")


def _unreadable(path: Path, where: str, error: Exception) -> DataError:
    reason = in_short(error)
    if isinstance(error, UnidentifiedImageError):
        reason = f"it is no image of the formats {', '.join(FORMATS)}"
    return DataError(
        f"{where}: image {path} cannot be read ({reason}); replace the file or remove its row"
    )


def stored_size(table: ImageTable, max_side: int) -> Size:
    """Returns the size (H, W) to store images at: the median original, longer side limited.

    Looks at up to 64 images spread evenly over the table. The aspect ratio is the median one;
    both sides are multiples of 8 and at least 32.

    Args:
        table: the images.
        max_side: limit of the longer side in pixels.

    Raises:
        DataError: an image that is looked at cannot be read.
    """
    table.check_files()
    last = len(table.paths) - 1
    picked = np.unique(np.linspace(0, last, min(64, last + 1)).round().astype(np.int64))
    sizes = np.array([_original_size(table, int(i)) for i in picked], dtype=np.float64)
    height = float(np.median(sizes[:, 0]))
    aspect = float(np.median(sizes[:, 1] / sizes[:, 0]))
    height = min(height, max_side, max_side / aspect)
    return _multiple_of_8(height), _multiple_of_8(height * aspect)


def _multiple_of_8(pixels: float) -> int:
    return max(32, int(pixels / 8 + 0.5) * 8)


def _original_size(table: ImageTable, row: int) -> Size:
    path = table.root / table.paths[row]
    try:
        with open_image(path) as image:
            width, height = image.size
            return (width, height) if _is_sideways(image) else (height, width)
    except _UNREADABLE as error:
        raise _unreadable(path, table.source_rows[row], error) from error
