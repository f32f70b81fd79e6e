"""People who share a photo are one group, which no split divides."""

import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps

from search.prepare import known_copies
from search.prepare.dataset import open_dataset
from search.prepare.one_side import on_one_side
from tests.search.builders.made import made_config
from tests.search.builders.people import write_people
from trainables.data import layouts


def no_bar(text):
    return lambda done, total: None


@pytest.fixture
def folder(tmp_path):
    return write_people(tmp_path / "data", side=64)


def copied(folder, one, other):
    """Gives person `other` the photo of person `one`."""
    shutil.copy(folder / f"photos/{one:02}_0.png", folder / f"photos/{other:02}_0.png")


def test_people_who_share_nothing_stay_as_they_are(folder, tmp_path):
    table = layouts.load(folder)
    assert on_one_side(table, tmp_path, no_bar) is table


def test_people_who_share_a_file_are_one_group_and_the_plan_says_so(folder, tmp_path, cache):
    copied(folder, 3, 9)
    table = on_one_side(layouts.load(folder), tmp_path, no_bar)
    assert table.num_groups == 23
    assert {table.groups[row] for row in (6, 7, 18, 19)} == {"p03"}
    assert "photos/03_0.png = photos/09_0.png" in table.notes[-1]
    assert "these 2 people are one group" in table.notes[-1]
    dataset = open_dataset(made_config(str(folder)), cache, no_bar)
    sides = (dataset.split.search_train, dataset.split.search_val, dataset.split.held_out)
    assert sum(bool({6, 7, 18, 19} & set(side.tolist())) for side in sides) == 1
    assert any("one group" in note for note in dataset.readings)


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        lambda image: image.resize((48, 48)).resize((64, 64)),
        lambda image: image.point(lambda value: 20 + value * 0.8),
        lambda image: image.convert("L").convert("RGB"),
    ],
    ids=["mirrored", "smaller", "lightened", "without colours"],
)
def test_a_photo_that_was_changed_a_little_is_known_again(change, folder, tmp_path):
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8))
    picture = small.resize((64, 64), Image.Resampling.BICUBIC)
    picture.save(folder / "photos/00_0.png")
    change(picture).save(folder / "photos/02_0.png")
    table = on_one_side(layouts.load(folder), tmp_path, no_bar)
    assert table.groups[4] == table.groups[0] == "p00"
    assert table.num_groups == 23


def test_what_was_compared_once_is_known_until_a_photo_changes(folder, tmp_path, monkeypatch):
    copied(folder, 3, 9)
    first = on_one_side(layouts.load(folder), tmp_path, no_bar)
    compared = []
    real = known_copies.copies
    monkeypatch.setattr(known_copies, "copies", lambda *a: compared.append(1) or real(*a))
    again = on_one_side(layouts.load(folder), tmp_path, no_bar)
    assert (again.groups, compared) == (first.groups, [])
    copied(folder, 4, 11)
    assert on_one_side(layouts.load(folder), tmp_path, no_bar).num_groups == 22
    assert compared == [1]


def test_pairs_that_were_torn_are_found_again(folder, tmp_path):
    copied(folder, 3, 9)
    first = on_one_side(layouts.load(folder), tmp_path, no_bar)
    (kept,) = (tmp_path / "sketches").glob("pairs-*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert on_one_side(layouts.load(folder), tmp_path, no_bar).groups == first.groups


def test_a_chain_of_shared_photos_is_one_group(folder, tmp_path):
    copied(folder, 0, 2)
    shutil.copy(folder / "photos/02_1.png", folder / "photos/04_1.png")
    table = on_one_side(layouts.load(folder), tmp_path, no_bar)
    assert {table.groups[row] for row in (0, 4, 8)} == {"p00"}
    assert "3 people are one group" in table.notes[-1]


def test_photos_of_one_colour_tell_nothing(folder, tmp_path):
    for person in (0, 1, 2):
        Image.new("RGB", (64, 64), "white").save(folder / f"photos/{person:02}_0.png")
    table = layouts.load(folder)
    assert on_one_side(table, tmp_path, no_bar) is table


def test_a_placeholder_of_many_people_is_said_and_makes_no_giant_group(folder, tmp_path):
    for person in range(1, 12):
        copied(folder, 0, person)
    copied(folder, 20, 21)
    table = on_one_side(layouts.load(folder), tmp_path, no_bar)
    assert table.num_groups == 23
    kept, left = table.notes[-2:]
    assert "one group" in kept
    assert "12 of 24 people share photos such as photos/00_0.png" in left


def test_photos_that_cannot_be_read_are_left_to_the_decoding(folder, tmp_path):
    (folder / "photos/05_0.png").write_bytes(b"no photo")
    table = layouts.load(folder)
    assert on_one_side(table, tmp_path, no_bar) is table
