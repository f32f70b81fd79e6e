"""F1 by class: against scikit-learn, and with intervals that hold the value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.class_scores import class_scores
from tests.search.builders.labelled_people import half_width, people_of


def made(seed, num_people=30, per_person=4, num_classes=3, right=0.7):
    rng = np.random.default_rng(seed)
    y = rng.integers(num_classes, size=num_people * per_person)
    guess = rng.integers(num_classes, size=len(y))
    predicted = np.where(rng.random(len(y)) < right, y, guess)
    return people_of(y, np.repeat(np.arange(num_people), per_person), num_classes), predicted


@given(seed=st.integers(0, 2**31), num_people=st.integers(2, 12), num_classes=st.integers(2, 5))
def test_values_are_those_of_scikit_learn_and_lie_in_their_intervals(
    seed, num_people, num_classes
):
    people, predicted = made(seed, num_people, 3, num_classes)
    found = class_scores(people, predicted, num_resamples=50)
    expected = f1_score(
        people.label, predicted, labels=range(num_classes), average=None, zero_division=0
    )
    assert [score.f1.value for score in found] == pytest.approx(expected.tolist())
    assert all(0 <= s.f1.low <= s.f1.value <= s.f1.high <= 1 for s in found)


def test_photos_and_people_of_a_class_are_counted():
    y = np.array([0, 0, 1, 1, 0, 2])
    found = class_scores(people_of(y, [5, 5, 5, 7, 7, 7], 4), y, num_resamples=20)
    assert [(score.photos, score.people) for score in found] == [(3, 2), (2, 2), (1, 1), (0, 0)]
    assert found[3].f1.value == 0


def test_an_interval_narrows_with_people_not_with_photos():
    few, many = made(1, num_people=40), made(1, num_people=640)
    wide = half_width(class_scores(*few)[0].f1)
    assert half_width(class_scores(*many)[0].f1) < 0.4 * wide
    copied = few[0].part(np.repeat(np.arange(160), 16)), np.repeat(few[1], 16)
    assert half_width(class_scores(*copied)[0].f1) == pytest.approx(wide, rel=0.25)


def test_a_class_interval_covers_the_truth_about_as_often_as_it_says():
    # Of a guess that is right 80 times of 100 the F1 of each of two even classes is 0.8.
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(100):
        y = np.tile([0, 1], 60)
        predicted = np.where(rng.random(120) < 0.8, y, 1 - y)
        people = people_of(y, np.arange(120) // 2, 2)
        f1 = class_scores(people, predicted, num_resamples=200)[0].f1
        inside += f1.low <= 0.8 <= f1.high
    assert inside >= 88


def test_a_single_person_tells_nothing_about_others():
    score = class_scores(people_of([0, 1, 1], [4, 4, 4], 2), [0, 1, 0])[1]
    assert (score.f1.low, score.f1.high) == (0.0, 1.0)
    assert score.people == 1


def test_the_same_seed_gives_the_same_intervals():
    assert class_scores(*made(2), seed=1) == class_scores(*made(2), seed=1)


def test_a_class_out_of_range_is_refused():
    with pytest.raises(AnalysisError, match=r"predicted classes must lie in \[0, 2\)"):
        class_scores(people_of([0, 1], [0, 1], 2), [0, 2])
