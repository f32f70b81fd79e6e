from pathlib import Path

import pytest

from tests.trainables.data.folders import (
    write_flat,
    write_image,
    write_manifest,
    write_profiles,
)
from trainables.data import image_decoding, layouts
from trainables.errors import DataError

PEOPLE = (("000001", "male", "45"), ("000002", "female", "60"))
ROWS = ("path,group,x", "1.jpg,p,a", "2.jpg,q,b")


def test_layouts_are_the_modules_of_the_folder():
    assert layouts.names() == ("flat", "manifest", "profiles")


def test_people_with_labels_go_before_the_test_folder_beside_them(tmp_path):
    write_profiles(tmp_path / "train", PEOPLE)
    write_flat(tmp_path / "eval", ["a.jpg"])
    assert layouts.detect(tmp_path) == "profiles"
    assert layouts.load(tmp_path).num_groups == 2


def test_a_folder_of_images_is_flat(tmp_path):
    assert layouts.detect(write_flat(tmp_path, ["a.jpg"], info=False)) == "flat"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("notes.md", r"fits the folder \S+; known"),
        ("dataset.yml", r"there is dataset\.yml: its name must be dataset\.yaml"),
        ("labels.csv", r"there is labels\.csv: name it in dataset\.yaml, manifest: labels\.csv"),
        ("manifest.csv.txt", r"there is manifest\.csv\.txt: name it in dataset\.yaml"),
        ("Manifest.xlsx", r'there is Manifest\.xlsx: save its table as "CSV UTF-8", called manif'),
        ("inner/manifest.csv", r"the folder 'inner' in it has labels: give .*inner\)"),
    ],
)
def test_a_folder_that_nothing_fits_says_where_the_labels_may_be(tmp_path, name, hint):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=hint):
        layouts.detect(tmp_path)


def test_photos_beside_a_workbook_have_no_labels_and_that_is_said(tmp_path):
    write_flat(tmp_path, ["a.jpg"], info=False)
    (tmp_path / "labels.xlsx").touch()
    with pytest.raises(DataError, match=r"has no labels \(there is labels\.xlsx: save its table"):
        layouts.load(tmp_path)


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(DataError, match=r"data must be a folder, got .*: it is an empty folder"):
        layouts.detect(tmp_path)


def test_a_folder_that_nothing_fits_lists_what_is_looked_for(tmp_path):
    (tmp_path / "notes.md").touch()
    with pytest.raises(
        DataError,
        match=r"no layout fits .*flat: info.csv.*manifest: manifest.csv.*profiles: train",
    ):
        layouts.detect(tmp_path)


def test_a_folder_that_two_layouts_fit_asks_which_one(tmp_path):
    write_profiles(tmp_path, PEOPLE)
    write_manifest(tmp_path, ROWS)
    with pytest.raises(DataError, match=r"several layouts fit .*: manifest, profiles; say which"):
        layouts.load(tmp_path)
    assert layouts.load(tmp_path, "profiles").num_samples == 14


@pytest.mark.parametrize("layout", [None, "manifest"])
def test_data_must_be_a_folder(tmp_path: Path, layout):
    path = write_image(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"data must be a folder, got .*a.jpg"):
        layouts.load(path, layout)


def test_an_unknown_layout_lists_those_there_are(tmp_path):
    with pytest.raises(
        DataError, match="unknown layout 'coco'; available: flat, manifest, profiles"
    ):
        layouts.load(tmp_path, "coco")
    with pytest.raises(DataError, match=r"unknown layout 'manifst' \(did you mean manifest\?\)"):
        layouts.load(tmp_path, "manifst")


def test_a_layout_that_the_folder_has_not_is_refused_with_the_one_it_has(tmp_path):
    write_manifest(tmp_path, ROWS)
    with pytest.raises(DataError, match=r"of the layout manifest, and not profiles .* leave"):
        layouts.load(tmp_path, "profiles")
    table, problems = layouts.look(tmp_path, "profiles")
    assert table is None
    assert "of the layout manifest" in problems[0]


@pytest.mark.parametrize("layout", [None, "flat"])
def test_nothing_can_be_trained_on_images_without_labels(tmp_path, layout):
    write_flat(tmp_path, ["a.jpg"])
    with pytest.raises(DataError, match=r"has no labels.*give one with labels \(manifest: "):
        layouts.load(tmp_path, layout)


def test_a_listed_image_that_is_missing_is_found_when_the_data_is_loaded(tmp_path):
    write_manifest(tmp_path, ROWS)
    write_image(tmp_path / "1.jpg")
    with pytest.raises(DataError, match=r"manifest.csv row 3: image '2.jpg' is missing"):
        layouts.load(tmp_path)
    write_image(tmp_path / "2.jpg")
    assert layouts.load(tmp_path).num_samples == 2


def test_images_that_are_missing_and_that_cannot_be_read_are_named_at_once(tmp_path):
    names = [f"{number:02}.png" for number in range(30)]
    write_manifest(tmp_path, ["path,group,x", *(f"{n},{n},{n[1] > '4'}" for n in names)])
    for name in names[3:]:
        write_image(tmp_path / name)
    for name in names[10:23]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError) as raised:
        layouts.load(tmp_path)
    said = str(raised.value)
    assert "image '00.png' is missing" in said
    assert "(3 of 30 images are missing, also '01.png', '02.png')" in said
    assert "besides, 13 of 30 images under" in said
    assert "manifest.csv row 12: image 10.png cannot be read" in said
    assert "19.png" in said
    assert said.endswith("; and 3 more")
    assert "\n" not in said


def test_looking_at_photos_ends_with_its_time_and_says_how_far_it_came(tmp_path, monkeypatch):
    names = [f"{number:02}.png" for number in range(30)]
    write_manifest(tmp_path, ["path,group,x", *(f"{n},{n},{n[1] > '4'}" for n in names)])
    for name in names[1:]:
        (tmp_path / name).write_bytes(b"")
    clock = iter(range(1000))
    monkeypatch.setattr(image_decoding.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(layouts, "LOOKING_SECONDS", 7)
    shown = []
    with pytest.raises(DataError, match=r"besides \(of the first 7 looked at\), 6 of 30 images"):
        layouts.load(tmp_path, progress=lambda done, total: shown.append((done, total)))
    assert shown == [*((done, 30) for done in range(1, 8)), (30, 30)]


@pytest.mark.parametrize(
    "yaml",
    [
        "attributes: {x: {classes: [a, b]}, y: }",
        "attributes: {y: , x: {classes: {a: one, c: one, b: two}}}",
    ],
)
def test_an_attribute_that_has_one_class_once_it_is_read_is_refused(tmp_path, yaml):
    cells = ("a", "a") if "[" in yaml else ("a", "c")
    rows = ("path,group,x,y", f"1.jpg,p,{cells[0]},c", f"2.jpg,q,{cells[1]},d")
    write_manifest(tmp_path, rows, yaml)
    for name in ("1.jpg", "2.jpg"):
        write_image(tmp_path / name)
    with pytest.raises(DataError, match=r"attribute 'x' needs photos of two .*ignore: \[x\]"):
        layouts.load(tmp_path)


def test_numbers_on_one_side_of_every_cut_are_refused(tmp_path):
    rows = ("path,group,age", "1.jpg,p,20", "2.jpg,q,25")
    write_manifest(tmp_path, rows, "attributes: {age: {bins: [30]}}")
    for name in ("1.jpg", "2.jpg"):
        write_image(tmp_path / name)
    with pytest.raises(DataError, match="'age' needs photos of two classes, got '<30' for all 2"):
        layouts.load(tmp_path)


def test_settings_that_name_a_manifest_say_which_layout_it_is(tmp_path):
    """As Kaggle's folders look: train.csv beside images, and no profiles."""
    write_profiles(tmp_path, PEOPLE)
    (tmp_path / "dataset.yaml").write_text("manifest: train.csv\n", encoding="utf-8")
    assert layouts.detect(tmp_path) == "manifest"
