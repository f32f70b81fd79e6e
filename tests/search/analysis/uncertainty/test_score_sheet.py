from dataclasses import replace

import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.score_sheet import score_sheet
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate


def _sheet(sample, rows=None, num_resamples=300):
    predicted = list(sample.predicted) if rows is None else rows
    rng = np.random.default_rng(1)
    return score_sheet(predicted, sample.people, num_resamples=num_resamples, rng=rng)


@pytest.fixture(scope="module")
def sample():
    world = World(num_people=120, shared=0.8, num_seeds=3, error_factors=(1.0, 0.5))
    return simulate(world, np.random.default_rng(0))


def test_a_score_is_the_mean_over_seeds(sample):
    sheet = _sheet(sample)
    interval = sheet.score(1, fixed_models=False, rng=np.random.default_rng(0))
    scores = [macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[1]]
    assert interval.value == pytest.approx(np.mean(scores))
    assert 0 <= interval.low < interval.value < interval.high <= 1


def test_training_luck_widens_the_interval_of_a_score():
    world = World(num_people=300, shared=0.0, num_seeds=3, seed_sd=0.04)
    sheet = _sheet(simulate(world, np.random.default_rng(0)), num_resamples=2_000)
    widths = [
        half_width(sheet.score(0, fixed_models=fixed, rng=np.random.default_rng(0)))
        for fixed in (True, False)
    ]
    assert widths[1] > 1.5 * widths[0]


def test_a_pair_is_the_difference_with_both_kinds_of_luck(sample):
    sheet = _sheet(sample)
    pair, fixed = sheet.pair(0, 1, fixed_models=False), sheet.pair(0, 1, fixed_models=True)
    scores = np.array(
        [[macro_f1(sample.y, row, NUM_CLASSES) for row in rows] for rows in sample.predicted]
    )
    assert pair.difference == pytest.approx(scores[0].mean() - scores[1].mean())
    assert pair.seed_variances == pytest.approx(tuple(scores.var(axis=1, ddof=1) / 3))
    assert fixed.seed_variances == (0.0, 0.0)
    assert fixed.people_variance == pair.people_variance
    assert half_width(fixed.interval) < half_width(pair.interval)


def test_a_pair_mirrors_when_its_sides_are_swapped(sample):
    sheet = _sheet(sample)
    one, two = sheet.pair(0, 1, fixed_models=False), sheet.pair(1, 0, fixed_models=False)
    assert one.difference == -two.difference
    assert one.people_variance == pytest.approx(two.people_variance)
    assert one.p_value == pytest.approx(two.p_value)


def test_the_same_people_are_drawn_for_both_sides(sample):
    """Unpaired, the luck of two equal prediction files would be twice that of one."""
    sheet = _sheet(sample, [sample.predicted[0], sample.predicted[0].copy()])
    assert sheet.pair(0, 1, fixed_models=True).people_variance == pytest.approx(0, abs=1e-20)


def test_approaches_may_have_different_numbers_of_seeds(sample):
    sheet = _sheet(sample, [sample.predicted[0], sample.predicted[1, :1]])
    pair = sheet.pair(0, 1, fixed_models=False)
    assert pair.num_seeds == (3, 1)
    assert pair.seed_variances[1] == 0


def test_seeds_of_shared_models_are_paired_and_others_are_not(sample):
    near = sample.predicted[0].copy()
    near[:, :5] = 0
    sheet = _sheet(sample, [sample.predicted[0], near, sample.predicted[1], near[::-1]])
    assert sheet.seeds_are_paired(0, 1)
    assert not sheet.seeds_are_paired(0, 2)
    assert not sheet.seeds_are_paired(0, 3)  # the same models under other seeds
    gaps = sheet.scores[sheet.slices[0]] - sheet.scores[sheet.slices[1]]
    paired = sheet.pair(0, 1, fixed_models=False)
    assert paired.seed_variances == pytest.approx((gaps.var(ddof=1) / 3, 0.0))


def test_people_on_whom_two_approaches_differ_are_counted(sample):
    near = sample.predicted[0].copy()
    near[0, [0, 1, 30]] = (near[0, [0, 1, 30]] + 1) % NUM_CLASSES  # people 0, 0 and 4
    sheet = _sheet(sample, [sample.predicted[0], near])
    assert sheet.pair(0, 1, fixed_models=True).num_differing == 2


def test_one_person_cannot_be_compared_on():
    with pytest.raises(AnalysisError, match="at least 2 people, got 1"):
        score_sheet(
            [np.zeros((1, 3), int)],
            people_of(np.zeros(3, int), np.zeros(3, int), 2),
            num_resamples=10,
            rng=np.random.default_rng(0),
        )


def test_the_luck_of_choice_adds_to_a_pair_and_to_a_score(sample):
    rng = np.random.default_rng(1)
    sheet = score_sheet(
        list(sample.predicted),
        sample.people,
        num_resamples=2_000,
        rng=rng,
        choice_variances=[4e-3, 1e-3],
    )
    plain = replace(sheet, choice_variances=(0.0, 0.0))
    pairs = [part.pair(0, 1, fixed_models=True).people_variance for part in (plain, sheet)]
    assert pairs[1] - pairs[0] == pytest.approx(5e-3)
    people = plain.draws[:, plain.slices[0]].mean(axis=1).var(ddof=1)
    widths = [
        half_width(part.score(0, fixed_models=True, rng=np.random.default_rng(0)))
        for part in (plain, sheet)
    ]
    assert widths[1] / widths[0] == pytest.approx(((people + 4e-3) / people) ** 0.5, rel=0.1)


def test_the_luck_of_choice_weighs_against_that_of_seeds_in_the_degrees_of_freedom():
    world = World(num_people=300, shared=0.0, num_seeds=2, seed_sd=0.05)
    sheet = _sheet(simulate(world, np.random.default_rng(0)), num_resamples=1_000)
    lucky = replace(sheet, choice_variances=(1e-2, 1e-2))
    widths = [
        part.score(0, fixed_models=False, rng=np.random.default_rng(0)) for part in (sheet, lucky)
    ]
    draws = sheet.draws[:, sheet.slices[0]].mean(axis=1)
    normal = [1.96 * (draws.var() + luck + sheet.seed_variance(0)) ** 0.5 for luck in (0, 1e-2)]
    # two seeds that are most of the luck make an interval far beyond the normal one
    assert half_width(widths[0]) > 1.3 * normal[0]
    assert half_width(widths[1]) < 1.3 * normal[1]
