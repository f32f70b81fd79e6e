"""The data of a run: a folder of the user's, or the demo."""

from dataclasses import replace

import numpy as np
import pytest

from search.errors import UsageError
from search.prepare.dataset import decode_images, open_dataset, stored_size_for
from tests.search.builders.made import made_config
from tests.search.builders.people import write_people
from trainables.errors import DataError


class Bars:
    """Remembers what was shown."""

    def __init__(self):
        self.shown = {}

    def __call__(self, text):
        self.shown[text] = []
        return lambda done, total: self.shown[text].append((done, total))


@pytest.fixture
def bars():
    return Bars()


def test_a_folder_of_the_users_is_read_and_split_by_people(people, cache, bars):
    dataset = open_dataset(made_config(str(people)), cache, bars)
    assert dataset.table.num_samples == 48
    assert dataset.name == str(people)
    assert dataset.note == ""
    parts = (dataset.split.search_train, dataset.split.search_val, dataset.split.held_out)
    groups = [set(dataset.table.group_index[part]) for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 24


def test_runs_with_different_seeds_have_the_same_people(people, cache, bars):
    one, other = (
        open_dataset(replace(made_config(str(people)), seed=seed), cache, bars) for seed in (0, 1)
    )
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(one.split.held_out, other.split.held_out)


def test_without_a_folder_the_demo_is_drawn_once(tmp_path, bars):
    config = replace(made_config(""), people=40)
    dataset = open_dataset(config, tmp_path, bars)
    assert dataset.is_demo
    assert dataset.name == "the built-in demo"
    assert "12%" in dataset.note
    assert bars.shown["drawing 40 demo people"]
    again = Bars()
    assert open_dataset(config, tmp_path, again).fingerprint == dataset.fingerprint
    assert not again.shown["drawing 40 demo people"]


def test_data_that_is_no_folder_is_refused(tmp_path, cache, bars):
    with pytest.raises(UsageError, match=r"--data must be a folder, got .*nowhere"):
        open_dataset(made_config(str(tmp_path / "nowhere")), cache, bars)


def test_stored_photos_have_room_for_a_crop(people, cache, bars):
    table = open_dataset(made_config(str(people)), cache, bars).table
    assert min(stored_size_for(table, 20)) >= 30
    assert max(stored_size_for(table, 200)) == 32


def test_every_photo_is_decoded_with_a_bar(people, tmp_path, bars):
    table = open_dataset(made_config(str(people)), tmp_path, bars).table
    decode_images(table, (24, 24), tmp_path, 1, bars)
    assert bars.shown["decoding 48 photos"][-1] == (48, 48)


def test_a_photo_that_cannot_be_read_is_named(people, tmp_path, bars):
    table = open_dataset(made_config(str(people)), tmp_path, bars).table
    broken = replace(table, root=tmp_path / "copy")
    for path in table.paths:
        (broken.root / path).parent.mkdir(parents=True, exist_ok=True)
        (broken.root / path).write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"photos/\d\d_\d\.png"):
        decode_images(broken, (24, 24), tmp_path, 1, bars)


def test_corrections_make_another_data_set_and_are_said(people, cache, bars, tmp_path):
    plain = open_dataset(made_config(str(people)), cache, bars)
    first = plain.table.groups[0]
    label = plain.table.schema["gender"].classes[1 - int(plain.table.labels[0, 0])]
    path = tmp_path / "mine.csv"
    path.write_text(f"group_or_path,attribute,label,reason\n{first},gender,{label},seen\n")
    config = replace(made_config(str(people)), corrections=(str(path),))
    dataset = open_dataset(config, cache, bars)
    assert dataset.fingerprint != plain.fingerprint
    assert plain.readings == ()
    number = plain.table.groups.count(first)
    assert dataset.readings == (f"1 corrections of {path}: gender of {number} photos changed",)


def test_data_that_is_added_trains_and_each_folder_is_told(people, cache, bars, tmp_path):
    more = write_people(tmp_path / "more", num_people=6, seed=1)
    alone = open_dataset(made_config(str(people)), cache, bars)
    config = replace(made_config(str(people)), add_data=(str(more),))
    dataset = open_dataset(config, cache, bars)
    assert (dataset.table.num_samples, dataset.table.num_groups) == (60, 30)
    np.testing.assert_array_equal(dataset.split.search_val, alone.split.search_val)
    np.testing.assert_array_equal(dataset.split.held_out, alone.split.held_out)
    assert dataset.whole.table.num_samples == 48
    assert dataset.whole.split.fingerprint == alone.split.fingerprint
    assert dataset.roots[0].fingerprint == alone.table.fingerprint
    assert dataset.readings[-1].endswith("6 people, no licence named (only trains)")
    assert dataset.name == f"{people} + {more}"
    decode_images(dataset.table, (24, 24), tmp_path, 1, bars)
    scored = open_dataset(replace(config, score_added=True), cache, bars)
    assert scored.whole.table.num_samples == 60
    assert (scored.split.search_val >= 48).any()


def test_added_photos_of_ones_own_people_are_left_out(people, cache, bars, tmp_path):
    more = write_people(tmp_path / "more", num_people=3)  # copies of three people
    config = replace(made_config(str(people)), add_data=(str(more),))
    alone = open_dataset(made_config(str(people)), cache, bars)
    dataset = open_dataset(config, cache, bars)
    assert (dataset.table.num_samples, dataset.table.added) == (48, 0)
    assert dataset.split.fingerprint == alone.split.fingerprint
    assert "6 added photos are left out: their people share photos" in "".join(dataset.readings)


@pytest.mark.parametrize(
    ("cell", "yaml", "message"),
    [
        (
            "x",
            "attributes: {mask: {bins: [30]}}\nignore: others",
            ": manifest.csv row 2: mask 'x'",
        ),
        ("", "", ": manifest.csv row 2: column 'mask' is empty"),
        ("wear", "size: 3", "/dataset.yaml: the file has an unknown key 'size'"),
    ],
)
def test_what_is_refused_of_an_added_folder_names_it_once(
    cell, yaml, message, people, cache, bars, tmp_path
):
    more = write_people(tmp_path / "more")
    head, first, *rest = (more / "manifest.csv").read_text().splitlines()
    lines = (head, f"{first.rpartition(',')[0]},{cell}", *rest)
    (more / "manifest.csv").write_text("\n".join(lines) + "\n")
    (more / "dataset.yaml").write_text(yaml)
    config = replace(made_config(str(people)), add_data=(str(more),))
    with pytest.raises(DataError) as error:
        open_dataset(config, cache, bars)
    assert str(error.value).startswith(f"{more}{message}")
    assert str(error.value).count(str(more)) == 1


def test_counts_of_labels_are_told_where_photos_lack_some(cache, bars, tmp_path):
    root = write_people(tmp_path / "partly")
    lines = (root / "manifest.csv").read_text().splitlines()
    lines[1:4] = [line.rpartition(",")[0] + "," for line in lines[1:4]]
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.yaml").write_text("missing: ignore\n")
    dataset = open_dataset(made_config(str(root)), cache, bars)
    assert "gender 48, mask 45; all labels" in dataset.readings[-1]
    assert dataset.readings[-1].endswith("need: 45")
    whole = dataset.whole
    assert whole.table.num_samples == 45
    sides = (whole.split.search_train, whole.split.search_val, whole.split.held_out)
    assert sum(map(len, sides)) == 45
