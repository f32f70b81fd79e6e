"""The luck of training by folds, by whole seeds, and against the luck that was drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.uncertainty.training_luck import (
    TrainingLuck,
    training_luck,
    variance_over_people,
)

EFFECTS = np.array([[1.0, 2.0, 0.0, 5.0], [2.0, 2.0, 1.0, 1.0], [3.0, 2.0, 5.0, 0.0]])
"""Three seeds, four people."""
SCORES = np.array([0.5, 0.6, 0.8])
ONE_STRATUM = np.zeros(4, dtype=np.int64)
TWO_FOLDS = np.array([0, 0, 1, 1])


def test_luck_by_folds_is_the_sum_of_the_variances_of_the_folds_totals():
    found = training_luck(EFFECTS, SCORES, ONE_STRATUM, TWO_FOLDS)
    # Totals: 3, 4, 5 of the first fold (variance 1) and 5, 2, 5 of the second (variance 3).
    assert found.variance == pytest.approx((1 + 3) / 3)
    assert found.folds == pytest.approx((1 + 3) ** 2 / (1 + 9))
    assert found.degrees == pytest.approx(2 * 1.6)
    assert found.num_seeds == 3


def test_interaction_is_the_spread_over_people_of_every_seed_about_the_mean():
    found = training_luck(EFFECTS, SCORES, ONE_STRATUM, TWO_FOLDS)
    # The mean seed is 2, 2, 2, 2; W of four people is 4 / 3 of the squares about the mean.
    apart = [[-1, 0, -2, 3], [0, 0, -1, -1], [1, 0, 3, -2]]
    spreads = [4 / 3 * sum((x - np.mean(row)) ** 2 for x in row) for row in apart]
    assert found.interaction == pytest.approx(sum(spreads) / (3 * 2))
    assert training_luck(EFFECTS, SCORES, ONE_STRATUM).interaction == found.interaction


def test_strata_of_people_have_a_spread_of_their_own():
    strata = np.array([0, 1, 0, 1, 1])
    effect = np.array([1.0, 4.0, 3.0, 4.0, 10.0])
    # Two people about 2, three about 6.
    expected = 2 / 1 * (1 + 1) + 3 / 2 * (4 + 4 + 16)
    assert variance_over_people(effect, strata) == pytest.approx(expected)
    both = variance_over_people(np.stack([effect, 2 * effect]), strata)
    assert both == pytest.approx([expected, 4 * expected])


def test_without_folds_luck_is_that_of_whole_scores():
    found = training_luck(EFFECTS, SCORES, ONE_STRATUM)
    assert found.variance == pytest.approx(np.var([0.5, 0.6, 0.8], ddof=1) / 3)
    assert (found.folds, found.degrees) == (None, 2.0)


def test_two_whole_seeds_count_half_a_degree_and_two_seeds_of_five_folds_five():
    assert [TrainingLuck(num_seeds=num).degrees for num in (2, 3, 4)] == [0.5, 2.0, 3.0]
    assert [TrainingLuck(num_seeds=num, folds=5.0).degrees for num in (2, 3)] == [5.0, 10.0]


@pytest.mark.parametrize("fold", [None, TWO_FOLDS])
def test_one_seed_knows_nothing_of_its_luck(fold):
    found = training_luck(EFFECTS[:1], SCORES[:1], ONE_STRATUM, fold)
    assert (found.variance, found.interaction, found.num_seeds) == (0.0, 0.0, 1)


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 6, 7, 11])
@pytest.mark.parametrize("by_fold", [False, True])
def test_equal_seeds_have_no_luck_at_all(num_seeds, by_fold):
    rng = np.random.default_rng(num_seeds)
    effects = np.tile(rng.normal(size=60) / 7, (num_seeds, 1))
    scores = np.full(num_seeds, 0.1)
    fold = np.arange(60) % 5 if by_fold else None
    found = training_luck(effects, scores, np.repeat([0, 1], 30), fold)
    assert (found.variance, found.interaction) == (0.0, 0.0)


def test_a_person_on_whom_no_seed_differs_has_no_interaction():
    effects = np.tile(np.linspace(0.1, 0.7, 40) / 3, (3, 1))
    effects[1, :2] += [0.5, -0.5]
    found = training_luck(effects, SCORES, np.zeros(40, dtype=np.int64))
    # A third of 0.5 and of minus 0.5 for two seeds, two thirds for the one that differs.
    squares = 40 / 39 * 2 * (0.25 / 9 + 0.25 / 9 + 4 * 0.25 / 9)
    assert found.interaction == pytest.approx(squares / 6)


def test_folds_are_called_by_any_numbers_and_empty_ones_tell_nothing():
    found = training_luck(EFFECTS, SCORES, ONE_STRATUM, TWO_FOLDS)
    assert training_luck(EFFECTS, SCORES, ONE_STRATUM, np.array([4, 4, 1, 1])) == found


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_order_of_seeds_and_of_people_does_not_matter(seed, num_seeds):
    rng = np.random.default_rng(seed)
    effects, scores = rng.normal(size=(num_seeds, 30)), rng.random(num_seeds)
    strata, fold = np.arange(30) % 2, np.arange(30) % 3
    found = training_luck(effects, scores, strata, fold)
    seeds, people = rng.permutation(num_seeds), rng.permutation(30)
    moved = effects[seeds][:, people]
    again = training_luck(moved, scores[seeds], strata[people], fold[people])
    assert again.variance == pytest.approx(found.variance)
    assert again.interaction == pytest.approx(found.interaction)
    assert again.folds == pytest.approx(found.folds)


def _simulated(num_seeds, sds, rng, per_fold=20):
    """Effects [S, P]: what a fold's own training moves, shared evenly by the fold's people."""
    luck = rng.normal(size=(num_seeds, len(sds))) * sds
    return np.repeat(luck / per_fold, per_fold, axis=1)


@pytest.mark.parametrize("sds", [np.full(5, 0.01), np.array([0.03, 0.01, 0.01, 0.0, 0.005])])
def test_luck_of_fold_models_is_found_whatever_its_degrees(sds):
    """B estimates the variance of the mean score, sum of sd^2 / S, with the spread it claims."""
    rng = np.random.default_rng(0)
    fold, strata = np.repeat(np.arange(5), 20), np.zeros(100, dtype=np.int64)
    found = [
        training_luck(effects, effects.sum(axis=1), strata, fold)
        for effects in (_simulated(3, sds, rng) for _ in range(4_000))
    ]
    truth = (sds**2).sum() / 3
    estimates = np.array([each.variance for each in found])
    assert estimates.mean() == pytest.approx(truth, rel=4 * estimates.std() / truth / 4_000**0.5)
    # The truth's own degrees: 2 E^2 / Var of a sum of sd_f^2 chi^2 with two degrees each.
    degrees = 2 * (sds**2).sum() ** 2 / (sds**4).sum()
    assert 2 * estimates.mean() ** 2 / estimates.var() == pytest.approx(degrees, rel=0.1)
    assert min(each.degrees for each in found) >= 2
    assert max(each.degrees for each in found) <= 10 + 1e-9


def test_one_luck_for_all_folds_of_a_seed_is_missed_by_folds_and_found_without():
    """Why fold models must be trained independently: by folds this is a fifth of the truth."""
    rng = np.random.default_rng(1)
    fold, strata = np.repeat(np.arange(5), 20), np.zeros(100, dtype=np.int64)
    by_fold, whole = [], []
    for _ in range(2_000):
        effects = np.repeat(rng.normal(size=(3, 1)), 100, axis=1) / 100
        scores = effects.sum(axis=1)
        by_fold.append(training_luck(effects, scores, strata, fold).variance)
        whole.append(training_luck(effects, scores, strata).variance)
    assert np.mean(whole) == pytest.approx(1 / 3, rel=0.1)
    assert np.mean(by_fold) == pytest.approx(1 / 15, rel=0.1)


def test_more_seeds_and_people_are_planned_for_one_side():
    side = TrainingLuck(variance=5e-5, interaction=2e-5, num_seeds=2, folds=4.0)
    planned = side.planned(3e-5, people=4.0, seeds=6)
    assert planned.interaction == pytest.approx(2e-5 / 3 / 4)
    assert planned.variance == pytest.approx(2e-5 / 3 / 4 + 3e-5 / 3)
    assert (planned.num_seeds, planned.folds, planned.degrees) == (6, 4.0, 20.0)
    assert side.planned(3e-5, people=1.0, seeds=2) == side


def test_nothing_is_planned_for_models_that_are_taken_as_they_are():
    fixed = TrainingLuck(num_seeds=0)
    assert fixed.planned(0.0, people=3.0, seeds=0) == fixed
