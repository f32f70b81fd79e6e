import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.shift.correction import corrected, correction_gain
from search.analysis.shift.estimate import estimate_shift
from search.analysis.shift.labelled import Labelled, soft_macro_f1
from tests.search.analysis.shift.test_estimate import _two_classes
from tests.search.builders.labelled_people import people_of


def _folder(share, num=1_500):
    label, probs = _two_classes()
    known = Labelled(people=people_of(label, np.arange(400), 2), probs=probs)
    truth, target = _two_classes(seed=1, num=num, share=share)
    estimate = estimate_shift(known, target, num_draws=100)
    before = target.argmax(axis=1)
    after = corrected(target, estimate.odds).argmax(axis=1)
    return truth, target, estimate, before, after


def test_corrected_probabilities_are_those_of_bayes_rule():
    probs = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert corrected(probs, np.array([0.5, 1.5])) == pytest.approx(
        np.array([[0.25, 0.75], [0.75, 0.25]])
    )
    assert corrected(probs, np.ones(2)) == pytest.approx(probs)


def test_the_gain_of_a_strong_shift_is_foreseen():
    truth, target, estimate, before, after = _folder(0.9)
    found = correction_gain(estimate, target, before, after)
    gain = macro_f1(truth, after, 2) - macro_f1(truth, before, 2)
    assert gain > 0.02
    low, high = np.quantile(found.gain_draws, [0.005, 0.995])
    assert low <= gain <= high
    assert np.median(found.gain_draws) > 0.01
    assert found.changed == np.mean(before != after) > 0.05
    assert found.before == pytest.approx(macro_f1(truth, before, 2), abs=0.04)


def test_classes_that_stay_gain_nothing():
    _, target, estimate, before, _ = _folder(0.5, num=200)
    found = correction_gain(estimate, target, before, before)
    assert not found.gain_draws.any()
    assert found.changed == 0.0


def test_draws_of_the_expected_score_lie_around_it():
    _, target, estimate, before, after = _folder(0.7, num=200)
    found = correction_gain(estimate, target, before, after)
    calibrated = estimate.fit.calibration.apply(target)
    assert found.before == soft_macro_f1(corrected(calibrated, estimate.odds), before)
    assert found.before_draws.mean() == pytest.approx(found.before)
    assert found.before_draws.shape == (100,)
    assert found.before_draws.std() > 0


def test_other_photos_than_those_of_the_estimate_are_refused():
    _, target, estimate, before, after = _folder(0.7, num=200)
    with pytest.raises(AnalysisError, match=r"one predicted class a sample .* \(199,\) for 200"):
        correction_gain(estimate, target, before[:-1], after[:-1])
