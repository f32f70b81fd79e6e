"""Photos that lack a label: refused unless dataset.yaml says otherwise, then behind the others."""

import numpy as np
import pytest

from tests.trainables.data.folders import write_image, write_manifest
from trainables.data import layouts
from trainables.data.schema import UNKNOWN
from trainables.data.splits import check_group_disjoint, make_split
from trainables.errors import DataError

IGNORE = "missing: ignore\nattributes: {gender: , age: {bins: [30, 60]}}"


def _write(root, lines, yaml=IGNORE):
    write_manifest(root, ("path,group,gender,age", *lines), yaml)
    for line in lines:
        write_image(root / line.partition(",")[0])
    return root


LINES = ("1.jpg,p,male,25", "2.jpg,p,,26", "3.jpg,q,female,", "4.jpg,r,female,61", "5.jpg,s,,")


def test_an_empty_label_is_refused_with_the_way_to_allow_it(tmp_path):
    _write(tmp_path, LINES, "attributes: {gender: , age: {bins: [30, 60]}}")
    with pytest.raises(DataError, match=r"row 3: column 'gender' is empty, in 2 .*missing: ignor"):
        layouts.load(tmp_path)


def test_photos_that_lack_a_label_stand_behind_those_that_have_all(tmp_path):
    table = layouts.load(_write(tmp_path, LINES))
    assert table.paths == ("1.jpg", "4.jpg", "2.jpg", "3.jpg", "5.jpg")
    assert table.labels[:, 0].tolist() == [1, 0, UNKNOWN, 0, UNKNOWN]
    assert table.labels[:, 1].tolist() == [0, 2, 0, UNKNOWN, UNKNOWN]
    np.testing.assert_array_equal(table.raw["age"], [25, 61, 26, np.nan, np.nan])
    assert table.joint.tolist() == [3, 2, UNKNOWN, UNKNOWN, UNKNOWN]
    assert table.num_whole == 2
    assert table.whole.paths == ("1.jpg", "4.jpg")
    assert table.whole.num_groups == 2
    rows = np.arange(5)
    assert table.with_labels(rows, ("age",)).tolist() == [0, 1, 2]
    assert table.with_labels(rows, ("gender", "age")).tolist() == [0, 1]
    assert table.with_labels(rows, ("gender", "age"), every=False).tolist() == [0, 1, 2, 3]


def test_a_correction_gives_the_label_that_was_missing(tmp_path):
    _write(tmp_path, LINES)
    lines = "group_or_path,attribute,label,reason\n2.jpg,gender,male,\n3.jpg,age,30,\n"
    (tmp_path / "corrections.csv").write_text(lines)
    table = layouts.load(tmp_path)
    assert table.num_whole == 4
    assert table.paths == ("1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg")
    assert [each.num_changed for each in table.corrections] == [1, 1]


def test_only_what_is_empty_is_unknown(tmp_path):
    _write(tmp_path, [*LINES, "6.jpg,t,nan,20"])
    with pytest.raises(DataError, match="row 7: column 'gender' is 'nan'"):
        layouts.load(tmp_path)


def test_one_class_among_the_known_labels_is_refused(tmp_path):
    _write(tmp_path, ["1.jpg,p,male,25", "2.jpg,q,,65"])
    with pytest.raises(DataError, match="column 'gender': an attribute needs at least two diff"):
        layouts.load(tmp_path)


def test_a_column_without_a_label_is_named(tmp_path):
    _write(tmp_path, ["1.jpg,p,,25", "2.jpg,q,,65"])
    with pytest.raises(DataError, match="'gender' has no label in any of 2 rows; leave it out"):
        layouts.load(tmp_path)


def test_a_number_that_nobody_has_is_refused(tmp_path):
    _write(tmp_path, ["1.jpg,p,male,", "2.jpg,q,female,"])
    with pytest.raises(DataError, match="'age' has no label in any of 2 rows; leave it out"):
        layouts.load(tmp_path)


@pytest.mark.parametrize("value", ["drop", "true", "[ignore]"])
def test_missing_may_say_ignore_alone(tmp_path, value):
    _write(tmp_path, LINES, f"missing: {value}")
    with pytest.raises(DataError, match="missing must be ignore"):
        layouts.load(tmp_path)


def test_people_stay_on_one_side_whatever_labels_their_photos_lack(tmp_path):
    lines = [
        f"{person}{photo}.jpg,p{person},{'' if (person + photo) % 3 == 0 else 'mf'[person % 2]},"
        f"{'' if photo and person % 5 == 0 else 20 + person}"
        for person in range(30)
        for photo in range(2)
    ]
    table = layouts.load(_write(tmp_path, lines, IGNORE.replace("60", "40")))
    split = make_split(table, seed=0)
    check_group_disjoint(table, split.search_train, split.search_val, split.held_out)
    whole = split.first(table.num_whole)
    assert 0 < table.num_whole < table.num_samples
    check_group_disjoint(table.whole, whole.search_train, whole.search_val, whole.held_out)
    for side in (split.search_train, split.search_val):
        assert len(table.with_labels(side, ("gender",))) > len(
            table.with_labels(side, ("gender", "age"))
        )
