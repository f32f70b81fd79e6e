import unicodedata
from pathlib import Path

import pytest

from tests.trainables.data.folders import write_image
from trainables.data.image_files import (
    check_files,
    cure_of_missing,
    image_names,
    normal_path,
    resolved,
    visible_entries,
)
from trainables.errors import DataError


@pytest.mark.parametrize(
    ("path", "normal"),
    [("a.jpg", "a.jpg"), ("a/../b.jpg", "b.jpg"), ("./a//b.jpg", "a/b.jpg"), ("..a", "..a")],
)
def test_a_path_inside_the_root_is_put_in_normal_form(path, normal):
    assert normal_path(path, "row 1") == normal


@pytest.mark.parametrize("path", ["", ".", "..", "../a.jpg", "a/../../b.jpg", "/a.jpg", "//a"])
def test_a_path_that_leaves_the_root_is_refused(path):
    with pytest.raises(DataError, match=r"row 1: a path must be relative .* stay inside it"):
        normal_path(path, "row 1")


def test_only_visible_images_of_the_folder_itself_are_listed_by_name(tmp_path):
    for name in ("b.JPG", "a.png", "._a.png", "c.jpeg"):
        write_image(tmp_path / name)
    write_image(tmp_path / "deeper" / "d.jpg")
    (tmp_path / "info.csv").write_text("ImageID\n")
    (tmp_path / "folder.jpg").mkdir()
    assert image_names(tmp_path) == ("a.png", "b.JPG", "c.jpeg")
    assert image_names(tmp_path / "absent") == ()


KOREAN = "사진/사람 01.png"


def _touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_path_in_other_code_points_is_that_of_its_file(tmp_path, form):
    other = "NFD" if form == "NFC" else "NFC"
    on_disk = unicodedata.normalize(form, KOREAN)
    _touch(tmp_path, on_disk)
    listed = unicodedata.normalize(other, KOREAN)
    assert resolved(tmp_path, [listed]) == (
        (on_disk,),
        ("1 paths found under names with other code points (NFC and NFD)",),
    )
    assert resolved(tmp_path, [on_disk]) == ((on_disk,), ())


def test_backslashes_and_capitals_of_another_system_are_read(tmp_path):
    _touch(tmp_path, "photos/a.JPG", "photos/b.jpg", "photos/c.jpg")
    found, notes = resolved(tmp_path, ["photos\\a.jpg", "Photos\\b.jpg", "photos/c.jpg"])
    assert found == ("photos/a.JPG", "photos/b.jpg", "photos/c.jpg")
    assert notes == (
        "backslashes in 2 paths read as slashes",
        "2 paths found under names with other capitals",
    )


def test_a_backslash_that_belongs_to_a_name_stays(tmp_path):
    _touch(tmp_path, "a\\b.jpg", "a/b.jpg")
    assert resolved(tmp_path, ["a\\b.jpg"]) == (("a\\b.jpg",), ())


@pytest.mark.parametrize("path", ["a.jpg", "..\\x.jpg", "C:\\x.jpg", "\\x.jpg", "no/x.jpg"])
def test_a_path_that_fits_several_files_or_none_stays_as_it_is(tmp_path, path):
    _touch(tmp_path, "root/A.jpg", "root/A.JPG", "x.jpg")
    assert resolved(tmp_path / "root", [path]) == ((path,), ())


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("a.jpg", "'a.jpg' is in 'photos': say images: photos in dataset.yaml"),
        ("C:\\data\\a.jpg", "cut what stands before it"),
        ("photos/a", "'a.jpg' is there: write the paths with the endings of the files"),
        ("photos/A.JPEG", "'a.jpg' is there: write the paths with the endings of the files"),
        ("b.jpg", "put the files back, or remove their rows"),
        ("https:/a.org/a.jpg", "not addresses: fetch the photos first"),
        ("photos/f.jpg", "'photos/f.jpg' is a folder: write the paths of the photos in it"),
        ("photos/link.jpg", "'photos/link.jpg' is a link to nothing: copy there what it"),
        ("disk/1/a.jpg", "'disk' is a link to nothing: copy there what it stood for"),
        ("photos/f", "put the files back, or remove their rows"),
        ("photos/link.png", "put the files back, or remove their rows"),
    ],
)
def test_a_missing_image_comes_with_what_may_be_done(tmp_path, path, cure):
    _touch(tmp_path, "photos/a.jpg", "photos/f.jpg/b.jpg")
    for link in ("photos/link.jpg", "disk"):
        (tmp_path / link).symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match="is missing under") as raised:
        check_files(tmp_path, [path], ["row 1"])
    assert cure in str(raised.value)


@pytest.mark.parametrize("path", ["link.jpg", "disk/a.jpg"])
def test_a_link_to_nothing_is_not_found_under_another_name(tmp_path, path):
    for link in ("link.jpg", "disk"):
        (tmp_path / link).symlink_to(tmp_path / "gone")
    assert resolved(tmp_path, [path]) == ((path,), ())


def test_what_systems_leave_in_a_folder_is_no_photo(tmp_path):
    for name in ("Thumbs.db", "desktop.ini", "Icon\r", "@eaDir/a.jpg/b.jpg", "__MACOSX/c.jpg"):
        _touch(tmp_path, name)
    write_image(tmp_path / "a.png")
    assert [each.name for each in visible_entries(tmp_path)] == ["a.png"]


def test_a_path_that_begins_with_the_folder_of_the_data_is_told_where_it_starts(tmp_path):
    _touch(tmp_path, "photos/0.png")
    said = cure_of_missing(tmp_path, "mydata/photos/0.png")
    assert said.startswith("'photos/0.png' is there in the data folder, where paths start: cut ")
    assert "put the files back" in cure_of_missing(tmp_path, "mydata/photos/1.png")
    _touch(tmp_path, "2.png")
    own = f"{tmp_path.name}/2.png"
    assert cure_of_missing(tmp_path, own).startswith("'2.png' is there in the data folder")
    assert "put the files back" in cure_of_missing(tmp_path, "other/2.png")
