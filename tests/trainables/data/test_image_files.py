import pytest

from tests.trainables.data.folders import write_image
from trainables.data.image_files import image_names, normal_path
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
