"""What the demo people look like, and what their looks depend on."""

import numpy as np
import pytest

from trainables.data.demo.generate import Person, plan_people
from trainables.data.demo.looks import looks_of
from trainables.data.demo.mask import Mask
from trainables.data.demo.photo import STEMS, Sitting, mask_class

SIZE = (48, 64)


def _looks(gender, age, count=150):
    return [looks_of(Person(number=1, gender=gender, age=age, seed=n)) for n in range(count)]


def test_signs_of_age_rise_with_age_but_overlap_near_60():
    ages = (20, 40, 50, 57, 60)
    grey = [np.array([looks.ageing.grey for looks in _looks("female", age)]) for age in ages]
    means = [values.mean() for values in grey]
    assert np.all(np.diff(means) > 0.0)
    assert means[0] < 0.02
    assert means[-1] > 0.5
    # The edge of the band stays hard: often enough a person of 57 is greyer than one of 60.
    assert 0.1 < (grey[3][:, None] > grey[4][None, :]).mean() < 0.4


def test_faces_of_men_and_women_differ_on_average_and_overlap():
    men = np.array([looks.face.masculine for looks in _looks("male", 30)])
    women = np.array([looks.face.masculine for looks in _looks("female", 30)])
    assert men.mean() - women.mean() > 1.0
    assert 0.01 < (men < 0.0).mean() < 0.3
    assert 0.01 < (women > 0.0).mean() < 0.3


def test_looks_are_decided_by_the_person_alone():
    assert _looks("male", 60, 3) == _looks("male", 60, 3)
    assert _looks("male", 60, 3) != _looks("female", 60, 3)


def test_only_the_kind_of_photo_decides_the_mask_class():
    assert [mask_class(stem) for stem in STEMS] == [0, 0, 0, 0, 0, 1, 2]
    with pytest.raises(ValueError, match=r"a photo is one of .* got 'mask6'"):
        mask_class("mask6")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Person(number=0, gender="male", age=20, seed=0),
            r"`number >= 1` must hold, got 0",
        ),
        (
            lambda: Person(number=1, gender="male", age=61, seed=0),
            r"`18 <= age <= 60` must hold, got 61",
        ),
        (
            lambda: Mask(make="veil", rgb=(0, 0, 0), pattern="dots", sits="wear", slip=0.0),
            r"unknown mask make 'veil'; available: ",
        ),
        (
            lambda: Mask(make="cup", rgb=(0, 0, 0), pattern="dots", sits="hat", slip=0.0),
            r"a mask sits 'wear', 'nose' or 'chin', got 'hat'",
        ),
        (
            lambda: Sitting(person=plan_people(18, 0)[0], files=(), size=SIZE),
            r"a sitting has 7 files, got 0",
        ),
    ],
)
def test_invalid_values_cannot_be_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()
