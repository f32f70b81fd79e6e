"""Photos of every format, for the reader that is fuzzed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from trainables.data.image_decoding import decode_image

Made = tuple[Path, Callable[[], object]]


def photo(suffix: str) -> Callable[[Path], Made]:
    """Returns the maker of a photo of a format, with pixels of many colours and an orientation."""

    def make(folder: Path) -> Made:
        pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        path = folder / f"photo.{suffix}"
        Image.fromarray(pixels).save(path, exif=exif)
        return path, lambda: decode_image(path, (16, 12), "row 2 of manifest.csv")

    return make
