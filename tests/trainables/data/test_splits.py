from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.data.folders import colour_table
from trainables.data.sample_table import SampleTable
from trainables.data.splits import (
    SEARCH_FOLDS,
    Split,
    check_group_disjoint,
    deal,
    make_folds,
    make_split,
)
from trainables.errors import DataError

NUM_FOLDS = 5


@st.composite
def people(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draws groups and joint labels [N]; rows are shuffled, group numbers have gaps."""
    labels_of_people = draw(
        st.lists(
            st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=NUM_FOLDS, max_size=40
        )
    )
    groups = [7 * i + 3 for i, labels in enumerate(labels_of_people) for _ in labels]
    strata = [label for labels in labels_of_people for label in labels]
    order = draw(st.permutations(range(len(groups))))
    return np.array(groups)[order], np.array(strata)[order]


def _fold_of_person(groups: np.ndarray, folds: np.ndarray) -> dict[int, int]:
    pairs = set(zip(groups.tolist(), folds.tolist(), strict=True))
    assert len(pairs) == len(np.unique(groups)), "a person is in two folds"
    return dict(pairs)


def _counts(folds: list[int], num_folds: int) -> np.ndarray:
    return np.bincount(folds, minlength=num_folds)


@settings(max_examples=25)
@given(drawn=people(), num_folds=st.integers(2, NUM_FOLDS), seed=st.integers(0, 99))
def test_folds_are_disjoint_by_person_and_equal_in_people(drawn, num_folds, seed):
    groups, strata = drawn
    folds = deal(groups, strata, num_folds, seed)
    assert folds.shape == groups.shape
    assert folds.dtype == np.int64
    sizes = _counts(list(_fold_of_person(groups, folds).values()), num_folds)
    assert len(sizes) == num_folds
    assert np.ptp(sizes) <= 1
    assert sizes.min() >= 1


@settings(max_examples=25)
@given(drawn=people(), num_folds=st.integers(2, NUM_FOLDS), seed=st.integers(0, 99))
def test_people_with_the_same_labels_are_spread_evenly(drawn, num_folds, seed):
    groups, strata = drawn
    fold_of = _fold_of_person(groups, deal(groups, strata, num_folds, seed))
    by_labels: dict[tuple[int, ...], list[int]] = {}
    for person, fold in fold_of.items():
        key = tuple(sorted(strata[groups == person].tolist()))
        by_labels.setdefault(key, []).append(fold)
    assert all(np.ptp(_counts(folds, num_folds)) <= 1 for folds in by_labels.values())


@settings(max_examples=25)
@given(drawn=people(), seed=st.integers(0, 99), data=st.data())
def test_the_order_of_the_rows_does_not_change_the_folds(drawn, seed, data):
    groups, strata = drawn
    order = np.array(data.draw(st.permutations(range(len(groups)))))
    folds = deal(groups, strata, NUM_FOLDS, seed)
    np.testing.assert_array_equal(
        deal(groups[order], strata[order], NUM_FOLDS, seed), folds[order]
    )


def test_the_seed_decides_who_is_where():
    groups, strata = np.arange(200), np.zeros(200, dtype=np.int64)
    first = deal(groups, strata, 5, seed=0)
    np.testing.assert_array_equal(first, deal(groups, strata, 5, seed=0))
    assert np.mean(first != deal(groups, strata, 5, seed=1)) > 0.5


def test_people_are_not_dealt_in_the_order_of_their_numbers():
    folds = deal(np.arange(100), np.zeros(100, dtype=np.int64), 5, seed=3)
    assert folds.tolist() != (np.arange(100) % 5).tolist()


def test_old_men_of_the_competition_are_spread_over_the_folds():
    people_of_class = [549, 410, 83, 732, 817, 109]
    strata = np.repeat(np.arange(6), people_of_class)
    folds = deal(np.arange(len(strata)), strata, 5, seed=0)
    assert sorted(np.bincount(folds[strata == 2]).tolist()) == [16, 16, 17, 17, 17]


def test_the_largest_stratum_is_dealt_first_and_the_next_goes_on_where_it_stopped():
    strata = np.repeat([0, 1], [3, 7])
    folds = deal(np.arange(10), strata, 5, seed=0)
    assert np.bincount(folds[strata == 1]).tolist() == [2, 2, 1, 1, 1]
    assert sorted(folds[strata == 0].tolist()) == [2, 3, 4]


@pytest.mark.parametrize("num_folds", [0, 1, 4])
def test_there_must_be_two_folds_and_a_person_for_each(num_folds):
    with pytest.raises(DataError, match=f"got {num_folds} folds for 3 groups"):
        deal(np.array([5, 5, 6, 9]), np.zeros(4, dtype=np.int64), num_folds, seed=0)


def test_every_sample_needs_a_group_and_a_label():
    with pytest.raises(DataError, match=r"one shape \[N\], got \(3,\) and \(2,\)"):
        deal(np.arange(3), np.arange(2), 2, seed=0)


@pytest.fixture
def table() -> SampleTable:
    """100 people of three photos each, of which half is red and half is green or blue."""
    groups = [f"p{i:03}" for i in range(100) for _ in range(3)]
    colours = [0 if i < 50 else 1 + i % 2 for i in range(100) for _ in range(3)]
    return colour_table(Path("nowhere"), groups, colours)


def test_the_split_holds_out_a_fifth_and_validates_on_a_fourth_of_the_rest(table):
    split = make_split(table, seed=5)
    sizes = [len(side) for side in (split.search_train, split.search_val, split.held_out)]
    assert sizes == [180, 60, 60]
    check_group_disjoint(table, split.search_train, split.search_val, split.held_out)
    colours = table.labels[:, 0]
    assert np.bincount(colours[split.held_out]).tolist() == [30, 15, 15]
    val = np.bincount(colours[split.search_val])
    assert val[0] == 30
    assert abs(int(val[1]) - int(val[2])) <= 3


def test_every_fold_of_the_search_validates_others_and_holds_out_the_same(table):
    splits = [make_split(table, seed=0, fold=fold) for fold in range(SEARCH_FOLDS)]
    validating = np.concatenate([split.search_val for split in splits])
    first = splits[0]
    np.testing.assert_array_equal(
        np.sort(validating), np.sort(np.concatenate([first.search_train, first.search_val]))
    )
    assert len({split.held_out.tobytes() for split in splits}) == 1
    assert make_split(table, seed=0).fingerprint == first.fingerprint


def test_the_same_seed_gives_the_same_split_and_fingerprint(table):
    split = make_split(table, 1)
    again = make_split(table, 1)
    np.testing.assert_array_equal(split.held_out, again.held_out)
    assert split.fingerprint == again.fingerprint
    assert len(split.fingerprint) == 16
    assert make_split(table, 2).fingerprint != split.fingerprint


def test_the_fingerprint_knows_the_sides_apart():
    first, second, third = np.array([0]), np.array([1]), np.array([2])
    split = Split(search_train=first, search_val=second, held_out=third)
    swapped = Split(search_train=second, search_val=first, held_out=third)
    assert split.fingerprint != swapped.fingerprint


def test_five_people_are_enough_for_a_split_and_four_are_not():
    split = make_split(colour_table(Path(), list("abcde")), 0)
    assert [len(split.search_train), len(split.search_val), len(split.held_out)] == [3, 1, 1]
    with pytest.raises(DataError, match="needs at least 5 people, got 4"):
        make_split(colour_table(Path(), list("abcd")), 0)


def test_folds_of_a_table_differ_from_its_split_and_follow_the_seed(table):
    folds = make_folds(table, 5, seed=1)
    np.testing.assert_array_equal(folds, make_folds(table, 5, seed=1))
    assert np.bincount(folds).tolist() == [60] * 5
    assert not np.array_equal(np.flatnonzero(folds == 0), make_split(table, 1).held_out)
    assert not np.array_equal(folds, make_folds(table, 5, seed=2))


def test_sides_are_sorted_and_read_only():
    split = Split(search_train=[4, 0], search_val=[3], held_out=[2, 1])
    assert split.search_train.tolist() == [0, 4]
    with pytest.raises(ValueError, match="read-only"):
        split.held_out[0] = 0


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (([0, 1], [1], [2]), "each of the rows 0 to N - 1 exactly once"),
        (([0], [1], [3]), "each of the rows 0 to N - 1 exactly once"),
        (([0, 1], [], [2]), "every side of a split needs samples, search_val has none"),
    ],
)
def test_a_split_that_overlaps_or_leaves_rows_out_cannot_be_made(sides, message):
    train, val, held_out = sides
    with pytest.raises(DataError, match=message):
        Split(search_train=train, search_val=val, held_out=held_out)


def test_a_person_on_two_sides_is_named(table):
    check_group_disjoint(table, np.array([0, 1, 2]), np.array([3, 4]))
    with pytest.raises(DataError, match=r"'p001' is on side 0 and side 2 \(1 people"):
        check_group_disjoint(table, np.array([2, 3]), np.array([6]), np.array([5, 299]))
