import os
import unicodedata

import pytest

from tests.trainables.data.folders import write_image
from trainables.data.file_names import read_file_names
from trainables.errors import DataError


def test_fields_come_from_names_in_all_folders_below(tmp_path):
    for name in ("26_0_2017.jpg.chip.jpg", "part2/5_1_2018.png", "._1_2_3.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rows = read_file_names(tmp_path, "{age}_{gender}_{date}")
    assert rows.columns == ("path", "age", "gender", "date")
    assert rows.cells == (
        ("26_0_2017.jpg.chip.jpg", "26", "0", "2017.jpg.chip"),
        ("part2/5_1_2018.png", "5", "1", "2018"),
    )
    assert rows.where(1) == "photo part2/5_1_2018.png"
    assert rows.notes == ("labels read from the names of 2 photos: age, gender, date",)


def test_names_that_are_not_unicode_are_refused_with_the_way_out(tmp_path):
    (tmp_path / os.fsdecode(b"26_0_\xb3.jpg")).touch()
    with pytest.raises(DataError, match=r"must be Unicode, got '26_0_.udcb3\.jpg'; .*cp949"):
        read_file_names(tmp_path, "{age}_{gender}_{date}")


def test_names_that_do_not_fit_are_counted_and_ten_are_named(tmp_path):
    for number in range(13):
        write_image(tmp_path / f"{number:02}.jpg")
    write_image(tmp_path / "26_0.jpg")
    with pytest.raises(DataError, match=r"13 of 14 photos .*: 00.jpg, .*09.jpg, and 3 more") as e:
        read_file_names(tmp_path, "{age}_{gender}")
    assert "10.jpg" not in str(e.value)


@pytest.mark.parametrize(
    "pattern", ["", "age", "{}", "{a}{b}", "{a}_{a}", "{path}_{a}", "{a}_{b", "{a}_}"]
)
def test_a_pattern_that_says_nothing_clear_is_refused(tmp_path, pattern):
    write_image(tmp_path / "26_0.jpg")
    with pytest.raises(DataError, match=r"file_names in dataset\.yaml must have fields"):
        read_file_names(tmp_path, pattern)


def test_no_photo_is_no_data(tmp_path):
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match=r"file_names in dataset\.yaml needs photos"):
            read_file_names(root, "{age}_{gender}")


def test_folders_that_are_links_are_left_out_and_that_is_said(tmp_path):
    for name in ("data/a/1_x.jpg", "other/2_x.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "data" / "b").symlink_to(tmp_path / "other")
    rows = read_file_names(tmp_path / "data", "{age}_{gender}")
    assert [cells[0] for cells in rows.cells] == ["a/1_x.jpg"]
    assert rows.notes[-1] == "folders that are links are not looked into: b"


@pytest.mark.parametrize(
    ("pattern", "photo", "fields"),
    [
        ("{age}_{gender}_{date}.jpg", "part/26_0_2017.jpg", ("26", "0", "2017")),
        ("{person}/{mask}", "p01/normal.jpg", ("p01", "normal")),
        ("photos/{person}_{age}/{mask}.png", "photos/p1_26/mask1.png", ("p1", "26", "mask1")),
        ("{age}세_{gender}", unicodedata.normalize("NFD", "26세_남.jpg"), ("26", "남")),
    ],
)
def test_a_pattern_is_of_names_or_of_paths_with_or_without_an_ending(
    tmp_path, pattern, photo, fields
):
    write_image(tmp_path / photo)
    rows = read_file_names(tmp_path, pattern)
    assert rows.cells == ((photo, *fields),)


def test_a_pattern_of_paths_is_not_of_deeper_ones(tmp_path):
    write_image(tmp_path / "a" / "p01" / "normal.jpg")
    with pytest.raises(DataError, match=r"1 of 1 photos .* are not called as file_names"):
        read_file_names(tmp_path, "{person}/{mask}")
