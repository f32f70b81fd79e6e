"""A decoded photo as every reader sees it: upright, 8 bits per channel, RGB.

What is transparent shows the colours that are stored beneath it. 16 bits per channel are scaled to
8. An EXIF orientation turns the photo upright; EXIF that cannot be read turns nothing.
"""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

UINT8 = npt.NDArray[np.uint8]

UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are broken, cut short or no images."""

_UNREADABLE_EXIF = (
    *(*UNREADABLE, TypeError, LookupError, ArithmeticError, AttributeError),
    UserWarning,  # where warnings are errors
)
"""What Pillow raises for EXIF that is cut short or made up, while the picture is whole."""

_SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations in which width and height change places."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photo of an EXIF orientation upright."""

_OPAQUE = 255

KINDS = {
    "sixteen_bits": "have 16 bits per channel, scaled to 8",
    "transparent": "have transparent parts, where the colours stored beneath them are seen",
}
"""What is done to images of some kinds, to be said after their number."""


def upright(
    image: Image.Image,
    seen: Callable[[str], None] = lambda kind: None,  # noqa: ARG005
) -> Image.Image:
    """Returns an image decoded, upright, RGB.

    Args:
        image: opened, not loaded yet.
        seen: called with a key of `KINDS` where the image is of such a kind.

    Raises:
        ValueError: more than 16 bits per channel, or numbers with a fraction.
        OSError: broken or cut short; see `UNREADABLE` for what else Pillow raises then.
    """
    sixteen_bits = _has_sixteen_bits(image)
    if sixteen_bits:
        seen("sixteen_bits")
    image.load()
    if _shows_hidden_colours(image, sixteen_bits):
        seen("transparent")
    method = _UPRIGHT.get(_orientation(image))
    return _to_rgb(image if method is None else image.transpose(method))


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _UNREADABLE_EXIF:
        return 1
    return next((number for number in _UPRIGHT if number == found), 1)


def is_sideways(image: Image.Image) -> bool:
    """Returns whether width and height change places when an image is turned upright."""
    return _orientation(image) in _SIDEWAYS


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Returns whether an image that is not loaded yet has 16 bits per channel.

    Pillow takes the upper 8 of a coloured one; its mode does not tell, what it will decode does.
    """
    tiles = getattr(image, "tile", ())
    raw_modes = (str(t[3][0] if isinstance(t[3], tuple) else t[3]) for t in tiles)
    # A BMP's BGR;16 has 16 bits per pixel.
    of_coloured = any(";16" in mode and not mode.startswith("BGR;") for mode in raw_modes)
    return image.mode.startswith("I;16") or of_coloured


def _shows_hidden_colours(image: Image.Image, sixteen_bits: bool) -> bool:
    if "A" in image.getbands():
        return not _opaque(image)
    # Of 16 bits the transparent colour is no longer to be found among the 8 that are left.
    return image.has_transparency_data and (sixteen_bits or not _opaque(image.convert("RGBA")))


def _opaque(image: Image.Image) -> bool:
    return bool((np.asarray(image.getchannel("A")) == _OPAQUE).all())


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(
            f"images must have 8 or 16 bits per channel, got mode {image.mode!r}; save it as one"
        )
    if image.mode == "P" and image.has_transparency_data:
        image = image.convert("RGBA")  # Pillow warns about palettes that go straight to RGB
    return image.convert("RGB")


def _eight_bits(pixels: npt.NDArray[np.uint16]) -> UINT8:
    """Returns 16-bit values scaled to [0, 255]: the whole range, not that of the picture."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
