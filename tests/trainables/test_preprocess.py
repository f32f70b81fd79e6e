"""One object for training and evaluation: the same pixels where nothing is augmented."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.trainables import tiny
from trainables.config import Input
from trainables.preprocess import CROPS, Mix, Preprocess

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def preprocess(size=32, crop="full", **strengths):
    """Returns a preprocessing with all augmentation off but the given."""
    config = tiny.config({f"augment.{name}": value for name, value in strengths.items()})
    window = Input(size=size, crop=crop)
    return Preprocess(input=window, augment=config.augment, mean=MEAN, std=STD)


def photos(count=6, height=40, width=30, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def train(prepared, images, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return prepared.train(images, generator, np.random.default_rng(seed))


def pixels(x):
    """Undoes the normalisation: values in [0, 1]."""
    return x * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]


ALL_ON = {
    "flip": 0.5,
    "rotate": 10.0,
    "shift": 0.1,
    "scale": 0.1,
    "colour": 0.3,
    "grayscale": 0.3,
    "erase": 0.5,
    "mixup": 0.4,
    "half_cutmix": 0.5,
}


@pytest.mark.parametrize("crop", CROPS)
def test_evaluation_is_training_without_augmentation(crop):
    prepared, images = preprocess(crop=crop), photos()
    x, mix = train(prepared, images)
    assert mix is None
    assert torch.equal(x, prepared.evaluate(images))


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("size", [16, 33, 64])
def test_the_network_input_is_square_float_and_finite(crop, size):
    x = preprocess(size, crop).evaluate(photos(2))
    assert x.shape == (2, 3, size, size)
    assert x.dtype == torch.float32
    assert torch.isfinite(x).all()


def test_evaluation_is_deterministic_and_a_sample_does_not_depend_on_its_batch():
    prepared, images = preprocess(**ALL_ON), photos()
    assert torch.equal(prepared.evaluate(images), prepared.evaluate(images))
    one_by_one = torch.cat([prepared.evaluate(image[None]) for image in images])
    torch.testing.assert_close(prepared.evaluate(images), one_by_one, rtol=0, atol=1e-6)


def test_normalisation_is_by_the_channels_mean_and_deviation():
    white = torch.full((1, 32, 32, 3), 255, dtype=torch.uint8)
    x = preprocess().evaluate(white)
    expected = (1 - torch.tensor(MEAN)) / torch.tensor(STD)
    torch.testing.assert_close(x[0, :, 5, 7], expected)


def test_a_photo_of_the_input_size_is_not_resampled():
    images = photos(height=32, width=32)
    expected = images.permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(pixels(preprocess().evaluate(images)), expected)


@pytest.mark.parametrize("crop", CROPS)
def test_a_crop_shows_its_own_window_and_nothing_else(crop):
    centre_y, centre_x, share_y, share_x = CROPS[crop]
    images = torch.zeros(1, 200, 200, 3, dtype=torch.uint8)
    top, left = (round(200 * (c - s / 2)) for c, s in ((centre_y, share_y), (centre_x, share_x)))
    height, width = round(200 * share_y), round(200 * share_x)
    images[:, top : top + height, left : left + width] = 255
    assert pixels(preprocess(crop=crop).evaluate(images)).min() > 0.999


@settings(max_examples=25)
@given(crop=st.sampled_from(sorted(CROPS)), height=st.integers(1, 50), width=st.integers(1, 50))
def test_every_crop_lies_inside_every_photo(crop, height, width):
    assert preprocess(16, crop).evaluate(photos(1, height, width)).shape == (1, 3, 16, 16)


def test_the_same_generators_give_the_same_batch_and_others_another():
    prepared, images = preprocess(**ALL_ON), photos()
    x, mix = train(prepared, images, seed=3)
    again, mix_again = train(prepared, images, seed=3)
    assert torch.equal(x, again)
    assert (mix is None) == (mix_again is None)
    assert not torch.equal(x, train(prepared, images, seed=4)[0])


def test_training_does_not_change_the_stored_images():
    prepared, images = preprocess(**ALL_ON), photos()
    before = images.clone()
    train(prepared, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", ALL_ON)
def test_every_ingredient_changes_something(name):
    prepared, images = (
        preprocess(**{name: {**ALL_ON, "flip": 1.0, "half_cutmix": 1.0}[name]}),
        photos(16),
    )
    assert not torch.equal(train(prepared, images)[0], preprocess().evaluate(images))


def test_flip_only_mirrors():
    prepared, images = preprocess(flip=1.0), photos()
    assert torch.equal(train(prepared, images)[0], prepared.evaluate(images).flip(3))


def test_flip_happens_as_often_as_asked():
    images = photos(1).expand(2000, -1, -1, -1)
    prepared = preprocess(16, flip=0.3)
    plain = prepared.evaluate(images[:1])
    flipped = (train(prepared, images)[0] != plain).flatten(1).any(dim=1)
    assert abs(float(flipped.float().mean()) - 0.3) < 0.05


@pytest.mark.parametrize("strength", [{"rotate": 30.0}, {"shift": 0.2}, {"scale": 0.3}], ids=str)
def test_a_flip_mirrors_whatever_the_geometry_does(strength):
    flipped, _ = train(preprocess(flip=1.0, **strength), photos())
    plain, _ = train(preprocess(flip=0.0, **strength), photos())
    assert not torch.equal(plain, preprocess().evaluate(photos()))
    torch.testing.assert_close(flipped, plain.flip(3), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("name", "value"), [("rotate", 10.0), ("scale", 0.1)])
def test_rotation_and_scale_keep_the_centre(name, value):
    images = torch.zeros(4, 33, 33, 3, dtype=torch.uint8)
    images[:, 12:21, 12:21] = 255
    x, _ = train(preprocess(33, **{name: value}), images)
    torch.testing.assert_close(pixels(x)[:, :, 16, 16], torch.ones(4, 3))


def test_a_shift_moves_the_photo_by_at_most_its_share_of_the_side():
    images = torch.zeros(200, 64, 64, 3, dtype=torch.uint8)
    images[:, 32, 32] = 255
    bright = pixels(train(preprocess(64, shift=0.1), images)[0])[:, 0]
    rows, columns = (bright.flatten(1).argmax(dim=1) // 64, bright.flatten(1).argmax(dim=1) % 64)
    furthest = torch.maximum((rows - 32).abs(), (columns - 32).abs()).max()
    assert 5 <= int(furthest) <= 7


def test_colour_keeps_pixels_in_range_and_a_grey_photo_grey():
    images = torch.full((8, 32, 32, 3), 100, dtype=torch.uint8)
    x = pixels(train(preprocess(colour=1.0), images)[0])
    assert 0 <= float(x.min()) <= float(x.max()) <= 1.0001
    torch.testing.assert_close(x[:, :1].expand(-1, 3, -1, -1), x, rtol=0, atol=1e-5)
    assert len(x[:, 0, 0, 0].unique()) == 8


@pytest.mark.parametrize("grayscale", [0.0, 0.5])
def test_colours_are_those_of_the_textbook_photo_by_photo(grayscale):
    images = photos(8)
    x = pixels(train(preprocess(colour=0.4, grayscale=grayscale), images, seed=5)[0])
    generator = torch.Generator().manual_seed(5)
    torch.rand(8, generator=generator)  # of the flips
    gray_draws = torch.rand(8, generator=generator) if grayscale else torch.ones(8)
    factors = [1 + 0.4 * (2 * torch.rand(8, generator=generator) - 1) for _ in range(3)]
    for number, photo in enumerate(pixels(preprocess().evaluate(images))):
        brightness, contrast, saturation = (float(factor[number]) for factor in factors)
        gray = 0.299 * photo[0] + 0.587 * photo[1] + 0.114 * photo[2]
        coloured = gray.expand(3, -1, -1) if gray_draws[number] < grayscale else photo
        saturated = gray + saturation * (coloured - gray)
        wanted = brightness * (gray.mean() + contrast * (saturated - gray.mean()))
        torch.testing.assert_close(x[number], wanted.clamp(0, 1), rtol=0, atol=1e-5)


def test_photos_are_moved_as_by_an_affine_map():
    images, size = photos(8), 32
    x, _ = train(preprocess(size, flip=0.5, rotate=20.0, shift=0.1, scale=0.2), images, seed=7)
    generator = torch.Generator().manual_seed(7)
    flip = torch.rand(8, generator=generator) < 0.5
    draws = [2 * torch.rand(8, generator=generator) - 1 for _ in range(4)]
    angle, zoom, right, down = np.pi / 9 * draws[0], 1 + 0.2 * draws[1], *draws[2:]
    plain = pixels(preprocess(size).evaluate(images))
    mirror = torch.where(flip, -1.0, 1.0)
    theta = torch.stack(
        [
            torch.stack([zoom * angle.cos() * mirror, -zoom * angle.sin(), 0.2 * right], dim=1),
            torch.stack([zoom * angle.sin() * mirror, zoom * angle.cos(), 0.2 * down], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(plain.shape), align_corners=False)
    moved = functional.grid_sample(plain, grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(pixels(x), moved, rtol=0, atol=1e-4)


def test_grayscale_leaves_one_luminance():
    images = photos()
    x = pixels(train(preprocess(grayscale=1.0), images)[0])
    plain = pixels(preprocess().evaluate(images))
    luminance = (plain * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    torch.testing.assert_close(x, luminance.expand_as(x), rtol=0, atol=1e-5)


def test_erase_puts_the_mean_in_one_rectangle_of_2_to_10_percent():
    images = photos(200)
    plain = preprocess(64).evaluate(images)
    x, mix = train(preprocess(64, erase=1.0), images)
    hole = (x != plain).any(dim=1)
    assert mix is None
    assert (x.movedim(1, 3)[hole].abs() < 1e-5).all()
    rows, columns = hole.any(dim=2).sum(dim=1), hole.any(dim=1).sum(dim=1)
    assert torch.equal(rows * columns, hole.flatten(1).sum(dim=1))
    shares = rows * columns / 64**2
    assert 0.08 < float(shares.max()) < 0.115


def test_mixup_blends_pixels_and_labels_by_the_same_share():
    prepared, images = preprocess(mixup=1.0), photos()
    plain = prepared.evaluate(images)
    x, mix = train(prepared, images)
    expected = mix.share * plain + (1 - mix.share) * plain[mix.partner]
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-5)
    target = torch.eye(6)
    torch.testing.assert_close(
        mix.labels(target), mix.share * target + (1 - mix.share) * target[mix.partner]
    )


@pytest.mark.parametrize("size", [16, 31, 64])
def test_half_cutmix_joins_halves_and_labels_by_their_width(size, seed):
    images = photos(8)
    prepared = preprocess(size, half_cutmix=1.0)
    plain = prepared.evaluate(images)
    x, mix = train(prepared, images, seed)
    from_partner = (x == plain[mix.partner]).all(dim=1).all(dim=1)
    own = (x == plain).all(dim=1).all(dim=1)
    assert (own | from_partner).all()
    others = mix.partner != torch.arange(8)
    assert others.any()
    torch.testing.assert_close(
        own[others].float().mean(dim=1), torch.full((int(others.sum()),), mix.share)
    )
    assert 0.4 < mix.share < 0.6


def test_half_cutmix_uses_either_side_and_stays_near_the_middle():
    images, prepared = photos(16), preprocess(64, half_cutmix=1.0)
    plain = prepared.evaluate(images)
    left_is_own = set()
    for seed in range(20):
        x, mix = train(prepared, images, seed)
        moved = int((mix.partner != torch.arange(16)).nonzero()[0])
        left_is_own.add(bool(torch.equal(x[moved, :, :, 0], plain[moved, :, :, 0])))
        assert abs(mix.share - 0.5) <= 0.05
    assert left_is_own == {True, False}


@settings(max_examples=25)
@given(share=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_mixed_soft_labels_still_sum_to_one(share, seed):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(7, 3, generator=generator).softmax(dim=1)
    mix = Mix(partner=torch.randperm(7, generator=generator), share=share)
    torch.testing.assert_close(mix.labels(target).sum(dim=1), torch.ones(7))


def test_a_batch_of_two_photos_can_be_mixed_and_one_photo_too():
    for count in (1, 2):
        x, mix = train(preprocess(mixup=0.4, half_cutmix=0.5), photos(count))
        assert len(x) == len(mix.partner) == count


def test_a_mirrored_evaluation_is_that_of_the_mirrored_photo():
    images, prepared = photos(), preprocess()
    seen = prepared.evaluate(images, mirrored=True)
    torch.testing.assert_close(seen, prepared.evaluate(images.flip(2)), atol=1e-5, rtol=0)
