"""A lead over the default config counts by what the luck of the people leaves of it."""

import numpy as np
import pytest
from scipy.stats import norm

from search.analysis.choice import errors_held_back, errors_of_leads
from search.analysis.metrics import macro_f1
from search.analysis.people import People


def _people(num, rng):
    label = rng.integers(0, 2, num)
    return People(label=label, person=np.arange(num), num_classes=2)


def _predicted(people, share_right, rng):
    is_right = rng.random(len(people)) < share_right
    return np.where(is_right, people.label, 1 - people.label)


def test_the_same_predictions_differ_by_no_luck():
    people = _people(60, np.random.default_rng(0))
    default = _predicted(people, 0.7, np.random.default_rng(1))
    assert errors_of_leads(people, default, [default]).tolist() == [0.0]


def test_the_error_is_that_of_people_who_are_drawn(seed):
    rng = np.random.default_rng(seed)
    people = _people(400, rng)
    default, other = _predicted(people, 0.7, rng), _predicted(people, 0.8, rng)
    (error,) = errors_of_leads(people, default, [other])
    # The reference: people drawn with replacement, everything counted anew.
    draws = rng.integers(0, 400, (2000, 400))
    gains = [
        macro_f1(people.label[d], other[d], 2) - macro_f1(people.label[d], default[d], 2)
        for d in draws
    ]
    assert error == pytest.approx(np.std(gains), rel=0.1)


def test_photos_of_a_person_are_one_piece_of_evidence():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 60)
    right = rng.random((2, 60)) < [[0.6], [0.9]]
    default, other = np.where(right, label, 1 - label)
    once = People(label=label, person=np.arange(60), num_classes=2)
    often = People(label=label.repeat(7), person=np.arange(60).repeat(7), num_classes=2)
    expected = errors_of_leads(once, default, [other])
    found = errors_of_leads(often, default.repeat(7), [other.repeat(7)])
    np.testing.assert_allclose(found, expected)


def test_one_person_proves_nothing():
    people = People(label=np.array([0, 1]), person=np.array([5, 5]), num_classes=2)
    assert errors_of_leads(people, np.array([1, 1]), [np.array([0, 1])]).tolist() == [np.inf]


@pytest.mark.parametrize("leads", [4, 7, 40, 1000])
def test_that_any_of_many_leads_is_luck_has_a_chance_of_a_fifth(leads):
    assert leads * norm.sf(errors_held_back(leads)) == pytest.approx(0.2)


@pytest.mark.parametrize("leads", [0, 1])
def test_a_single_lead_has_to_be_clear(leads):
    assert errors_held_back(leads) == 1.25
