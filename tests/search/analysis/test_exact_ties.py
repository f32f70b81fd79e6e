"""Ties and equal figures stay what they are, whatever the order and rounding of sums."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis import exact
from search.analysis.ensemble.recipe import CalibratedMembers
from search.analysis.ensemble.weights import Limit, cma_weights
from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.bootstrap import people_degrees
from search.analysis.uncertainty.difference import PairEstimate


@given(st.integers(0, 10**6), st.integers(1, 9))
def test_classes_equally_likely_in_all_members_are_tied_in_their_mixture(seed, num_members):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet([1, 1, 1], (num_members, 37)).astype(np.float32)
    probs = np.concatenate([probs, probs[..., :1]], axis=-1) / np.float32(2)
    members = CalibratedMembers(probs=probs, costs_ms=np.ones(num_members), limit=Limit(), seed=0)
    mixed = members.mix(rng.dirichlet(np.ones(num_members)))
    assert np.array_equal(mixed[:, 0], mixed[:, 3])


def test_weights_are_no_worse_than_their_start_where_classes_are_tied(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 60)
    probs = rng.dirichlet([1, 1, 1], (4, 60)).astype(np.float32)
    probs = np.concatenate([probs, probs[..., :1]], axis=-1) / np.float32(2)
    start = np.array([2, 1, 0, 1])
    found = cma_weights(probs, y, start, seed=0)
    members = CalibratedMembers(probs=probs, costs_ms=np.ones(4), limit=Limit(), seed=0)
    scores = [macro_f1(y, members.mix(w).argmax(axis=1), 4) for w in (start / 4, found)]
    assert scores[1] >= scores[0]


def test_weights_added_and_taken_away_are_none_in_thirds_too():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])[[0, 1, 0, 1, 0, 0, 0]]
    third = Fraction(1, 3)
    weights = [third, Fraction(1), third, -Fraction(1, 2), third, -Fraction(1, 2), -Fraction(1, 2)]
    assert exact.net_weights(weights, rows).tolist() == [0, 0.5, 0, 0, 0, 0, 0]


def test_equal_effects_have_no_spread_though_their_mean_rounds():
    strata = np.repeat([0, 1], [7, 11])
    assert people_degrees(np.where(strata == 0, 0.1, 0.7), strata) == 16
    spread = np.where(np.arange(18) % 2 == 0, 0.1, 0.7)
    alone = np.where(strata == 0, spread, 0.3)  # the second stratum has no part in it
    assert people_degrees(alone, strata) == pytest.approx(6)


def test_a_difference_of_rounding_alone_is_none():
    left = PairEstimate(difference=1e-17, people_variance=1e-34, people_degrees=9, num_differing=4)
    assert (left.difference, left.variance) == (0.0, 0.0)
    assert not left.interval.excludes_zero


def test_equal_scores_have_no_variance_and_a_mean_in_any_order():
    scores = np.array([0.1, 0.2, 0.3])
    assert exact.variance(np.full(3, 0.1)) == 0
    assert exact.variance_of_mean(np.array([0.3])) == 0
    assert exact.variance(scores) == scores.var(ddof=1)
    orders = [scores[[i, j, 3 - i - j]] for i in range(3) for j in range(3) if i != j]
    assert len({float(exact.mean_in_any_order(order)) for order in orders}) == 1
