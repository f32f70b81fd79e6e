"""Small pictures for the page: thumbnails, and the mean photo of several."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.report.document import Photo
from trainables.data.image_decoding import MAX_PIXELS, decode_image, original
from trainables.errors import DataError

_SIDE = 128
"""Pixels of the longer side of a thumbnail; shown a little smaller."""
_QUALITY = 75


def thumbnail(root: Path, path: str, caption: str, max_pixels: int | None = None) -> Photo | None:
    """Returns a photo small, whole and upright; None where it cannot be read."""
    try:
        square, _, (height, width) = original(
            root / path, (_SIDE, _SIDE), max_pixels or MAX_PIXELS
        )
    except (DataError, OSError):
        return None
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Photo(source=_data_url(Image.fromarray(square).resize(size)), caption=caption)


def mean_photo(
    root: Path, paths: Sequence[str], shape: float, caption: str, max_pixels: int | None = None
) -> Photo | None:
    """Returns the mean of photos that are cut to one shape; None where none can be read.

    Args:
        root: the folder the paths start from.
        paths: of the photos.
        shape: height by width.
        caption: of the picture.
        max_pixels: of a photo at most; None is what is usual.
    """
    size = (_SIDE, max(8, round(_SIDE / shape)))
    total, count = np.zeros((*size, 3)), 0
    for path in paths:
        try:
            total += decode_image(root / path, size, path, max_pixels or MAX_PIXELS)
        except DataError:
            continue
        count += 1
    if not count:
        return None
    mean: NDArray[np.uint8] = np.rint(total / count).astype(np.uint8)
    return Photo(source=_data_url(Image.fromarray(mean)), caption=caption)


def _data_url(image: Image.Image) -> str:
    memory = io.BytesIO()
    image.save(memory, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(memory.getvalue()).decode('ascii')}"
