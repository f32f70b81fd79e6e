"""Why a path is no folder, or no file, to read from; each kind has words of its own."""

import pytest

from trainables.given_paths import no_file, no_folder


@pytest.fixture
def here(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    (tmp_path / "photos.csv").touch()
    (tmp_path / "data.zip").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "of_a_mac").mkdir()
    (tmp_path / "of_a_mac" / ".DS_Store").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("phots", "there is no 'phots' in {here} (did you mean photos?)"),
        ("PHOTOS", "there is no 'PHOTOS' in {here} (did you mean photos?)"),
        ("zebra", "there is no 'zebra' in {here}"),
        ("phtos/train", "there is no 'phtos' in {here} (did you mean photos?)"),
        ("photos.csv", "it is a file; its folder is {here}"),
        ("photos.csv/train", "{here}/photos.csv is a file"),
        ("data.zip", "it is an archive; unpack it and give the folder"),
        ("empty", "it is an empty folder"),
        ("of_a_mac", "it is an empty folder"),
        ("photos", ""),
    ],
)
def test_a_folder_that_is_none_is_told_from_one_that_is_empty(here, path, why):
    assert no_folder(here / path) == why.format(here=here)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("photo.csv", "there is no 'photo.csv' in {here} (did you mean photos.csv?)"),
        ("phots/a.csv", "there is no 'phots' in {here} (did you mean photos?)"),
        ("photos", "it is a folder"),
        ("photos.csv", ""),
    ],
)
def test_a_file_that_is_none_is_told_by_what_is_there(here, path, why):
    assert no_file(here / path) == why.format(here=here)


@pytest.mark.parametrize("name", ["n" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_not_there(here, name):
    assert no_folder(here / name).startswith("there is no ")
    assert no_file(here / name).startswith("there is no ")
