"""The paths that dataset.yaml names are found as those of the table are."""

import unicodedata

import pytest

from tests.trainables.data.folders import write_manifest
from trainables.data.layouts import manifest

ROWS = ("path,group,x", "a/1.jpg,p,a", "a/2.jpg,q,b")
KOREAN = unicodedata.normalize("NFC", "사진")


@pytest.mark.parametrize(
    ("key", "there", "said", "note"),
    [
        ("images", unicodedata.normalize("NFD", KOREAN), KOREAN, "names with other code points"),
        ("images", "photos/small", "photos\\small", "backslashes in 1 paths read as slashes"),
        ("images", "photos", "photos\\", "backslashes in 1 paths read as slashes"),
        ("images", "photos", "Photos", "1 paths found under names with other capitals"),
        (
            "manifest",
            f"{unicodedata.normalize('NFD', KOREAN)}.csv",
            f"{KOREAN}.csv",
            "code points",
        ),
        ("manifest", "labels/Train.CSV", "labels\\train.csv", "with other capitals"),
    ],
)
def test_a_path_of_dataset_yaml_is_found_as_one_of_the_table_is(tmp_path, key, there, said, note):
    root = write_manifest(tmp_path, ROWS, f"{key}: {said}")
    place = root / there
    place.parent.mkdir(exist_ok=True)
    if key == "images":
        place.mkdir()
    else:
        (root / "manifest.csv").rename(place)
    table = manifest.read(root)
    assert table.paths[0] == (f"{there}/a/1.jpg" if key == "images" else "a/1.jpg")
    assert any(
        each.startswith(f"{key} in dataset.yaml: ") and note in each for each in table.notes
    )


def test_where_the_names_of_photos_say_the_labels_no_manifest_is_looked_for(tmp_path):
    for name in ("a_1.jpg", "b_2.jpg", "Manifest.csv"):
        (tmp_path / name).touch()
    (tmp_path / "dataset.yaml").write_text("{file_names: '{x}_{n}', ignore: [n], group: path}")
    assert not any("in dataset.yaml" in each for each in manifest.read(tmp_path).notes)
