"""A lead over the default config counts by what the luck of the people leaves of it."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from search.analysis.choice import dunnett_quantile, errors_held_back, errors_of_leads
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


_DUNNETT_1955 = (1.64, 1.92, 2.06, 2.16, 2.23, 2.29, 2.34, 2.38, 2.42)
"""Table 1 a: one-sided, 5 %, infinite degrees of freedom, for one treatment to nine."""


@pytest.mark.parametrize(("num", "expected"), [*enumerate(_DUNNETT_1955, 1)])
def test_quantiles_are_those_of_the_published_table(num, expected):
    assert round(dunnett_quantile(num, 0.05), 2) == expected


def test_the_luck_of_many_leads_is_as_a_simulation_has_it():
    rng, leads = np.random.default_rng(0), 30
    default = rng.standard_normal((40_000, 1))
    most = ((rng.standard_normal((40_000, leads)) - default) / np.sqrt(2)).max(axis=1)
    assert (most > errors_held_back(leads)).mean() == pytest.approx(0.2, abs=0.01)


def test_a_single_lead_has_to_be_clear_and_one_of_very_many_clearer():
    assert errors_held_back(0) == errors_held_back(1) == 1.25
    needed = [errors_held_back(leads) for leads in (1, 3, 10, 100, 10_000)]
    assert all(fewer < more for fewer, more in pairwise(needed))
    assert needed[-1] < -norm.ppf(0.2 / 10_000)  # Bonferroni


@pytest.mark.parametrize("configs", [3, 10, 30])
def test_of_configs_as_good_as_the_default_one_is_taken_with_a_chance_of_a_quarter(configs):
    rng = np.random.default_rng(0)
    default = rng.standard_normal((20_000, 1))
    leads = (rng.standard_normal((20_000, configs)) - default) / np.sqrt(2)
    held_back = np.array([errors_held_back(number) for number in range(configs + 1)])
    is_taken = leads.max(axis=1) > held_back[(leads > 0).sum(axis=1)]
    assert 0.18 < is_taken.mean() < 0.27
