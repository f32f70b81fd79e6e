"""Photos small and grey: what is kept of them, what is wrong with them, and the cache."""

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.folders import write_image
from trainables.data import sketches as module
from trainables.data.sketches import SIDE, Sketches


def opened(root, names, cache, **options):
    return Sketches.open(root, names, cache, num_threads=2, **options)


def test_a_sketch_says_what_a_photo_is_like(tmp_path):
    write_image(tmp_path / "a.png", size=(12, 16), colour=(200, 100, 50))
    Image.new("L", (30, 20), 77).save(tmp_path / "b.jpg")
    found = opened(tmp_path, ["a.png", "b.jpg"], tmp_path / "cache")
    assert found.luma.shape == (2, SIDE, SIDE)
    assert found.luma[0].mean() == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert found.size.tolist() == [[16, 12], [20, 30]]
    assert found.mode.tolist() == ["RGB", "L"]
    assert found.colourful == pytest.approx([0, 0], abs=1e-3)
    assert found.colour[0].tolist() == [200, 100, 50]
    assert found.is_read.all()


def test_an_exif_orientation_turns_the_sketch_and_its_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 20, 20))
    image.save(tmp_path / "a.jpg", exif=exif)
    found = opened(tmp_path, ["a.jpg"], tmp_path / "cache")
    assert found.size.tolist() == [[40, 20]]
    assert found.luma[0, : SIDE // 4].mean() > 240 > 20 > found.luma[0, -SIDE // 4 :].mean()


def test_one_broken_photo_stops_nothing(tmp_path):
    names = ["good.png", "empty.jpg", "text.jpg", "none.jpg"]
    write_image(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no photo", encoding="utf-8")
    found = opened(tmp_path, names, tmp_path / "cache")
    assert found.is_read.tolist() == [True, False, False, False]
    assert found.wrong[1] == "the file is empty"
    assert "no image of the formats" in found.wrong[2]
    assert found.digest_of_read[0]
    assert found.digest_of_read[1:] == ["", "", ""]


def test_equal_files_have_one_digest(tmp_path):
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    write_image(tmp_path / "c.png", colour=(1, 2, 3))
    found = opened(tmp_path, ["a.png", "b.png", "c.png"], tmp_path / "cache")
    assert found.digest[0] == found.digest[1] != found.digest[2]


def test_only_new_and_changed_photos_are_decoded_again(tmp_path):
    names = [f"{n}.png" for n in range(4)]
    for n, name in enumerate(names):
        write_image(tmp_path / name, colour=(n, n, n))
    done = []
    kept = {"progress": lambda now, total: done.append((now, total))}
    first = opened(tmp_path, names, tmp_path / "cache", **kept)
    assert done[-1] == (4, 4)
    done.clear()
    again = opened(tmp_path, names, tmp_path / "cache", **kept)
    assert not done
    np.testing.assert_array_equal(first.luma, again.luma)
    write_image(tmp_path / "1.png", size=(40, 40), colour=(99, 99, 99))
    write_image(tmp_path / "4.png")
    changed = opened(tmp_path, [*names, "4.png"], tmp_path / "cache", **kept)
    assert done[-1] == (2, 2)
    assert changed.luma[1].mean() == 99
    np.testing.assert_array_equal(changed.luma[[0, 2, 3]], first.luma[[0, 2, 3]])


@pytest.mark.parametrize("damage", [lambda data: data[:50], lambda data: b"", lambda data: b"x"])
def test_a_torn_cache_is_made_again(damage, tmp_path):
    write_image(tmp_path / "a.png")
    first = opened(tmp_path, ["a.png"], tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / "sketches").glob("*.npz")
    kept.write_bytes(damage(kept.read_bytes()))
    again = opened(tmp_path, ["a.png"], tmp_path / "cache")
    np.testing.assert_array_equal(first.luma, again.luma)


def test_a_sketch_of_another_version_is_not_taken(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png")
    opened(tmp_path, ["a.png"], tmp_path / "cache")
    monkeypatch.setattr(module, "_VERSION", module._VERSION + 1)
    done = []
    opened(tmp_path, ["a.png"], tmp_path / "cache", progress=lambda *now: done.append(now))
    assert done == [(1, 1)]


def test_a_photo_that_could_not_be_read_is_tried_again(tmp_path, monkeypatch):
    """Rights that are given, or a share that comes back, change no size and no time."""
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name)

    def broken(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(module, "original", broken)
        assert not opened(tmp_path, ["a.png", "b.png"], tmp_path / "cache").is_read.any()
    found = opened(tmp_path, ["a.png", "b.png"], tmp_path / "cache")
    assert found.is_read.all()
    assert found.digest_of_read[0] == found.digest_of_read[1] != ""
