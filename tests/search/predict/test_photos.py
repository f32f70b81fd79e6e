"""Photos in any form become the pixels that training would have stored."""

import numpy as np
import pytest
import torch
from PIL import Image

from search.errors import UsageError
from search.predict.photos import check_images, decode, unreadable
from trainables.data.image_decoding import decode_image
from trainables.errors import DataError

SIZE = (20, 15)


def noise(count=3, height=33, width=28, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def stored(folder, images, suffix=".png", **options):
    """Writes the images and returns their paths, with the pixels that training would store."""
    paths = []
    for number, image in enumerate(images):
        paths.append(folder / f"{number}{suffix}")
        image.save(paths[-1], **options)
    return paths, np.stack([decode_image(path, SIZE, "a row") for path in paths])


def picture(mode):
    image = Image.fromarray(noise(1)[0])
    if mode == "P with transparency":
        image = image.quantize(16)
        image.info["transparency"] = 3
        return image
    return image.convert(mode)


def test_arrays_tensors_files_and_pillow_images_give_the_same_pixels(tmp_path):
    array = noise()
    images = [Image.fromarray(pixels) for pixels in array]
    paths, expected = stored(tmp_path, images)
    forms = (array, torch.from_numpy(array), images, paths, [str(path) for path in paths])
    for form in forms:
        pixels, complaints = decode(form, SIZE, 2)
        np.testing.assert_array_equal(pixels, expected)
        assert complaints == []


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1", "P with transparency"])
def test_a_pillow_image_of_any_mode_is_decoded_as_its_file(tmp_path, mode):
    paths, expected = stored(tmp_path, [picture(mode)])
    with Image.open(paths[0]) as image:
        pixels, _ = decode([image], SIZE, 1)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_pillow_image_is_turned_upright_as_its_file(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    paths, expected = stored(tmp_path, [picture("RGB")], exif=exif)
    with Image.open(paths[0]) as image:
        pixels, _ = decode([image], SIZE, 1)
    np.testing.assert_array_equal(pixels, expected)


def test_photos_of_the_stored_size_are_taken_as_they_are():
    array = noise(height=SIZE[0], width=SIZE[1])
    assert decode(array, SIZE, 1)[0] is array
    turned = array[..., ::-1]  # as OpenCV's pictures become RGB; torch takes no such view
    torch.from_numpy(decode(turned, SIZE, 1)[0])
    image = Image.fromarray(array[0])
    np.testing.assert_array_equal(decode([image], SIZE, 1)[0], array[:1])


def test_broken_photos_are_named_and_the_others_keep_their_places(tmp_path):
    (good,), expected = stored(tmp_path, [picture("RGB")])
    broken = tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:100])
    missing, deep = tmp_path / "none.png", Image.new("I", (30, 30))
    pixels, complaints = decode([broken, good, missing, good], SIZE, 2)
    np.testing.assert_array_equal(pixels[[1, 3]], np.stack([expected[0]] * 2))
    assert [text.partition(" ")[0] for text in complaints] == [str(broken), str(missing)]
    (complaint,) = decode([deep], SIZE, 1)[1]
    assert "must have 8 or 16 bits per channel, got mode 'I'" in complaint
    assert decode([Image.new("I;16", (30, 30))], SIZE, 1)[1] == []


def test_a_text_called_like_a_photo_is_told_in_words(tmp_path):
    path = tmp_path / "text.jpg"
    path.write_text("no photo")
    (complaint,) = decode([path], SIZE, 1)[1]
    assert complaint == f"{path} (it is no image of the formats JPEG, PNG, BMP, WEBP)"


def test_a_photo_of_more_pixels_than_the_data_allows_is_broken(tmp_path):
    (path,), _ = stored(tmp_path, [Image.fromarray(noise(1)[0])])
    assert decode([path], SIZE, 1, max_pixels=33 * 28)[1] == []
    (complaint,) = decode([path], SIZE, 1, max_pixels=33 * 28 - 1)[1]
    assert "at most 923 pixels, got 28 x 33" in complaint


def test_at_most_ten_broken_photos_are_named():
    error = unreadable([f"photo{number} (cut short)" for number in range(13)], 700)
    assert isinstance(error, DataError)
    assert str(error).startswith("13 of 700 images cannot be read, so nothing is predicted")
    assert "photo9 (cut short); and 3 more" in str(error)
    assert "photo10" not in str(error)
    assert "more" not in str(unreadable(["a"] * 10, 10)).partition("them:")[2]


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (noise()[0], r"uint8 \[33, 28, 3\]"),
        (noise().astype(float), r"float64 \[3, 33, 28, 3\]"),
        (noise().transpose(0, 3, 1, 2), r"uint8 \[3, 3, 33, 28\]"),
        (noise()[:, :0], r"uint8 \[3, 0, 28, 3\]"),
        (torch.zeros(2, 3, 4, 3), r"torch.float32 \[2, 3, 4, 3\]"),
        ("a.jpg", "got str; put a single one into a list"),
        (Image.new("RGB", (3, 3)), "got Image; put a single one into a list"),
        (iter(["a.jpg"]), "got list_iterator"),
        (["a.jpg", 3], "got a list with int"),
    ],
)
def test_what_is_no_list_of_photos_is_refused(images, got):
    with pytest.raises(UsageError, match=rf"images must be uint8 \[N, H, W, 3\].*{got}"):
        check_images(images)


def test_no_photos_at_all_pass():
    check_images([])
    check_images(noise(0))
