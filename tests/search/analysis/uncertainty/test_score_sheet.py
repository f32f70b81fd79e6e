from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.bootstrap import people_degrees
from search.analysis.uncertainty.difference import NO_LUCK
from search.analysis.uncertainty.score_sheet import score_sheet
from search.analysis.uncertainty.training_luck import (
    TrainingLuck,
    training_luck,
    variance_over_people,
)
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate


def _sheet(sample, rows=None, num_resamples=300):
    predicted = list(sample.predicted) if rows is None else rows
    rng = np.random.default_rng(1)
    return score_sheet(predicted, sample.people, num_resamples=num_resamples, rng=rng)


@pytest.fixture(scope="module")
def sample():
    world = World(num_people=120, shared=0.8, num_seeds=3, error_factors=(1.0, 0.5), num_folds=0)
    return simulate(world, np.random.default_rng(0))


def test_a_score_is_the_mean_over_seeds(sample):
    sheet = _sheet(sample)
    interval = sheet.score(1, fixed_models=False, rng=np.random.default_rng(0))
    scores = [macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[1]]
    assert interval.value == pytest.approx(np.mean(scores))
    assert 0 <= interval.low < interval.value < interval.high <= 1


def test_training_luck_widens_the_interval_of_a_score():
    world = World(num_people=300, shared=0.0, num_seeds=3, seed_sd=0.04, num_folds=0)
    sheet = _sheet(simulate(world, np.random.default_rng(1)), num_resamples=2_000)
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
    luck = [side.variance for side in pair.training]
    assert luck == pytest.approx(list(scores.var(axis=1, ddof=1) / 3))
    assert fixed.training == (NO_LUCK, NO_LUCK)
    assert fixed.people_variance == pair.people_variance
    interaction = sum(side.interaction for side in pair.training)
    assert pair.variance == pytest.approx(
        fixed.people_variance + max(0.0, sum(luck) - interaction)
    )


def test_luck_of_training_beyond_its_interaction_widens_a_pair():
    world = World(num_people=300, shared=0.0, num_seeds=3, seed_sd=0.05, num_folds=0)
    sheet = _sheet(simulate(world, np.random.default_rng(0)))
    pair, fixed = (sheet.pair(0, 1, fixed_models=each) for each in (False, True))
    assert pair.training_excess > 0
    assert half_width(pair.interval) > 1.5 * half_width(fixed.interval)


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
    assert [side.num_seeds for side in pair.training] == [3, 1]
    assert (pair.num_seeds, pair.training[1].variance) == (1, 0)


def test_seeds_of_shared_models_are_paired_and_others_are_not(sample):
    near = sample.predicted[0].copy()
    near[:, :5] = 0
    sheet = _sheet(sample, [sample.predicted[0], near, sample.predicted[1], near[::-1]])
    assert sheet.seeds_are_paired(0, 1)
    assert not sheet.seeds_are_paired(0, 2)
    assert not sheet.seeds_are_paired(0, 3)  # the same models under other seeds
    gaps = sheet.scores[sheet.slices[0]] - sheet.scores[sheet.slices[1]]
    paired = sheet.pair(0, 1, fixed_models=False)
    assert paired.training[0].variance == pytest.approx(gaps.var(ddof=1) / 3)
    assert paired.training[1] == TrainingLuck(num_seeds=3)
    effect = sheet.effects[sheet.slices[0]] - sheet.effects[sheet.slices[1]]
    expected = training_luck(effect, gaps, sheet.strata)
    assert paired.training[0] == expected
    apart = sheet.pair(0, 2, fixed_models=False).training
    assert apart == (sheet.training_luck(0), sheet.training_luck(2))


def _with_folds(sample, num_folds=5):
    """The people, person i in fold i modulo the number of folds."""
    return replace(sample.people, fold=sample.people.person % num_folds)


def test_every_fold_tells_of_training_unless_folds_are_tied(sample):
    people = _with_folds(sample)
    sheet = score_sheet(list(sample.predicted), people)
    by_fold, tied = (
        sheet.pair(0, 1, fixed_models=False, by_fold=by_fold) for by_fold in (True, False)
    )
    plain = _sheet(sample).pair(0, 1, fixed_models=False)
    assert tied == plain
    assert [side.folds for side in plain.training] == [None, None]
    for side, luck in zip((0, 1), by_fold.training, strict=True):
        cut = sheet.slices[side]
        fold = np.arange(people.num_people) % 5
        assert luck == training_luck(sheet.effects[cut], sheet.scores[cut], people.strata, fold)
        assert 1 <= luck.folds <= 5
    assert by_fold.people_variance == plain.people_variance


def test_paired_seeds_are_judged_by_folds_of_their_difference(sample):
    near = sample.predicted[0].copy()
    near[:, :5] = 0
    people = _with_folds(sample)
    sheet = score_sheet([sample.predicted[0], near], people)
    first, second = sheet.pair(0, 1, fixed_models=False).training
    effect = sheet.effects[sheet.slices[0]] - sheet.effects[sheet.slices[1]]
    gaps = sheet.scores[sheet.slices[0]] - sheet.scores[sheet.slices[1]]
    assert first == training_luck(effect, gaps, people.strata, people.fold_of_person)
    assert second == TrainingLuck(num_seeds=3)
    assert sheet.pair(0, 1, fixed_models=True).training == (NO_LUCK, NO_LUCK)


def test_an_effect_is_what_a_little_more_of_a_person_changes_at_the_mean_of_the_seeds(sample):
    """One place for all seeds, or their influences would differ by the place alone."""
    sheet = _sheet(sample, num_resamples=0)
    counts = sheet.counts[sheet.slices[0]]
    mean = counts.mean(axis=0).sum(axis=0)

    def score(found):
        return float(np.mean(2 * found[0] / np.maximum(found[1] + found[2], 1e-12)))

    for seed, person in ((0, 0), (1, 17), (2, 119)):
        step = 1e-6 * counts[seed, person]
        slope = (score(mean + step) - score(mean - step)) / 2e-6
        assert sheet.effects[sheet.slices[0]][seed, person] == pytest.approx(slope, abs=1e-8)


def test_the_variance_over_people_is_that_of_many_resamples():
    """Of scores to first order the very same; of macro-F1 itself where people are many."""
    world = World(num_people=1_000, shared=0.8, num_seeds=2, error_factors=(1.0, 0.8), num_folds=0)
    drawn = simulate(world, np.random.default_rng(3))
    sheet = _sheet(drawn, num_resamples=10_000)
    found = sheet.pair(0, 1, fixed_models=True).people_variance
    draws = sheet.draws[:, sheet.slices[0]].mean(axis=1)
    draws = draws - sheet.draws[:, sheet.slices[1]].mean(axis=1)
    assert found == pytest.approx(draws.var(ddof=1), rel=0.05)
    effect = sheet.effects[sheet.slices[0]].mean(axis=0) - sheet.effects[sheet.slices[1]].mean(
        axis=0
    )
    sums = drawn.people.resample(
        effect[:, None], lambda total: total[:, 0], 40_000, np.random.default_rng(0)
    )
    assert found == pytest.approx(sums.var(ddof=1), rel=0.02)


def test_differences_need_no_resamples(sample):
    bare = score_sheet(list(sample.predicted), sample.people)
    assert bare.draws.shape == (0, 6)
    for fixed in (True, False):
        assert bare.pair(0, 1, fixed_models=fixed) == _sheet(sample).pair(0, 1, fixed_models=fixed)


def test_fixed_models_that_predict_alike_have_no_seeds(sample):
    sheet = _sheet(sample, [sample.predicted[0, :1], sample.predicted[0, :1].copy()])
    assert sheet.pair(0, 1, fixed_models=True).num_seeds == 0
    assert sheet.pair(0, 1, fixed_models=False).num_seeds == 1


def test_predictions_averaged_over_seeds_have_their_own_people_and_the_luck_of_the_seeds(sample):
    """V = W of the averaged predictions + max(0, B - I) of the single ones + choice."""
    averaged = np.where(sample.predicted[0, 0] == sample.predicted[0, 1], *sample.predicted[0, 1:])
    sheet = score_sheet(
        [sample.predicted[0], averaged[None]], _with_folds(sample), choice_variances=[2e-4, 7.0]
    )
    wild = replace(sheet, effects=sheet.effects.copy())
    wild.effects[:3] += np.array([[0.0], [1e-3], [3e-3]])  # seeds that are apart for everybody
    for each, fixed in ((sheet, False), (wild, False), (sheet, True)):
        found = each.averaged_score(1, 0, fixed_models=fixed)
        luck = each.training_luck(0)
        excess = 0.0 if fixed else max(0.0, luck.variance - luck.interaction)
        people = float(variance_over_people(each.effects[3], each.strata)) + 2e-4
        nu = people_degrees(each.effects[3], each.strata)
        degrees = nu
        if excess:
            spread = people**2 / nu + luck.variance**2 / luck.degrees
            degrees = min(nu, (people + excess) ** 2 / spread)
        reach = stats.t.ppf(0.975, degrees) * (people + excess) ** 0.5
        assert found.value == pytest.approx(macro_f1(sample.y, averaged, NUM_CLASSES))
        assert found.low == pytest.approx(max(0.0, found.value - reach))
        assert found.high == pytest.approx(min(1.0, found.value + reach))
    wide = wild.averaged_score(1, 0, fixed_models=False)
    assert half_width(wide) > half_width(sheet.averaged_score(1, 0, fixed_models=False))


def test_a_gain_is_compared_seed_by_seed(sample):
    """What two approaches gain by a rule: their difference, its people and the seeds of both."""
    ruled = sample.predicted.copy()
    ruled[0][:, ::3] = sample.y[::3]
    ruled[1][:, ::9] = sample.y[::9]
    sheet = score_sheet([*sample.predicted, *ruled], _with_folds(sample))
    found = sheet.gain_difference((0, 1), (2, 3), fixed_models=False)
    scores = np.array(
        [
            [macro_f1(sample.y, row, NUM_CLASSES) for row in rows]
            for rows in (*sample.predicted, *ruled)
        ]
    )
    gains = scores[2:] - scores[:2]
    assert found.difference == pytest.approx(gains[0].mean() - gains[1].mean())
    # A rule ties the folds of a seed: whole seeds tell of its luck.
    assert [side.variance for side in found.training] == pytest.approx(
        list(gains.var(axis=1, ddof=1) / 3)
    )
    assert [side.folds for side in found.training] == [None, None]
    effects = [sheet.effects[cut].mean(axis=0) for cut in sheet.slices]
    effect = effects[2] - effects[0] - (effects[3] - effects[1])
    expected = float(variance_over_people(effect, sheet.strata))
    assert found.people_variance == pytest.approx(expected)
    fixed = sheet.gain_difference((0, 1), (2, 3), fixed_models=True)
    assert fixed.training == (NO_LUCK, NO_LUCK)
    mirrored = sheet.gain_difference((1, 0), (3, 2), fixed_models=False)
    assert mirrored.difference == pytest.approx(-found.difference)
    assert mirrored.variance == pytest.approx(found.variance)


def test_a_rule_that_changes_nothing_gains_nothing(sample):
    sheet = score_sheet([*sample.predicted, *sample.predicted], sample.people)
    found = sheet.gain_difference((0, 1), (2, 3), fixed_models=False)
    assert (found.difference, found.variance) == (0.0, 0.0)


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


def test_the_luck_of_choice_adds_to_a_pair_and_to_a_score():
    world = World(num_people=400, shared=0.8, num_seeds=3, error_factors=(1.0, 0.5), num_folds=0)
    sample, rng = simulate(world, np.random.default_rng(0)), np.random.default_rng(1)
    sheet = score_sheet(
        list(sample.predicted),
        sample.people,
        num_resamples=2_000,
        rng=rng,
        choice_variances=[4e-3, 1e-3],
    )
    plain = replace(sheet, choice_variances=(0.0, 0.0))
    pairs = [part.pair(0, 1, fixed_models=True) for part in (plain, sheet)]
    assert pairs[1].variance - pairs[0].variance == pytest.approx(5e-3)
    assert pairs[1].choice_variance == pytest.approx(5e-3)
    assert pairs[1].people_variance == pairs[0].people_variance
    people = plain.draws[:, plain.slices[0]].mean(axis=1).var(ddof=1)
    widths = [
        half_width(part.score(0, fixed_models=True, rng=np.random.default_rng(0)))
        for part in (plain, sheet)
    ]
    assert widths[1] / widths[0] == pytest.approx(((people + 4e-3) / people) ** 0.5, rel=0.1)


def test_the_luck_of_choice_weighs_against_that_of_seeds_in_the_degrees_of_freedom():
    world = World(num_people=300, shared=0.0, num_seeds=2, seed_sd=0.05, num_folds=0)
    sheet = _sheet(simulate(world, np.random.default_rng(1)), num_resamples=1_000)
    lucky = replace(sheet, choice_variances=(1e-2, 1e-2))
    widths = [
        part.score(0, fixed_models=False, rng=np.random.default_rng(0)) for part in (sheet, lucky)
    ]
    draws = sheet.draws[:, sheet.slices[0]].mean(axis=1)
    normal = [1.96 * (draws.var() + luck + sheet.seed_variance(0)) ** 0.5 for luck in (0, 1e-2)]
    # two seeds that are most of the luck make an interval far beyond the normal one
    assert half_width(widths[0]) > 1.3 * normal[0]
    assert half_width(widths[1]) < 1.3 * normal[1]
