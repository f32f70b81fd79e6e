import io

import numpy as np
import pytest
from PIL import Image

from trainables.data.thumbnails import HEIGHT, thumbnail


@pytest.mark.parametrize(
    ("shape", "size"),
    [((352, 176), (44, HEIGHT)), ((40, 30), (30, 40)), ((400, 1), (1, HEIGHT))],
)
def test_a_photo_keeps_its_shape_at_a_small_size(shape, size):
    jpeg = thumbnail(np.full((*shape, 3), (200, 20, 20), dtype=np.uint8))
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", size)
    red, green, _ = image.getpixel((0, 0))
    assert red > 150 > 60 > green
