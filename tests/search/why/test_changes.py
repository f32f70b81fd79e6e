from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import UsageError
from search.why.changes import FewerPeople, WrongLabels, attribute_to_flip
from trainables.classifier import TrainingData
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema
from trainables.data.training_images import TrainingImages

SCHEMA = LabelSchema(
    name="three",
    attributes=(
        Attribute(name="mask", classes=("wear", "none")),
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="hair", classes=("black", "brown", "red")),
        Attribute(name="age", classes=("<30", ">=30"), edges=(30,)),
    ),
)
PEOPLE, PHOTOS = 200, 2
PERSON = np.repeat(np.arange(PEOPLE), PHOTOS)


def table_of(seed=0):
    """Two photos a person: mask differs between them, the rest belongs to the person."""
    rng = np.random.default_rng(seed)
    gender, hair = rng.integers(0, 2, PEOPLE), rng.integers(0, 3, PEOPLE)
    age = rng.integers(18, 60, PEOPLE)
    own = np.stack([gender, hair, (age >= 30).astype(int)], axis=1)
    mask = np.arange(PEOPLE * PHOTOS) % 2
    num = PEOPLE * PHOTOS
    return SampleTable(
        schema=SCHEMA,
        root=Path(),
        paths=tuple(f"{n}.png" for n in range(num)),
        groups=tuple(f"p{n}" for n in PERSON),
        labels=np.column_stack([mask, own[PERSON]]),
        raw={"age": age[PERSON].astype(float)},
        source_rows=tuple(f"row {n}" for n in range(num)),
    )


def data_of(table, out=5):
    """Training data without every fifth person."""
    return TrainingData(
        schema=table.schema,
        images=TrainingImages(stored=torch.zeros((table.num_samples, 1, 1, 3), dtype=torch.uint8)),
        labels=table.labels,
        raw=table.raw,
        train=np.flatnonzero(PERSON % out != 0),
    )


def people_of(data):
    return set(PERSON[data.train].tolist())


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), share=st.floats(0.05, 1))
def test_whole_people_stay_in_the_share_that_was_asked(seed, share):
    table = table_of()
    data = data_of(table)
    found = FewerPeople(share=share, seed=seed).apply(data, table)
    stay = people_of(found)
    assert set(found.train.tolist()) == {n for n in data.train.tolist() if PERSON[n] in stay}
    assert abs(len(stay) - share * 160) < 9  # discrepancy of 160 numbers: log2(160) + 1
    assert stay <= people_of(data)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
def test_smaller_subsets_lie_in_larger_ones(seed, shares):
    table = table_of()
    less, more = (
        FewerPeople(share=s, seed=seed).apply(data_of(table), table) for s in sorted(shares)
    )
    assert people_of(less) <= people_of(more)


def test_a_quarter_of_the_people_has_a_quarter_of_every_label():
    table = table_of()
    data = data_of(table)
    part = FewerPeople(share=0.25, seed=1).apply(data, table)
    assert len(people_of(part)) == 40
    for column in (1, 2, 3):
        whole = np.bincount(table.labels[data.train, column]) / 4
        there = np.bincount(table.labels[part.train, column], minlength=len(whole))
        # Each of at most 12 strata is cut to within one person of two photos.
        assert np.abs(there - whole).max() <= 12
    assert people_of(FewerPeople(share=0.25, seed=2).apply(data, table)) != people_of(part)


def test_all_of_the_people_are_all_of_the_data():
    table = table_of()
    data = data_of(table)
    assert FewerPeople(share=1, seed=0).apply(data, table).train.tolist() == data.train.tolist()


def changed_rows(table, data):
    return np.flatnonzero((data.labels != table.labels).any(axis=1))


@pytest.mark.parametrize(("attribute", "column"), [("gender", 1), ("hair", 2)])
def test_wrong_labels_are_on_the_right_share_of_people_with_all_their_photos(attribute, column):
    table = table_of()
    found = WrongLabels(attribute=attribute, share=0.05, seed=3).apply(data_of(table), table)
    rows = changed_rows(table, found)
    assert len(set(PERSON[rows])) == 8  # 5 % of 160
    assert len(rows) == 8 * PHOTOS
    others = [c for c in range(4) if c != column]
    assert (found.labels[:, others] == table.labels[:, others]).all()
    for person in set(PERSON[rows]):
        assert len(set(found.labels[person == PERSON, column])) == 1


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1), out=st.integers(2, 9))
def test_wrong_labels_never_reach_the_out_fold_nor_the_given_labels(seed, share, out):
    table = table_of()
    before = table.labels.copy()
    data = data_of(table, out)
    found = WrongLabels(attribute="gender", share=share, seed=seed).apply(data, table)
    assert set(changed_rows(table, found)) <= set(data.train.tolist())
    assert found.train is data.train
    assert data.labels is table.labels
    assert (table.labels == before).all()


def test_who_is_wrong_at_two_percent_is_wrong_at_five():
    table = table_of()
    data = data_of(table)
    two, five = (
        changed_rows(table, WrongLabels(attribute="gender", share=s, seed=0).apply(data, table))
        for s in (0.02, 0.05)
    )
    assert 0 < len(two) < len(five)
    assert set(two) <= set(five)


def test_no_wrong_labels_is_the_same_data():
    table = table_of()
    data = data_of(table)
    assert WrongLabels(attribute="gender", share=0, seed=0).apply(data, table) is data


def test_shares_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"share of the people must be in \(0, 1\], got 0"):
        FewerPeople(share=0, seed=0)
    with pytest.raises(UsageError, match=r"share of the people must be in \[0, 1\], got 1.5"):
        WrongLabels(attribute="gender", share=1.5, seed=0)


def test_the_attribute_to_flip_is_gender_else_the_smallest_that_belongs_to_people():
    table = table_of()
    assert attribute_to_flip(table) == "gender"
    only = replace(
        table,
        schema=LabelSchema(name="two", attributes=(SCHEMA["mask"], SCHEMA["hair"])),
        labels=table.labels[:, [0, 2]],
        raw={},
    )
    assert attribute_to_flip(only) == "hair"  # mask changes from photo to photo
    none = replace(
        table,
        schema=LabelSchema(name="two", attributes=(SCHEMA["mask"], SCHEMA["age"])),
        labels=table.labels[:, [0, 3]],
    )
    assert attribute_to_flip(none) == ""  # a raw age would contradict a wrong class
