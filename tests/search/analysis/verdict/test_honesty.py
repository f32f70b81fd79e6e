"""The verdict on simulated people: reduced runs of `benchmarks/verdict_simulation.py`."""

import numpy as np
import pytest
from scipy import stats

from tests.search.builders.simulated_people import World
from tests.search.builders.verdict_cells import (
    Effort,
    above_five_percent,
    fixed_cell,
    planning_cell,
    searches_cell,
    seeds_cell,
)
from tests.search.builders.verdict_grid import Place, trio_cells

COMP_300 = Place(name="comp", num_people=300)
COMP_900 = Place(name="comp", num_people=900)
DEMO_300 = Place(name="demo", num_people=300)


def _effort(sets, seed=0):
    return Effort(sets=sets, resamples=150, seed=seed)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_equal_models_are_called_different_in_at_most_five_percent(shared):
    cell = fixed_cell(COMP_300, _effort(80), gain=0.0, shared=shared)
    assert not above_five_percent(cell.wins)


def test_taking_photos_for_people_calls_equal_models_different_and_ours_does_not():
    cell = fixed_cell(COMP_300, _effort(120), gain=0.0, shared=1.0)
    assert not above_five_percent(cell.wins)
    assert above_five_percent(cell.photos)


def test_intervals_of_fixed_models_cover_the_true_difference_and_the_true_score():
    cell = fixed_cell(COMP_300, _effort(120), gain=0.04, shared=0.8)
    assert stats.binomtest(sum(cell.covered), 120, 0.95).pvalue > 0.001
    assert stats.binomtest(sum(cell.score_covered), 120, 0.95).pvalue > 0.001


def test_three_approaches_are_judged_truly_and_by_intervals_no_wider_than_needed():
    """Luck counted twice would make them wider by a half at 2 seeds, by a fifth at 3."""
    cells = trio_cells(COMP_300, 110, seed=0, seed_sd=0.005, gains=(0.0, 0.04), num_seeds=(2, 3))
    for trios in cells.values():
        assert not above_five_percent(trios.false_alone)
        assert not above_five_percent(trios.false_of_three)
        assert not above_five_percent(trios.false_beside_gain)
        assert trios.coverage > 0.92
    assert cells[2].width_of_oracle < 1.5
    assert cells[3].width_of_oracle < 1.2
    assert above_five_percent((cells[3].alone[:, 0] != 0).any(axis=1))  # three pairs, not adjusted


@pytest.mark.parametrize("num_seeds", [2, 3])
def test_training_luck_is_not_taken_for_a_better_approach(num_seeds):
    world = COMP_300.world((0.0, 0.0), num_seeds=num_seeds, seed_sd=0.05)
    by_folds, by_seeds, left_out = zip(*seeds_cell(world, _effort(120)), strict=True)
    assert not above_five_percent(by_folds)
    assert not above_five_percent(by_seeds)
    assert above_five_percent(left_out)


def test_luck_that_folds_share_must_not_be_counted_by_folds():
    world = COMP_300.world((0.0, 0.0), num_seeds=2, seed_sd=0.08, num_folds=0)
    by_folds, by_seeds, _ = zip(*seeds_cell(world, _effort(100)), strict=True)
    assert above_five_percent(by_folds)
    assert not above_five_percent(by_seeds)


def test_the_luck_of_a_search_with_one_finalist_is_in_no_variance():
    """Why a verdict holds for the configs that a search found, and says so."""
    cells = trio_cells(
        COMP_900, 60, seed=0, seed_sd=0.005, search_sd=0.03, gains=(0.0,), num_seeds=(3,)
    )
    assert above_five_percent(cells[3].false_alone)


def test_a_search_of_many_equal_configs_does_not_beat_one_of_few():
    """And it would, if the luck of the choice were left out."""
    world = World(num_people=60, shared=0.8, num_seeds=2, error_factors=(1.0,) * 20, own=0.02)
    ours, left_out, _ = zip(*searches_cell(world, 16, _effort(60)), strict=True)
    assert not above_five_percent(ours)
    assert above_five_percent(left_out)


def test_as_many_people_as_would_decide_decide_in_four_of_five_cases():
    plan = planning_cell(DEMO_300, 0.04, _effort(120), num_seeds=3, seed_sd=0.005)
    interval = stats.binomtest(sum(plan.found), 120).proportion_ci(0.95)
    assert interval.low < 0.88
    assert interval.high > 0.72
    assert 400 < plan.people < 1_200
    assert np.mean(plan.found) == pytest.approx(0.8, abs=0.12)
