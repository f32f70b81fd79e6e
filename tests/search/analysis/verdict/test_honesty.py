"""The verdict on simulated people: reduced runs of `benchmarks/verdict_simulation.py`."""

import numpy as np
import pytest
from scipy import stats

from search.analysis.metrics import macro_f1
from tests.search.builders.simulated_people import (
    NUM_CLASSES,
    World,
    population_macro_f1,
    simulate,
)
from tests.search.builders.verdict_cells import (
    Effort,
    fixed_cell,
    power_cell,
    searches_cell,
    seeds_cell,
)


def _effort(pairs, seed=0):
    return Effort(pairs=pairs, resamples=150, people=(), seed=seed)


def _too_often(hits):
    """Whether the exact 95 % interval of a rate lies wholly above 5 %."""
    return stats.binomtest(int(np.sum(hits)), len(hits)).proportion_ci(0.95).low > 0.05


def test_simulated_people_have_the_published_quality():
    world = World(num_people=20_000, shared=0.0, error_factors=(1.0, 0.5))
    sample = simulate(world, np.random.default_rng(0))
    scores = [macro_f1(sample.y, rows[0], NUM_CLASSES) for rows in sample.predicted]
    assert population_macro_f1() == pytest.approx(0.757, abs=0.001)
    assert scores[0] == pytest.approx(population_macro_f1(), abs=0.007)
    assert scores[1] == pytest.approx(population_macro_f1(0.5), abs=0.007)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_equal_models_are_called_different_in_at_most_five_percent(shared):
    found = fixed_cell(World(num_people=300, shared=shared), _effort(100))
    assert not _too_often([people for people, _ in found])


def test_taking_photos_for_people_calls_equal_models_different_and_ours_does_not():
    found = fixed_cell(World(num_people=300, shared=1.0), _effort(120))
    assert not _too_often([people for people, _ in found])
    assert _too_often([photos for _, photos in found])


@pytest.mark.parametrize("num_seeds", [2, 3])
def test_training_luck_is_not_taken_for_a_better_approach(num_seeds):
    world = World(num_people=300, shared=0.8, num_seeds=num_seeds, seed_sd=0.05)
    found = np.array(seeds_cell(world, _effort(120)))
    ours, left_out = found[:, 0], found[:, 3]
    assert not _too_often(ours)
    assert _too_often(left_out)


def test_a_search_of_many_equal_configs_does_not_beat_one_of_few():
    world = World(num_people=60, shared=0.8, num_seeds=2, error_factors=(1.0,) * 68)
    found = searches_cell(world, 64, _effort(40))
    assert not _too_often([ours for ours, _, _ in found])


def test_intervals_cover_the_true_difference_and_the_true_score():
    cell = power_cell(300, 0.04, _effort(120), num_seeds=1)
    assert stats.binomtest(sum(cell.covered), 120, 0.95).pvalue > 0.001
    assert stats.binomtest(sum(cell.score_covered), 120, 0.95).pvalue > 0.001
