"""Small pictures of photos, for pages."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT = 88
"""Pixels; the page shows them at this height."""
_QUALITY = 75


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Returns a photo, uint8 [H, W, 3] in RGB, as a JPEG of at most `HEIGHT` pixels height."""
    image = Image.fromarray(pixels)
    if image.height > HEIGHT:
        width = max(1, round(image.width * HEIGHT / image.height))
        image = image.resize((width, HEIGHT), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
