from pathlib import Path

import pytest

from tests.trainables.data.folders import write_flat, write_image
from trainables.data.layouts import flat
from trainables.errors import DataError

NAMES = ("c.jpg", "a.jpg", "b.png")


def test_images_come_in_the_order_of_info_csv(tmp_path):
    table = flat.read(write_flat(tmp_path, NAMES))
    assert table.names == NAMES
    assert table.root == tmp_path / "images"
    table.check_files()


def test_images_may_lie_beside_info_csv(tmp_path):
    (tmp_path / "info.csv").write_text("ImageID\nb.jpg\na.jpg\n")
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / name)
    table = flat.read(tmp_path)
    assert table.names == ("b.jpg", "a.jpg")
    assert table.root == tmp_path
    table.check_files()


@pytest.mark.parametrize("info", [True, False])
def test_the_folder_may_be_called_eval(tmp_path, info):
    write_flat(tmp_path / "eval", NAMES, info=info)
    assert flat.detect(tmp_path)
    assert sorted(flat.read(tmp_path).names) == sorted(NAMES)


@pytest.mark.parametrize("folder", [".", "images"])
def test_without_info_csv_all_images_come_sorted_by_name(tmp_path, folder):
    for name in (*NAMES, "._a.jpg"):
        write_image(tmp_path / folder / name)
    (tmp_path / folder / "readme.txt").write_text("x")
    table = flat.read(tmp_path)
    assert table.names == ("a.jpg", "b.png", "c.jpg")
    table.check_files()


def test_photos_beside_the_folder_of_photos_are_left_out_and_counted(tmp_path):
    for name in ("images/a.jpg", "b.jpg", "c.jpg"):
        write_image(tmp_path / name)
    table = flat.read(tmp_path)
    assert table.names == ("a.jpg",)
    assert table.notes == ("the photos in images/ alone; the 2 beside it are left out",)


def test_images_that_info_csv_does_not_list_are_left_out(tmp_path):
    write_flat(tmp_path, NAMES)
    write_image(tmp_path / "images" / "extra.jpg")
    assert flat.read(tmp_path).names == NAMES


def _info(root: Path, *lines: str) -> Path:
    (root / "info.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("ImageID", "a.jpg", "x.jpg", "y.jpg"), r"info.csv row 3: image 'x.jpg' is .*\(2 of 3"),
        (
            ("ImageID", "a.jpg", "c.jpg", "a.jpg"),
            "'a.jpg' is in info.csv row 2 and info.csv row 4",
        ),
        (("image", "a.jpg"), "needs a column 'ImageID'; its columns are image"),
        (("ImageID,ans", ",0"), "info.csv row 2: column 'ImageID' is empty"),
        (("ImageID", "../images/a.jpg"), "info.csv row 2: .*stay inside it"),
        (("ImageID",), "needs a header and one or more rows"),
    ],
)
def test_an_info_csv_that_breaks_a_rule_is_refused(tmp_path, lines, message):
    write_flat(tmp_path, NAMES)
    with pytest.raises(DataError, match=message):
        flat.read(_info(tmp_path, *lines))


@pytest.mark.parametrize("name", ["Info.csv", "info.csv.txt", "info.tsv"])
@pytest.mark.parametrize("folder", [".", "eval"])
def test_a_list_called_nearly_so_is_not_passed_over(tmp_path, name, folder):
    write_flat(tmp_path / folder, NAMES, info=False)
    (tmp_path / folder / name).write_text("ImageID\nc.jpg\n")
    with pytest.raises(DataError, match=f"must be called info.csv to be read, got {name}; rename"):
        flat.read(tmp_path)


def test_a_link_to_no_list_is_not_passed_over(tmp_path):
    write_flat(tmp_path, NAMES, info=False)
    (tmp_path / "info.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match=r"info\.csv cannot be read: there is no"):
        flat.read(tmp_path)


def test_a_folder_without_images_is_not_this_layout(tmp_path):
    (tmp_path / "._a.jpg").write_bytes(b"\0")
    assert not flat.detect(tmp_path)
    with pytest.raises(DataError, match=r"holds no images; a folder to predict needs info.csv"):
        flat.read(tmp_path)
