import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.image_decoding import decode_image, fit_image
from trainables.data.upright import upright

RED, BLUE = (255, 0, 0), (0, 0, 255)
SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}


ODD_EXIF = {
    "cut short": b"Exif\0\0II*\0\x08\0\0\0\xff\x00",
    "no TIFF": b"Exif\0\0nonsense",
    "points outside": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "odd orientation": b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0\0\0\0\0",
    "a text for an orientation": (b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\2\0\4\0\0\0abc\0\0\0\0\0"),
}


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1"])
def test_every_usual_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / {"CMYK": "a.jpg"}.get(mode, "a.png")
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
    assert decode_image(path, (8, 8), "row 1").tolist() == np.full((8, 8, 3), 255).tolist()


def test_a_palette_with_transparency_becomes_rgb_without_a_warning(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, *RED])
    image.save(tmp_path / "a.png", transparency=b"\x80\xff")
    assert decode_image(tmp_path / "a.png", (8, 8), "row 1")[0, 0].tolist() == list(RED)


def test_sixteen_bits_are_scaled_by_their_whole_range(tmp_path):
    values = np.repeat(np.array([0, 257, 40_000, 65_535], dtype=np.uint16), 2)
    Image.fromarray(np.tile(values, (8, 1))).save(tmp_path / "a.png")
    seen = []
    pixels = decode_image(tmp_path / "a.png", (8, 8), "row 1", seen=seen.append)
    assert pixels[0, ::2, 0].tolist() == [0, 1, 156, 255]
    assert seen == ["sixteen_bits"]


RED, BLUE = (255, 0, 0), (0, 0, 255)
SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
"""Of a pixel, by the colour type of a PNG: grey, RGB, grey and alpha, RGB and alpha."""


def _sixteen_bits(path: Path, colour: int, key: bytes = b"") -> Path:
    """Writes a PNG of 8 x 8 pixels of value 40,000 and 16 bits; `key` is the transparent one."""
    pixels = np.full((8, 8, SAMPLES[colour]), 40_000, dtype=">u2")
    if colour >= 4:
        pixels[..., -1] = 65_535
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, colour, 0, 0, 0)), (b"tRNS", key)]
    path.write_bytes(_png([*(c for c in chunks if c[1]), (b"IDAT", zlib.compress(lines))]))
    return path


@pytest.mark.parametrize("colour", SAMPLES)
def test_sixteen_bits_of_every_kind_of_png_are_scaled_and_counted(tmp_path, colour):
    seen = []
    path = _sixteen_bits(tmp_path / "a.png", colour)
    pixels = decode_image(path, (8, 8), "row 1", seen=seen.append)
    assert pixels[0, 0].tolist() == [156, 156, 156]
    assert seen == ["sixteen_bits"]


@pytest.mark.parametrize("colour", [0, 2])
def test_a_transparent_colour_of_sixteen_bits_is_counted(tmp_path, colour):
    seen = []
    key = struct.pack(">H", 40_000) * SAMPLES[colour]
    decode_image(_sixteen_bits(tmp_path / "a.png", colour, key), (8, 8), "row 1", seen=seen.append)
    assert seen == ["sixteen_bits", "transparent"]


@pytest.mark.parametrize(("key", "expected"), [(RED, ["transparent"]), (BLUE, [])])
def test_a_transparent_colour_that_no_pixel_has_is_not_counted(tmp_path, key, expected):
    seen = []
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png", transparency=key)
    assert decode_image(tmp_path / "a.png", (8, 8), "row 1", seen=seen.append)[0, 0, 0] == 255
    assert seen == expected


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_more_bits_are_refused_rather_than_clipped(mode):
    with pytest.raises(ValueError, match=f"8 or 16 bits per channel, got mode '{mode}'"):
        fit_image(Image.new(mode, (8, 8)), (8, 8))


def test_transparent_parts_show_the_colours_stored_beneath_and_are_counted(tmp_path):
    image = Image.new("RGBA", (8, 8), (*RED, 255))
    seen = []
    image.save(tmp_path / "a.png")
    decode_image(tmp_path / "a.png", (8, 8), "row 1", seen=seen.append)
    assert seen == []
    image.putpixel((3, 3), (*BLUE, 0))
    image.save(tmp_path / "a.png")
    pixels = decode_image(tmp_path / "a.png", (8, 8), "row 1", seen=seen.append)
    assert pixels[3, 3].tolist() == list(BLUE)
    assert seen == ["transparent"]


ODD_EXIF = {
    "cut short": b"Exif\0\0II*\0\x08\0\0\0\xff\x00",
    "no TIFF": b"Exif\0\0nonsense",
    "points outside": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "odd orientation": b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0\0\0\0\0",
    "a text for an orientation": (b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\2\0\4\0\0\0abc\0\0\0\0\0"),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", ODD_EXIF.values(), ids=ODD_EXIF)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_odd_exif_never_stops_a_whole_picture(tmp_path, exif, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (32, 16), RED).save(path, exif=exif)
    assert decode_image(path, (16, 32), "row 1").shape == (16, 32, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_an_orientation_beside_tags_that_cannot_be_written_again_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(exif.tobytes())
    data[14:16] = b"\x02\x00"  # one more tag than there is room for
    image = Image.new("RGB", (32, 16), RED)
    image.paste(BLUE, (16, 0, 32, 16))
    image.save(tmp_path / "a.jpg", exif=bytes(data), quality=95, subsampling=0)
    pixels = decode_image(tmp_path / "a.jpg", (32, 16), "row 1")
    assert pixels[28, 8, 2] > 200


def test_a_bmp_of_16_bits_a_pixel_has_no_16_a_channel(tmp_path):
    pixels = b"\x00\xf8" * 64
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 16, 3, len(pixels), 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    start = b"BM" + struct.pack("<IHHI", 66 + len(pixels), 0, 0, 66)
    (tmp_path / "a.bmp").write_bytes(start + header + masks + pixels)
    seen = []
    with Image.open(tmp_path / "a.bmp") as image:
        assert np.asarray(upright(image, seen.append))[0, 0].tolist() == [255, 0, 0]
    assert seen == []
