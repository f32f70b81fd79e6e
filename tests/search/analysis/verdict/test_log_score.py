from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.approaches.approach import Approach
from search.analysis.fitting.calibration import Method, fit_calibration
from search.analysis.people import People
from search.analysis.verdict.log_score import (
    log_effects,
    log_score_sheet,
    log_scores,
    temperature_folds,
)
from tests.search.builders.fold_models import refit_of

EQUAL_DATA_SETS = 300


@pytest.fixture
def refit():
    return refit_of(np.random.default_rng(0))


def _scores(refit, fixed_models=False):
    return log_scores(refit.approaches, refit.people, fixed_models=fixed_models)


def test_the_score_is_the_mean_over_people_of_the_mean_over_their_photos(refit):
    """Slow twin: a temperature by hand, fold by fold."""
    probs, people = refit.approaches[0].probs, refit.people
    found = log_effects(probs, people, temperature_folds(people))
    for seed, part in enumerate(probs):
        logs = np.empty(len(people))
        for fold in range(4):
            own = people.fold == fold
            fitted = fit_calibration(part[~own], people.label[~own], Method.TEMPERATURE)
            logs[own] = np.log(fitted.apply(part[own])[np.arange(own.sum()), people.label[own]])
        means = [logs[people.person == who].mean() for who in range(people.num_people)]
        assert found[seed] == pytest.approx(np.array(means) / people.num_people)
        assert found[seed].sum() == pytest.approx(np.mean(means))


def test_people_with_many_photos_count_as_much_as_others():
    label = np.array([0] * 9 + [1, 0, 1])
    person = np.array([0] * 9 + [1, 2, 3])
    right = np.full((1, 12, 2), 0.5)
    right[0, :9] = [0.9, 0.1]
    people = People(label=label, person=person, num_classes=2)
    effects = log_effects(right, people, temperature_folds(people))
    assert effects.shape == (1, 4)
    assert effects[0, 1:] == pytest.approx(np.log(0.5) / 4)


def test_a_photo_costs_no_more_than_the_least_probability():
    label = np.tile([0, 1], 20)
    probs = np.tile([[[0.98, 0.02], [0.02, 0.98]]], (1, 20, 1))
    probs[0, 0] = [0.0, 1.0]
    people = People(label=label, person=np.repeat(np.arange(20), 2), num_classes=2)
    found = log_effects(probs, people, temperature_folds(people)) * 20
    assert found[0, 0] >= np.log(1e-6) / 2
    assert found[0, 0] < found[0, 1:].min()


def test_sharpness_alone_gives_nobody_more_probability(refit):
    first = refit.approaches[0]
    logs = 4 * np.log(first.probs.astype(float))
    sharp = np.exp(logs - logs.max(axis=-1, keepdims=True))
    sharp /= sharp.sum(axis=-1, keepdims=True)
    other = Approach.from_probs("sharp", sharp)
    (found,) = _scores(replace(refit, approaches=(first, other)))
    assert found.difference.value == pytest.approx(0, abs=0.01)
    assert not found.decided


def test_the_difference_turns_with_the_pair_and_more_evidence_has_more_probability():
    refit = refit_of(np.random.default_rng(0), evidence=(2.0, 1.0))
    (found,) = _scores(refit)
    (turned,) = _scores(replace(refit, approaches=refit.approaches[::-1]))
    assert found.decided
    assert found.difference.value > 0.1
    assert turned.difference.value == pytest.approx(-found.difference.value)
    assert found.negated().difference == replace(
        turned.difference,
        value=-found.difference.value,
        low=-found.difference.high,
        high=-found.difference.low,
        p_value=found.difference.p_value,
    )


def test_people_are_one_stratum_and_folds_tell_the_luck_of_training(refit):
    sheet = log_score_sheet(refit.approaches, refit.people)
    pair = sheet.pair(0, 1, fixed_models=False)
    gap = (sheet.effects[:2].mean(axis=0) - sheet.effects[2:].mean(axis=0)) * 60
    assert pair.people_variance == pytest.approx(gap.var(ddof=1) / 60)
    assert pair.people_degrees == pytest.approx(59)
    assert [side.folds is not None for side in pair.training] == [True, True]
    without = replace(refit.people, fold=None)
    whole = log_score_sheet(refit.approaches, without).pair(0, 1, fixed_models=False)
    assert [side.folds for side in whole.training] == [None, None]


def test_without_folds_people_are_dealt_into_five_parts_that_no_person_crosses(refit):
    without = replace(refit.people, fold=None)
    cross_fit = temperature_folds(without)
    assert np.array_equal(np.unique(cross_fit.folds), np.arange(5))
    for fit, apply in cross_fit.rounds():
        assert not set(without.person[fit]) & set(without.person[apply])
    three = without.part(without.person < 3)
    assert len(np.unique(temperature_folds(three).folds)) == 3
    of_one_model = replace(refit.people, fold=np.zeros(len(refit.people), dtype=np.int64))
    assert len(np.unique(temperature_folds(of_one_model).folds)) == 5


def test_one_seed_decides_nothing_unless_models_are_taken_as_they_are():
    refit = refit_of(np.random.default_rng(0), evidence=(2.0, 0.5), num_seeds=1)
    assert not _scores(refit)[0].decided
    assert _scores(refit, fixed_models=True)[0].decided


def test_predictions_without_probabilities_have_no_log_score(refit):
    bare = replace(refit.approaches[1], probs=None)
    assert _scores(replace(refit, approaches=(refit.approaches[0], bare))) is None


def test_the_luck_of_choosing_widens_the_interval(refit):
    (plain,) = _scores(refit)
    lucky = tuple(replace(part, log_choice_variance=0.01) for part in refit.approaches)
    (wide,) = _scores(replace(refit, approaches=lucky))
    assert (
        wide.difference.high - wide.difference.low > plain.difference.high - plain.difference.low
    )


def test_three_approaches_are_adjusted_for_three_pairs():
    refit = refit_of(np.random.default_rng(3), evidence=(2.0,) * 3, networks=(1,) * 3)
    found = _scores(refit)
    least = min(found, key=lambda each: each.difference.p_value)
    assert least.p_adjusted == pytest.approx(min(1, 3 * least.difference.p_value))


def test_every_end_of_a_run_has_its_part_of_the_level():
    refit = refit_of(np.random.default_rng(0), evidence=(2.3, 2.0))
    (once,) = _scores(refit)
    (thrice,) = log_scores(refit.approaches, refit.people, fixed_models=False, num_ends=3)
    assert thrice.p_adjusted == pytest.approx(min(1, 3 * once.p_adjusted))
    assert thrice.difference == once.difference


def test_probabilities_are_never_called_better():
    refit = refit_of(np.random.default_rng(0), evidence=(1.0, 2.0))
    (found,) = _scores(refit)
    assert found.said("separate", "joint").startswith(
        "joint gives the true class more probability than separate (+"
    )
    single = replace(found, decided=False)
    assert single.said("separate", "joint").startswith(
        "joint gives the true class more probability than separate in this one training, which "
    )
    equal = _scores(refit_of(np.random.default_rng(1)))[0]
    assert equal.said("a", "b").startswith("a − b: no supported difference in probabilities")  # noqa: RUF001
    assert "better" not in found.said("a", "b") + equal.said("a", "b")


def test_equally_good_models_are_said_to_differ_in_at_most_five_percent():
    rng = np.random.default_rng(7)
    declared = sum(_scores(refit_of(rng))[0].decided for _ in range(EQUAL_DATA_SETS))
    assert binomtest(declared, EQUAL_DATA_SETS, 0.05, alternative="greater").pvalue > 0.025
    found = sum(_scores(refit_of(rng, evidence=(2.6, 2.0)))[0].decided for _ in range(20))
    assert found > 10
