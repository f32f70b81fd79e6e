"""What a fold of a refit trains on beside its own samples."""

import numpy as np
import pytest

from search.refit.train import _with_others
from tests.trainables.data.folders import write_image, write_manifest
from trainables.data import layouts
from trainables.data.splits import make_folds


@pytest.fixture
def table(tmp_path):
    """Twelve people of two photos; every other one lacks a label of the second photo."""
    lines = [
        f"{n}{photo}.jpg,p{n},{'mf'[n % 2]},{'' if photo and n % 4 < 2 else n % 3}"
        for n in range(12)
        for photo in range(2)
    ]
    lines.append("x.jpg,somebody,m,")
    write_manifest(tmp_path, ("path,group,gender,age", *lines), "missing: ignore")
    for line in lines:
        write_image(tmp_path / line.partition(",")[0])
    return layouts.load(tmp_path)


def test_photos_that_lack_a_label_train_where_their_person_is_not_predicted(table):
    of_sample = make_folds(table.whole, 3, seed=0)
    assert table.num_whole == 18
    for fold in range(3):
        train, out = np.flatnonzero(of_sample != fold), np.flatnonzero(of_sample == fold)
        found = _with_others(table, train, out)
        people = set(table.group_index[found])
        assert not people & set(table.group_index[out])
        assert len(people) + len(set(table.group_index[out])) == table.num_groups
        assert table.group_names.index("somebody") in people
        np.testing.assert_array_equal(found[: len(train)], train)
        others = found[len(train) :]
        assert (others >= table.num_whole).all()
        assert len(others) == np.isin(table.group_index[18:], list(people)).sum()


def test_where_every_photo_has_every_label_nothing_is_added(table):
    whole = table.whole
    train = np.arange(9)
    np.testing.assert_array_equal(_with_others(whole, train, np.arange(9, 18)), train)
