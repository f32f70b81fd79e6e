"""Both sides of a folder: who is searched on, and who tests."""

import pytest

from benchmarks.rivals.held_out import Sides
from tests.search.builders.people import write_people
from trainables.data import layouts


def test_a_third_of_the_people_test_and_nobody_is_on_both_sides(tmp_path):
    faces = write_people(tmp_path / "a" / "faces", num_people=30)
    found = [Sides.of_data(tmp_path / "out", faces) for _ in range(2)]
    assert found[0] == found[1]
    people = [
        set(map(str, layouts.load(root, None).groups)) for root in (found[0].search, found[0].test)
    ]
    assert not people[0] & people[1]
    assert [len(each) for each in people] == [20, 10]


def test_another_folder_of_the_same_name_is_refused(tmp_path):
    faces, others = (
        write_people(tmp_path / name / "faces", num_people=30, seed=seed)
        for seed, name in enumerate("ab")
    )
    Sides.of_data(tmp_path / "out", faces)
    with pytest.raises(ValueError, match=r"copies of another faces than .*/b/faces"):
        Sides.of_data(tmp_path / "out", others)
