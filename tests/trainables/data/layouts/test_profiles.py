import logging
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data.folders import write_image, write_profiles
from trainables.data import layouts
from trainables.data.layouts import profiles
from trainables.data.sample_table import SampleTable
from trainables.errors import DataError

PEOPLE = (("000001", "male", "45"), ("001498", "female", "59"), ("001498-1", "female", "60"))
FIRST = "000001_male_Asian_45"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_profiles(tmp_path, PEOPLE)


def _rewrite(root: Path, old: str, new: str) -> None:
    path = root / "train.csv"
    path.write_text(path.read_text().replace(old, new))


def test_each_folder_gives_seven_labelled_photos(root):
    table = profiles.read(root)
    assert table.num_samples == 21
    assert table.paths[:7] == tuple(
        f"images/{FIRST}/{stem}.jpg"
        for stem in ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")
    )
    assert table.joint[:7].tolist() == [1, 1, 1, 1, 1, 7, 13]
    assert table.joint[-7:].tolist() == [5, 5, 5, 5, 5, 11, 17]
    assert table.raw["age"][::7].tolist() == [45.0, 59.0, 60.0]
    assert table.schema.joint_names[8] == "incorrect male >=60"
    assert table.source_rows[7] == "train.csv row 3"
    table.check_files()


def test_ids_keep_leading_zeros_and_suffixed_ids_are_other_people(root):
    assert profiles.read(root).group_names == ("000001", "001498", "001498-1")


def test_ids_that_may_be_one_person_are_named(tmp_path):
    people = (("0033", "female", "19"), ("33", "male", "65"), ("33.0", "male", "65"))
    table = profiles.read(write_profiles(tmp_path, people))
    assert table.group_names == ("0033", "33")
    assert "id: 33.0 is 33, spelt otherwise (1 such names)" in table.notes
    assert "id: '0033' and '33' are two people" in table.notes[1]


@pytest.mark.parametrize("folder", ["", "train"])
def test_settings_of_a_manifest_are_said_to_be_passed_over(tmp_path, folder):
    write_profiles(tmp_path / "train", PEOPLE)
    assert profiles.read(tmp_path).notes == ()
    (tmp_path / folder / "dataset.yaml").write_text("missing: ignore\n")
    (note,) = profiles.read(tmp_path).notes
    assert note.startswith(f"{tmp_path / folder / 'dataset.yaml'} is not used: ")


def test_an_id_that_occurs_twice_is_one_person(tmp_path):
    people = (("003397", "female", "19"), ("000002", "male", "19"), ("003397", "female", "20"))
    table = profiles.read(write_profiles(tmp_path, people))
    assert table.num_groups == 2
    assert np.bincount(table.group_index).tolist() == [14, 7]
    assert sorted(set(table.raw["age"])) == [19.0, 20.0]


def test_the_folders_may_be_in_a_folder_train(tmp_path):
    write_profiles(tmp_path / "train", PEOPLE)
    assert profiles.detect(tmp_path)
    table = profiles.read(tmp_path)
    assert table.root == tmp_path / "train"
    table.check_files()


def test_extensions_are_mixed_in_any_case(root):
    folder = root / "images" / FIRST
    (folder / "mask5.jpg").unlink()
    write_image(folder / "mask5.jpeg")
    (folder / "normal.jpg").unlink()
    write_image(folder / "Normal.PNG")
    table = profiles.read(root)
    assert table.paths[4].endswith("mask5.jpeg")
    assert table.paths[6].endswith("Normal.PNG")
    table.check_files()


@pytest.mark.parametrize("name", ["._mask1.jpg", ".DS_Store", "Thumbs.db", "desktop.ini"])
def test_what_systems_leave_in_folders_is_skipped(root, name):
    (root / "images" / FIRST / name).write_bytes(b"\0")
    (root / "images" / name).write_bytes(b"\0")
    assert profiles.read(root).num_samples == 21


def test_a_byte_order_mark_does_not_matter(root):
    path = root / "train.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert profiles.read(root).group_names[0] == "000001"


def test_a_missing_photo_names_folder_stem_and_row(root):
    (root / "images" / FIRST / "mask3.jpg").unlink()
    (root / "images" / FIRST / "normal.jpg").unlink()
    with pytest.raises(
        DataError, match=f"train.csv row 2, folder '{FIRST}': no image for mask3, normal"
    ):
        profiles.read(root)


def test_two_files_for_one_photo_are_refused(root):
    write_image(root / "images" / FIRST / "mask1.png")
    with pytest.raises(
        DataError, match=r"row 2, .*two files for 'mask1', 'mask1.jpg' and 'mask1.png'"
    ):
        profiles.read(root)


@pytest.mark.parametrize("name", ["mask6.jpg", "notes.txt"])
def test_an_unknown_file_is_refused(root, name):
    (root / "images" / FIRST / name).write_bytes(b"x")
    with pytest.raises(DataError, match=f"train.csv row 2, .*unknown file '{name}'.*mask1, mask2"):
        profiles.read(root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("000001,male", "000001,man", "train.csv row 2: unknown gender 'man'; allowed: male, fem"),
        ("Asian,45", "Asian,old", "train.csv row 2: age 'old' is not a number"),
        ("Asian,45", "Asian,", "train.csv row 2: column 'age' is empty"),
        ("000001,male", ",male", "train.csv row 2: column 'id' is empty"),
        ("Asian,45,000001", "Asian,45,000009", "row 2, folder '000009_.*no such folder"),
        ("Asian,45,", "Asian,45,../", "train.csv row 2: a path must be relative"),
        ("id,gender,race,age", "id,sex,race,age", "'gender'; its columns are id, sex, race, age"),
    ],
)
def test_a_wrong_row_of_the_csv_is_refused(root, old, new, message):
    _rewrite(root, old, new)
    with pytest.raises(DataError, match=message):
        profiles.read(root)


def test_a_folder_listed_twice_is_refused(root):
    with (root / "train.csv").open("a") as file:
        file.write(f"000077,male,Asian,45,./{FIRST}/\n")
    with pytest.raises(
        DataError,
        match=f"duplicate path 'images/{FIRST}/mask1.jpg' in train.csv row 2 and train.csv row 5",
    ):
        profiles.read(root)


def test_a_folder_that_is_not_listed_is_only_logged(root, caplog):
    write_image(root / "images" / "000099_male_Asian_20" / "mask1.jpg")
    with caplog.at_level(logging.WARNING):
        table = profiles.read(root)
    assert table.num_samples == 21
    assert "1 folders of" in caplog.text
    assert "the first is '000099_male_Asian_20'" in caplog.text


def test_a_complete_folder_is_not_complained_about(root, caplog):
    assert isinstance(profiles.read(root), SampleTable)
    assert caplog.text == ""


def test_a_table_of_other_data_called_train_csv_is_not_this_layout(tmp_path):
    """It is the usual name, and the usual folder of photos beside it."""
    (tmp_path / "images").mkdir()
    write_image(tmp_path / "images" / "a.png")
    rows = "file,person,hair\nimages/a.png,p1,long\n"
    (tmp_path / "train.csv").write_text(rows, encoding="utf-8")
    assert not profiles.detect(tmp_path)
    with pytest.raises(DataError, match=r"name it in dataset\.yaml, manifest: train\.csv"):
        layouts.load(tmp_path)
    settings = "manifest: train.csv\npath: file\ngroup: person\n"
    (tmp_path / "dataset.yaml").write_text(settings, encoding="utf-8")
    assert layouts.detect(tmp_path) == "manifest"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("lacks", ["", "gender"])
def test_the_competition_s_table_is_this_layout_with_a_column_missing_too(
    tmp_path, encoding, lacks
):
    (tmp_path / "images").mkdir()
    header = ",".join(name for name in ("id", "gender", "race", "age", "path") if name != lacks)
    (tmp_path / "train.csv").write_text(f"{header}\n", encoding=encoding)
    assert profiles.detect(tmp_path)


def test_train_csv_without_images_is_not_this_layout(tmp_path):
    (tmp_path / "train.csv").write_text("id\n")
    assert not profiles.detect(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        profiles.read(tmp_path / "absent")
