from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.data_look import (
    PhotoFacts,
    cells_of,
    class_people,
    crossed,
    cuts_of,
    is_called,
    people_of_classes,
    photo_facts,
    spread,
    two_of_people,
)
from search.analysis.errors import AnalysisError

AGES = ("<30", "30-59", ">=60")


def cuts(values, person=None, edges=(30.0, 60.0), classes=AGES):
    values = np.asarray(values, dtype=float)
    person = np.arange(len(values)) if person is None else np.asarray(person)
    return cuts_of({"age": classes}, {"age": edges}, {"age": values}, person)


@pytest.mark.parametrize(
    ("names", "two"),
    [
        (("mask", "gender", "age"), ("gender", "age")),
        (("age_band", "mask", "sex"), ("sex", "age_band")),
        (("age", "mask"), ("age", "mask")),
        (("language", "colour", "shape"), ("language", "colour")),
        (("mask",), ("mask",)),
        (("gender", "sex", "age"), ("gender", "age")),
        (("age_band", "age", "race"), ("age_band", "age")),
    ],
)
def test_two_attributes_of_people_are_gender_and_age_where_there_are_such(names, two):
    assert two_of_people(names) == two


def test_a_word_is_a_part_of_a_name_and_not_of_another_word():
    assert is_called("age_band", "age")
    assert not is_called("language", "age")


def test_people_are_counted_once_a_class_and_unknown_labels_not_at_all():
    codes, person = np.array([0, 0, 1, -1, 1]), np.array([0, 0, 0, 1, 2])
    assert people_of_classes(codes, person, 3).tolist() == [1, 2, 0]


def test_people_by_two_attributes_have_sums_where_each_is_counted_once():
    classes = {"mask": ("w", "n"), "shape": ("u", "v")}
    labels = np.array([[0, 1], [0, 1], [1, 0], [-1, 0], [1, -1]])
    found = crossed(classes, labels, np.array([0, 0, 0, 1, 2]))
    assert (found.row_name, found.column_name) == ("mask", "shape")
    assert found.counts.tolist() == [[0, 1], [1, 0]]
    assert (found.num_people, found.has_sums) == (1, False)
    assert crossed(classes, labels, np.array([0, 0, 1, 1, 2])).has_sums
    assert crossed({"mask": ("w", "n")}, labels[:, :1], np.arange(5)) is None


def test_the_people_of_every_class_are_counted_by_attribute():
    classes = {"mask": ("w", "n"), "shape": ("u", "v", "x")}
    labels = np.array([[0, 1], [0, 1], [1, 0], [-1, 0]])
    assert class_people(classes, labels, np.array([0, 0, 0, 1])) == {
        "mask": {"w": 1, "n": 1},
        "shape": {"u": 2, "v": 1, "x": 0},
    }


def test_people_near_a_cut_are_counted_by_person_and_the_classes_beside_it():
    low, high = cuts([18, 29.5, 30, 57, 59, 59, 60, 63, 90], person=[0, 1, 2, 3, 4, 4, 5, 6, 7])
    assert (low.name, low.classes, low.below, low.above) == ("age 30", AGES[:2], 1, 1)
    assert (high.name, high.classes, high.below, high.above) == ("age 60", AGES[1:], 2, 1)
    assert [(each.name, each.below, each.above) for each in high.options] == [
        ("as it is", 3, 3),
        ("cut at 59", 2, 4),
        ("cut at 58", 2, 4),
        ("cut at 57", 1, 5),
        ("without 57 to below 60", 1, 3),
    ]
    # Who is in the class above the upper cut has no part in the lower one.
    as_it_is = low.options[0]
    assert (as_it_is.below, as_it_is.above) == (2, 3)


def test_a_cut_is_not_moved_beyond_the_class_below_it():
    _, high = cuts([0, 10, 50, 51, 52], edges=(50.0, 51.0), classes=("a", "b", "c"))
    assert [(each.name, each.below, each.above) for each in high.options] == [
        ("as it is", 1, 2),
        ("cut at 50", 0, 3),
        ("without 50 to below 51", 0, 2),
    ]


def test_numbers_that_are_not_known_or_lie_close_together_have_no_cuts():
    assert cuts([np.nan, np.nan]) == ()
    assert cuts([29, 30, 31]) == ()
    assert len(cuts([np.nan, 28, 61], person=[0, 0, 1])) == 2


def test_numbers_with_nobody_near_a_cut_have_none_and_large_ones_keep_their_digits():
    pay = {"edges": (30_000.0, 1_234_567.0), "classes": AGES}
    assert cuts([20_000, 50_000, 2e6], **pay) == ()
    _, high = cuts([20_000, 50_000, 1_234_566, 2e6], **pay)
    assert high.name == "age 1234567"
    assert high.options[1].name == "cut at 1234566"


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60))
def test_no_option_but_leaving_out_changes_how_many_people_there_are(ages):
    for cut in cuts(ages):
        whole = {option.below + option.above for option in cut.options[:-1]}
        assert len(whole) == 1
        moved = [option.above for option in cut.options[:-1]]
        assert moved == sorted(moved)
        dropped = cut.options[0].below - cut.options[-1].below
        assert 0 <= dropped <= cut.below


def test_cells_are_those_of_two_attributes_with_photos_spread_over_many():
    classes = {"mask": ("w", "n"), "gender": ("m", "f"), "age": ("y", "o")}
    labels = np.array([[0, 0, 0]] * 500 + [[1, 1, 1], [1, 1, -1]])
    found = {cell: (len(rows), picked) for cell, rows, picked in cells_of(classes, labels)}
    assert {cell: count for cell, (count, _) in found.items()} == {"m y": 500, "f o": 1}
    picked = found["m y"][1]
    assert (len(picked), picked[0], picked[-1]) == (200, 0, 499)


@pytest.mark.parametrize(
    ("sizes", "cells"), [((2, 12), 24), ((5, 5), 5), ((30, 2), 2), ((30, 30), 0)]
)
def test_with_too_many_cells_one_attribute_is_enough(sizes, cells):
    classes = {n: tuple(map(str, range(size))) for n, size in zip("ab", sizes, strict=True)}
    labels = np.array([[i, j] for i in range(sizes[0]) for j in range(sizes[1])])
    assert len(list(cells_of(classes, labels))) == cells


def test_cells_that_read_alike_are_told_apart():
    classes = {"a": ("a", "a b"), "b": ("b c", "c")}
    labels = np.array([[0, 0], [1, 1]])
    assert [cell for cell, _, _ in cells_of(classes, labels)] == ["'a' 'b c'", "'a b' 'c'"]


def test_some_of_many_are_spread_from_the_first_to_the_last():
    assert spread(5, 3).tolist() == [0, 2, 4]
    assert spread(2, 3).tolist() == [0, 1]


def test_photos_are_counted_by_size_and_by_brightness():
    facts = photo_facts(np.array([[4, 3], [4, 3], [2, 2]]), np.array([0.0, 255.0, 21.2]))
    assert facts.sizes == ((3, 4, 2), (2, 2, 1))
    assert (facts.num_sizes, facts.sized, facts.of) == (2, 3, 3)
    assert sum(facts.brightness) == facts.photos == 3
    assert facts.brightness[0] == 2
    assert facts.brightness[-1] == 1
    assert facts.brightness_names[0] == "0 to 20"
    assert facts.brightness_names[-1] == "235 to 255"


def test_without_photos_there_are_no_facts():
    assert photo_facts(np.empty((0, 2), int), np.empty(0)) is None


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"photos": 0}, "photos must be 1 to"),
        ({"photos": 10**400}, "photos must be 1 to"),
        ({"of": 2}, "photos must be 1 to"),
        ({"brightness": (3,)}, "brightness must be 12 counts"),
        ({"brightness": (-1, 4, *[0] * 10)}, "brightness must be 12 counts"),
        ({"brightness": (0,) * 12}, "brightness must be 12 counts"),
        ({"sizes": ((0, 1, 2),)}, "sizes must be above 0"),
        ({"sizes": ((1, 1, -2),)}, "sizes must be above 0"),
        ({"sizes": ((3, 4, 300),)}, "sizes must be above 0"),
        ({"sized": 9}, "sizes must be above 0"),
        ({"num_sizes": 2}, "num_sizes must count"),
        ({"num_sizes": -7}, "num_sizes must count"),
        ({"num_sizes": 0}, "num_sizes must count"),
        ({"sizes": ()}, "num_sizes must count"),
        ({"middle": (float("nan"), 1.0)}, "middle must be"),
        ({"middle": (1.0, float("inf"))}, "middle must be"),
        ({"middle": (2.0, 1.0)}, "middle must be"),
        ({"middle": (1.0, 10**400)}, "middle must be"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(wrong, rule):
    right = asdict(photo_facts(np.array([[4, 3], [4, 3]]), np.array([0.0, 1.0, 2.0])))
    assert PhotoFacts(**right)
    with pytest.raises(AnalysisError, match=rule):
        PhotoFacts(**{**right, **wrong})
