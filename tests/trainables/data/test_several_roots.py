"""Data of several folders: people by folder, labels by name, what is added in training alone."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from tests.trainables.data.folders import write_image, write_manifest
from trainables.data import layouts
from trainables.data.schema import UNKNOWN
from trainables.data.several_roots import Root, together
from trainables.data.splits import make_split
from trainables.errors import DataError

AGES = "attributes: {age: {bins: [30, 60]}, gender: {classes: [m, f]}}"


def _load(root, lines, yaml=None, header="path,group,gender,age", is_added=False):
    root.mkdir(parents=True, exist_ok=True)
    write_manifest(root, (header, *lines), yaml)
    for line in lines:
        write_image(root / line.partition(",")[0])
    return layouts.load(root, is_added=is_added)


def _own(root, num_people=12):
    lines = [f"{n}.jpg,p{n},{'mf'[n % 2]},{20 + 15 * (n % 3)}" for n in range(num_people)]
    return _load(root / "own", lines, AGES)


def test_people_of_the_same_name_are_others_in_another_folder(tmp_path):
    own = _own(tmp_path)
    other = _load(tmp_path / "b", ["1.jpg,p1,f,70", "2.jpg,p1,f,61"], AGES, is_added=True)
    table = together(own, {"b": other}, scored=False)
    assert table.root == tmp_path
    assert table.paths[0] == "own/0.jpg"
    assert table.paths[-2:] == ("b/1.jpg", "b/2.jpg")
    assert table.groups[-2:] == ("2:p1", "2:p1")
    assert table.num_groups == own.num_groups + 1
    assert table.labels[-2:].tolist() == [[2, 1], [2, 1]]
    assert table.raw["age"][-2:].tolist() == [70, 61]
    assert table.source_rows[-1] == "b: manifest.csv row 3"
    assert (table.added, table.num_whole) == (2, own.num_samples)
    table.check_files()


def test_added_people_train_and_everybody_else_stays_where_he_was(tmp_path):
    own = _own(tmp_path, 30)
    other = _load(tmp_path / "b", [f"{n}.jpg,q{n},m,70" for n in range(9)], AGES, is_added=True)
    alone, split = (
        make_split(each, seed=0) for each in (own, together(own, {"b": other}, scored=False))
    )
    np.testing.assert_array_equal(split.search_val, alone.search_val)
    np.testing.assert_array_equal(split.held_out, alone.held_out)
    added = np.arange(own.num_samples, own.num_samples + 9)
    np.testing.assert_array_equal(split.search_train, [*alone.search_train, *added])


def test_added_people_are_scored_where_that_is_asked_for(tmp_path):
    own = _own(tmp_path, 30)
    other = _load(tmp_path / "b", [f"{n}.jpg,q{n},m,70" for n in range(30)], AGES, is_added=True)
    table = together(own, {"b": other}, scored=True)
    assert (table.added, table.num_whole) == (0, 60)
    assert (make_split(table, seed=0).held_out >= 30).any()


def test_classes_are_told_by_name_and_what_is_not_there_is_unknown(tmp_path):
    lines = ["1.jpg,a,f,x", "2.jpg,b,m,y", "3.jpg,c,f,x"]
    other = _load(tmp_path / "b", lines, header="path,group,gender,mood", is_added=True)
    assert other.schema["gender"].classes == ("f", "m")
    table = together(_own(tmp_path), {"b": other}, scored=False)
    assert table.labels[-3:].tolist() == [[UNKNOWN, 1], [UNKNOWN, 0], [UNKNOWN, 1]]
    assert np.isnan(table.raw["age"][-3:]).all()
    assert table.notes[-2:] == ("b: without age: unknown there", "b: mood left out")


@pytest.mark.parametrize(
    ("lines", "yaml", "message"),
    [
        (["1.jpg,a,x,20", "2.jpg,b,m,70"], AGES.replace("f]", "x]"), "gender has the class.* x"),
        (
            ["1.jpg,a,F,20", "2.jpg,b,m,70"],
            AGES.replace("f]", "F]"),
            r"gender has the class.* F \(did you mean f\?\), which",
        ),
        (
            ["1.jpg,a,f,old", "2.jpg,b,m,young"],
            None,
            "age must be a number .* got the classes old",
        ),
        (
            ["1.jpg,a,u,1", "2.jpg,b,v,2"],
            "attributes: {mood: {column: gender}}\nignore: [age]",
            "",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_the_name_of_its_folder(tmp_path, lines, yaml, message):
    other = _load(tmp_path / "b", lines, yaml, is_added=True)
    with pytest.raises(DataError, match=f"^the b(: | has ){message}"):
        together(_own(tmp_path), {"the b": other}, scored=False)


def test_the_same_folder_twice_is_refused(tmp_path):
    own = _own(tmp_path)
    with pytest.raises(DataError, match="each image must be listed once"):
        together(own, {"again": own}, scored=False)


def test_added_data_may_have_one_class_that_is_listed(tmp_path):
    lines = ["1.jpg,a,f,70", "2.jpg,b,f,71"]
    other = _load(tmp_path / "b", lines, AGES, is_added=True)
    assert together(_own(tmp_path), {"b": other}, scored=False).num_samples == 14
    with pytest.raises(DataError, match="needs photos of two classes"):
        layouts.load(tmp_path / "b")


def test_a_folder_is_told_with_its_terms(tmp_path):
    own = _own(tmp_path)
    root = Root.of("data/own", replace(own, licence="CC BY 4.0"))
    assert str(root) == "data/own: 12 photos of 12 people, licence CC BY 4.0"
    assert root.fingerprint == own.fingerprint
    assert str(Root.of("own", own)).endswith("no licence named")


def test_attributes_that_look_the_same_are_one_in_whatever_code_points(tmp_path):
    one, other = (unicodedata.normalize(form, "성별") for form in ("NFC", "NFD"))
    lines = [f"{n}.jpg,p{n},{'mf'[n % 2]}" for n in range(12)]
    own = _load(tmp_path / "own", lines, header=f"path,group,{one}")
    added = _load(tmp_path / "b", lines[:4], header=f"path,group,{other}", is_added=True)
    table = together(own, {"b": added}, scored=False)
    assert table.schema.names == (one,)
    assert table.labels[-4:, 0].tolist() == own.labels[:4, 0].tolist()
