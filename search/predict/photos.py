"""Photos to predict, in any form, as the pixels that networks were trained on.

Notation: n photos, stored H x W. A photo is turned upright, scaled to cover (H, W) and cropped
around its centre, as `trainables.data.image_decoding` does for training.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from search.errors import UsageError
from trainables.data.image_decoding import MAX_PIXELS, Size, decode_image, fit_image, reason
from trainables.errors import DataError

Pixels = NDArray[np.uint8]
Images = Pixels | torch.Tensor | Sequence[str | Path] | Sequence[Image.Image]
"""uint8 [N, H, W, 3] in RGB, paths of image files, or images of Pillow."""

_NAMED = 10


def check_images(images: Images) -> None:
    """Raises UsageError where these are not photos, such as a single one outside a list."""
    wanted = "images must be uint8 [N, H, W, 3], or a list of paths or of Pillow images"
    if isinstance(images, np.ndarray | torch.Tensor):
        is_uint8 = images.dtype in (np.uint8, torch.uint8)
        if not is_uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:]:
            raise UsageError(f"{wanted}, got {images.dtype} {list(images.shape)}")
        return
    if isinstance(images, str) or not isinstance(images, Sequence):
        raise UsageError(f"{wanted}, got {type(images).__name__}; put a single one into a list")
    for image in images:
        if not isinstance(image, str | Path | Image.Image):
            raise UsageError(f"{wanted}, got a list with {type(image).__name__}")


def decode(
    images: Images, size: Size, num_threads: int, max_pixels: int = MAX_PIXELS
) -> tuple[Pixels, list[str]]:
    """Returns the photos as stored ones, uint8 [n, H, W, 3], and a complaint a broken one.

    Args:
        images: photos that passed `check_images`.
        size: (H, W) in pixels.
        num_threads: that decode at once, at least one.
        max_pixels: that the photo of a file may have at most.
    """
    if isinstance(images, torch.Tensor):
        images = images.cpu().numpy()
    if isinstance(images, np.ndarray) and images.shape[1:3] == size:
        return np.ascontiguousarray(images), []  # torch takes no flipped view
    pixels = np.zeros((len(images), *size, 3), dtype=np.uint8)
    with ThreadPoolExecutor(num_threads, thread_name_prefix="decode") as executor:
        found = executor.map(partial(_decode_one, size=size, max_pixels=max_pixels), images)
        complaints = []
        for row, photo in enumerate(found):
            if isinstance(photo, str):
                complaints.append(photo)
            else:
                pixels[row] = photo
    return pixels, complaints


def unreadable(complaints: Sequence[str], num_images: int) -> DataError:
    """Returns the error that names broken photos, at most ten of them."""
    more = len(complaints) - _NAMED
    named = "; ".join(complaints[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return DataError(
        f"{len(complaints)} of {num_images} images cannot be read, so nothing is predicted; "
        f"replace or remove them: {named}"
    )


def _decode_one(
    image: Pixels | str | Path | Image.Image, size: Size, max_pixels: int
) -> Pixels | str:
    if isinstance(image, np.ndarray):
        return fit_image(Image.fromarray(image), size)
    if isinstance(image, Image.Image):
        try:
            return fit_image(image, size)
        except (OSError, ValueError, SyntaxError) as error:
            return f"{image!r} ({error})"
    try:
        return decode_image(Path(image), size, str(image), max_pixels)
    except DataError as error:
        return f"{image} ({reason(error)})"
