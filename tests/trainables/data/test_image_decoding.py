import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from PIL.PngImagePlugin import PngImageFile

from tests.trainables.data.folders import write_image
from trainables.data import image_decoding
from trainables.data.image_decoding import decode_image, original, stored_size
from trainables.data.image_files import IMAGE_SUFFIXES
from trainables.data.jpeg_header import one_scan
from trainables.data.sample_table import UnlabelledTable
from trainables.errors import DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def _stripes(path: Path, *colours: tuple[int, int, int], width: int = 8, height: int = 32) -> Path:
    """Writes vertical stripes, each `width` x `height` pixels, from left to right."""
    image = Image.new("RGB", (width * len(colours), height))
    for column, colour in enumerate(colours):
        image.paste(colour, (column * width, 0, (column + 1) * width, height))
    image.save(path)
    return path


def test_a_wide_image_is_cropped_around_its_centre(tmp_path):
    path = _stripes(tmp_path / "a.png", RED, GREEN, GREEN, BLUE, height=16)
    pixels = decode_image(path, (16, 16), "row 1")
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.uint8(GREEN), (16, 16, 3)))


def test_a_tall_image_is_scaled_to_cover_before_the_crop(tmp_path):
    upright = _stripes(tmp_path / "a.png", RED, GREEN, GREEN, BLUE, width=16, height=32)
    with Image.open(upright) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "tall.png")
    pixels = decode_image(tmp_path / "tall.png", (8, 8), "row 1")
    assert pixels[4, 4].tolist() == list(GREEN)
    assert pixels[:, 0].tolist() == pixels[:, 7].tolist()


def test_downscaling_averages_instead_of_picking_pixels(tmp_path):
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "board.png")
    pixels = decode_image(tmp_path / "board.png", (8, 8), "row 1").astype(int)
    assert np.abs(pixels - 127).max() <= 3


@pytest.mark.parametrize("name", ["big.jpg", "big.png"])
def test_a_jpeg_decoded_at_a_fraction_looks_like_the_whole(tmp_path, name):
    path = write_image(tmp_path / name, size=(640, 480), colour=(10, 120, 240))
    pixels = decode_image(path, (48, 48), "row 1").astype(int)
    assert pixels.shape == (48, 48, 3)
    assert np.abs(pixels - [10, 120, 240]).max() <= 3


def test_the_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (32, 16), RED)
    image.paste(BLUE, (16, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # must be turned by 90 degrees clockwise to be upright
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0)
    pixels = decode_image(tmp_path / "turned.jpg", (32, 16), "row 1")
    assert pixels[4, 8, 0] > 200
    assert pixels[28, 8, 2] > 200
    table = UnlabelledTable(root=tmp_path, paths=("turned.jpg",), names=("turned",))
    assert stored_size(table, 999) == (32, 32)


def test_a_sideways_jpeg_is_not_decoded_below_the_wanted_size(tmp_path):
    rows = np.zeros((200, 800), dtype=np.uint8)
    rows[::2] = 255  # single rows: at half the resolution they would melt into grey
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rows).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    assert decode_image(tmp_path / "turned.jpg", (100, 200), "row 1").std() > 100


def _cut(path: Path, keep: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.6])
def test_an_image_cut_short_is_a_data_error_naming_row_and_file(tmp_path, name, keep):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    path = _cut(tmp_path / name, keep)
    with pytest.raises(DataError, match=f"train.csv row 7: image .*{name} cannot be read .*row"):
        decode_image(path, (32, 32), "train.csv row 7")


def test_a_missing_image_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"row 7: image .*absent.jpg cannot be read"):
        decode_image(tmp_path / "absent.jpg", (8, 8), "row 7")


def _table(root: Path, sizes: list[tuple[int, int]]) -> UnlabelledTable:
    names = tuple(f"{i:03}.png" for i in range(len(sizes)))
    for name, size in zip(names, sizes, strict=True):
        write_image(root / name, size=size)
    return UnlabelledTable(root=root, paths=names, names=names)


@pytest.mark.parametrize(
    ("original", "max_side", "expected"),
    [
        ((384, 512), 1024, (512, 384)),
        ((384, 512), 256, (256, 192)),
        ((384, 512), 250, (248, 184)),
        ((160, 160), 224, (160, 160)),
        ((400, 200), 200, (104, 200)),
        ((20, 40), 256, (40, 32)),
        ((10, 10), 256, (32, 32)),
    ],
)
def test_the_stored_size_keeps_the_shape_and_limits_the_longer_side(
    tmp_path, original, max_side, expected
):
    assert stored_size(_table(tmp_path, [original]), max_side) == expected


def test_the_stored_size_is_the_median_one(tmp_path):
    table = _table(tmp_path, [(64, 64), (96, 128), (96, 128), (96, 128), (640, 64)])
    assert stored_size(table, 999) == (128, 96)


def test_the_stored_size_looks_at_images_all_over_the_table(tmp_path):
    table = _table(tmp_path, [(64, 64)] * 60 + [(64, 96)] * 100)
    assert stored_size(table, 999) == (96, 64)


def test_where_no_image_can_be_read_there_is_no_size(tmp_path):
    table = _table(tmp_path, [(64, 64)] * 12)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"12 of 12 .*'000.png': .*009.png.* and 2 more") as raised:
        stored_size(table, 256)
    assert "010.png" not in str(raised.value)


def test_an_image_that_cannot_be_read_leaves_the_size_to_the_others(tmp_path):
    table = _table(tmp_path, [(64, 64), (64, 64), (640, 64)])
    (tmp_path / "002.png").write_bytes(b"")
    assert stored_size(table, 256) == (64, 64)


def test_a_jpeg_of_too_many_pixels_is_read_at_a_fraction_that_has_not(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # Pillow refuses from 20,000 on
    path = write_image(tmp_path / "a.jpg", size=(400, 300), colour=RED)
    assert decode_image(path, (32, 32), "row 1", max_pixels=20_000).shape == (32, 32, 3)


@pytest.mark.parametrize(("name", "options"), [("a.png", {}), ("a.jpg", {"progressive": True})])
def test_what_is_held_whole_is_refused_with_the_option_that_allows_it(
    tmp_path, monkeypatch, name, options
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    path = write_image(tmp_path / name, size=(400, 300), colour=RED, **options)
    with pytest.raises(DataError, match=r"at most 20000 pixels, got 400 x 300: .*max_pixels: "):
        decode_image(path, (32, 32), "row 1", max_pixels=20_000)
    assert decode_image(path, (32, 32), "row 1", max_pixels=120_000).shape == (32, 32, 3)


def _of_several_scans(path: Path) -> Path:
    """Has the first scan of a sequential JPEG name one component of three."""
    write_image(path, size=(400, 300), colour=RED)
    head, _, rest = path.read_bytes().partition(b"\xff\xda")
    one = b"\xff\xda\0\x08\1" + rest[3:5] + b"\0\x3f\0"
    path.write_bytes(head + one + rest[rest[1] :])
    return path


def test_a_sequential_jpeg_of_several_scans_is_held_whole_too(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    path = _of_several_scans(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"at most 20000 pixels, got 400 x 300"):
        decode_image(path, (32, 32), "row 1", max_pixels=20_000)


def _scanned(path: Path, change: Callable[[bytes], bytes]) -> bool:
    return one_scan(BytesIO(change(path.read_bytes())))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data, True),
        (lambda data: data.replace(b"\xff\xda", b"\xff\xff\xda"), True),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc2"), False),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc3"), False),
        (lambda data: data.replace(b"\xff\xda", b"x\xff\xda"), False),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc4"), False),
        (lambda data: data[: data.index(b"\xff\xda") + 3], False),
        (lambda data: b"\xff\xd8\xff\xe0\0\1" + data[2:], False),
        (lambda data: b"", False),
    ],
)
def test_one_scan_is_told_from_the_header_alone_and_odd_headers_have_several(
    tmp_path, change, expected
):
    path = write_image(tmp_path / "a.jpg", size=(16, 16), colour=RED)
    assert _scanned(path, change) == expected


def test_the_exif_data_of_a_large_png_is_not_looked_for_behind_its_pixels(tmp_path, monkeypatch):
    decoded = []
    monkeypatch.setattr(PngImageFile, "load", lambda image: decoded.append(image.filename))
    table = replace(_table(tmp_path, [(200, 200)]), max_pixels=20_000)
    assert stored_size(table, 256) == (200, 200)
    with pytest.raises(DataError, match="at most 20000 pixels"):
        decode_image(tmp_path / "000.png", (8, 8), "row 1", max_pixels=20_000)
    with pytest.raises(DataError, match="at most 20000 pixels"):
        original(tmp_path / "000.png", (8, 8), max_pixels=20_000)
    assert decoded == []


def test_the_size_of_a_large_image_is_known_without_its_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    monkeypatch.setattr(image_decoding, "MAX_PIXELS", 20_000)
    assert stored_size(_table(tmp_path, [(400, 400)]), 256) == (256, 256)


def _bomb_header(width: int, height: int) -> bytes:
    """Returns a PNG of 45 bytes that claims a size and holds no pixel."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _png([(b"IHDR", head), (b"IDAT", b"")])


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("limit", [89_478_485, None], ids=["as Pillow has it", "switched off"])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = tmp_path / "a.png"
    path.write_bytes(_bomb_header(60_000, 60_000))
    with pytest.raises(DataError, match=r"row 7: image .*pixels"):
        decode_image(path, (8, 8), "row 7")


@pytest.mark.parametrize("kind", ["EPS", "GIF", "TIFF", "PPM", "PDF", "ICO", "TGA"])
def test_what_a_file_holds_never_chooses_another_decoder(tmp_path, kind):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16), RED).save(path, format=kind)
    with pytest.raises(DataError, match="no image of the formats JPEG, PNG, BMP, WEBP"):
        decode_image(path, (8, 8), "row 7")


def test_postscript_never_reaches_ghostscript(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **_: started.append(given))
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), RED).save(path, format="EPS")
    with pytest.raises(DataError):
        decode_image(path, (8, 8), "row 7")
    assert started == []


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_named_suffix_has_its_decoder(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (16, 16), RED).save(path)
    assert decode_image(path, (8, 8), "row 1").shape == (8, 8, 3)


def test_the_name_does_not_choose_the_decoder_either(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16), RED).save(path, format="PNG")
    assert decode_image(path, (8, 8), "row 1")[0, 0].tolist() == list(RED)


WITHOUT_A_WORD = """
import sys
from pathlib import Path
from PIL import Image
from trainables.data.image_decoding import open_image
Image.MAX_IMAGE_PIXELS = 1000
for path in sys.argv[1:]:
    with open_image(Path(path)) as image:
        image.getexif().get_ifd(0x8769)
"""


def test_what_pillow_warns_of_does_not_reach_the_terminal(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "large.png")
    torn = b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + bytes(20)
    Image.new("RGB", (8, 8)).save(tmp_path / "torn.jpg", exif=torn)
    paths = [str(tmp_path / name) for name in ("large.png", "torn.jpg")]
    command = [sys.executable, "-c", WITHOUT_A_WORD, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="must be a plain file"):
        decode_image(tmp_path / "a.jpg", (8, 8), "row 1")
