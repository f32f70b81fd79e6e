import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data.folders import MASK_SCHEMA, write_image
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.errors import DataError

PEOPLE = ("007", "001", "007", "002")
LABELS = np.array([[0, 1, 2], [2, 0, 0], [1, 1, 2], [0, 1, 1]])
AGES = np.array([60.0, 20.0, 61.0, 45.0])


@pytest.fixture
def table(tmp_path: Path) -> SampleTable:
    paths = ("a/1.jpg", "b/1.jpg", "a/2.jpg", "c/1.jpg")
    for path in paths:
        write_image(tmp_path / path)
    return SampleTable(
        schema=MASK_SCHEMA,
        root=tmp_path,
        paths=paths,
        groups=PEOPLE,
        labels=LABELS,
        raw={"age": AGES},
        source_rows=tuple(f"train.csv row {line}" for line in range(2, 6)),
    )


def test_groups_are_numbered_in_the_order_they_are_first_seen(table):
    assert table.group_names == ("007", "001", "002")
    assert table.num_groups == 3
    assert table.group_index.tolist() == [0, 1, 0, 2]
    assert table.num_samples == 4


def test_joint_labels_follow_the_schema(table):
    assert table.joint.tolist() == [5, 12, 11, 4]


@pytest.mark.parametrize("name", ["labels", "joint", "group_index"])
def test_arrays_cannot_be_written_to(table, name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(table, name)[0] = 0


def test_raw_numbers_cannot_be_written_to(table):
    with pytest.raises(ValueError, match="read-only"):
        table.raw["age"][0] = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        table.raw["age"] = AGES


def test_the_table_keeps_its_own_copy_of_the_labels(table):
    labels = LABELS.copy()
    copy = replace(table, labels=labels)
    labels[0, 0] = 2
    assert copy.labels[0, 0] == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"groups": PEOPLE[:3]}, "columns of one length, got .*'groups': 3"),
        ({"raw": {"age": AGES[:2]}}, "columns of one length"),
        ({"labels": LABELS[:, :2]}, r"labels must have the shape \[N, 3\], got \(4, 2\)"),
        (
            {"labels": LABELS + np.array([3, 0, 0])},
            r"train.csv row 2: label 3 of attribute 'mask'.*0, 3\)",
        ),
        ({"labels": LABELS - np.array([0, 0, 1])}, r"raw numbers of 'age' must be finite"),
        ({"labels": LABELS - np.array([0, 0, 2])}, "train.csv row 3: label -2 of attribute 'age'"),
        ({"groups": ("1", "", "3", "4")}, "train.csv row 3: a sample needs a group"),
        ({"raw": {}}, r"exactly the attributes \['age'\], got \[\]"),
        ({"raw": {"age": AGES, "mask": AGES}}, r"exactly the attributes \['age'\], got"),
        ({"raw": {"age": AGES * np.nan}}, "raw numbers of 'age' must be finite"),
        ({"paths": ("a", "../b", "c", "d")}, "train.csv row 3: .*stay inside it, got '../b'"),
        ({"paths": ("a", "b", "/c", "d")}, "train.csv row 4: .*got '/c'"),
        ({"paths": ("a", "b/./x", "c", "d")}, "train.csv row 3: .*'b/./x' must be written"),
    ],
)
def test_a_table_that_breaks_a_rule_cannot_be_made(table, values, message):
    with pytest.raises(DataError, match=message):
        replace(table, **values)


def test_a_duplicate_path_names_both_rows(table):
    with pytest.raises(
        DataError, match=r"duplicate path 'x.jpg' in train.csv row 3 and train.csv row 5"
    ):
        replace(table, paths=("a.jpg", "x.jpg", "b.jpg", "x.jpg"))


def test_a_table_without_samples_cannot_be_made(table):
    with pytest.raises(DataError, match="one or more samples"):
        replace(table, paths=(), groups=(), labels=LABELS[:0], raw={"age": AGES[:0]})


def test_missing_files_are_counted_and_the_first_is_named(table):
    table.check_files()
    (table.root / "b/1.jpg").unlink()
    (table.root / "c/1.jpg").unlink()
    with pytest.raises(
        DataError, match=r"train.csv row 3: image 'b/1.jpg' is missing .*2 of 4 images"
    ):
        table.check_files()
    with pytest.raises(DataError, match=r"'b/1.jpg' is missing"):
        _ = table.fingerprint


def test_the_fingerprint_is_sixteen_hex_digits_and_stays(table):
    assert int(table.fingerprint, 16) >= 0
    assert len(table.fingerprint) == 16
    assert replace(table).fingerprint == table.fingerprint


def test_the_fingerprint_does_not_depend_on_where_the_folder_is(table, tmp_path):
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    fingerprint = table.fingerprint
    table.root.rename(moved)
    assert replace(table, root=moved).fingerprint == fingerprint


def _grow_a_file(table: SampleTable) -> SampleTable:
    with (table.root / "a/1.jpg").open("ab") as file:
        file.write(b"x")
    return replace(table)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: replace(table, groups=("8", *PEOPLE[1:])),
        lambda table: replace(table, labels=LABELS[::-1]),
        lambda table: replace(table, raw={"age": AGES + 0.5}),
        lambda table: replace(table, paths=(*table.paths[:2], *table.paths[:1:-1])),
        lambda table: replace(table, schema=replace(MASK_SCHEMA, name="other")),
        _grow_a_file,
    ],
    ids=["groups", "labels", "raw", "path order", "schema", "file size"],
)
def test_the_fingerprint_changes_with_every_part(table, change):
    before = table.fingerprint
    assert change(table).fingerprint != before


def test_a_pickled_table_is_the_same_and_still_read_only(table):
    copy = pickle.loads(pickle.dumps(table))
    assert copy.fingerprint == table.fingerprint
    assert not copy.labels.flags.writeable
    assert not copy.raw["age"].flags.writeable


def test_an_unlabelled_table_keeps_order_and_checks_its_files(tmp_path):
    write_image(tmp_path / "b.jpg")
    table = UnlabelledTable(root=tmp_path, paths=("b.jpg", "a.jpg"), names=("B", "A"))
    assert table.num_samples == 2
    assert table.source_rows == ("image 'B'", "image 'A'")
    with pytest.raises(DataError, match=r"image 'A': image 'a.jpg' is missing .*1 of 2"):
        table.check_files()
    write_image(tmp_path / "a.jpg")
    table.check_files()
    swapped = replace(table, paths=("a.jpg", "b.jpg"), names=("A", "B"))
    assert len(table.fingerprint) == 16
    assert swapped.fingerprint != table.fingerprint


@pytest.mark.parametrize(
    ("paths", "names", "message"),
    [
        ((), (), "one or more images"),
        (("a.jpg",), ("a", "b"), "got 1 paths and 2 names"),
        (("a.jpg", "a.jpg"), ("a", "b"), "duplicate path 'a.jpg' in image 'a' and image 'b'"),
        (("../a.jpg",), ("a",), "stay inside it"),
    ],
)
def test_an_unlabelled_table_that_breaks_a_rule_cannot_be_made(tmp_path, paths, names, message):
    with pytest.raises(DataError, match=message):
        UnlabelledTable(root=tmp_path, paths=paths, names=names)
