import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import (
    Method,
    cross_fit_calibration,
    expected_calibration_error,
    fit_calibration,
    log_probs,
    negative_log_likelihood,
)
from search.analysis.fitting.cross_fit import CrossFit


def _overconfident(seed=0, num=600, num_classes=4, sharpness=2.5, tilt=0.0):
    """Labels drawn from softmax(z), probabilities given as softmax(sharpness z + tilt k)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(num, num_classes)) * 1.5
    truth = softmax(scores, axis=1)
    y = (truth.cumsum(axis=1) < rng.random((num, 1))).sum(axis=1).clip(0, num_classes - 1)
    return softmax(sharpness * scores + tilt * np.arange(num_classes), axis=1), y


def test_the_temperature_is_the_one_scipy_finds_directly():
    probs, y = _overconfident()
    logs = np.log(probs)

    def loss(scale):
        return -log_softmax(logs * scale[0], axis=1)[np.arange(len(y)), y].mean()

    expected = 1 / minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8}).x[0]
    found = fit_calibration(probs, y, Method.TEMPERATURE)
    assert found.temperature == pytest.approx(expected, rel=1e-3)
    assert found.temperature == pytest.approx(2.5, rel=0.2)  # what was done to them
    assert np.array_equal(found.bias, np.zeros(4))


def test_bias_correction_is_the_one_a_search_without_gradient_finds():
    probs, y = _overconfident(num=300, num_classes=3, tilt=0.8)
    logs = np.log(probs)

    def loss(parameters):
        scaled = log_softmax(logs * parameters[0] + parameters[1:], axis=1)
        return -scaled[np.arange(300), y].mean() + 0.5e-3 * (parameters[1:] ** 2).sum()

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000}
    best = minimize(loss, [1.0, 0, 0, 0], method="Nelder-Mead", options=options)
    found = fit_calibration(probs, y, Method.BIAS_CORRECTED)
    assert loss(np.array([1 / found.temperature, *found.bias])) == pytest.approx(
        best.fun, abs=1e-7
    )
    assert found.temperature == pytest.approx(1 / best.x[0], rel=1e-2)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.3, 4))
def test_calibration_never_worsens_the_labels_it_was_fitted_on(seed, sharpness):
    probs, y = _overconfident(seed, num=150, sharpness=sharpness, tilt=0.3)
    losses = [
        negative_log_likelihood(fit_calibration(probs, y, method).apply(probs), y)
        for method in (Method.NONE, Method.TEMPERATURE, Method.BIAS_CORRECTED)
    ]
    assert losses[1] <= losses[0] + 1e-6
    assert losses[2] <= losses[1] + 1e-3  # the ridge


def test_a_temperature_changes_no_class_and_probabilities_sum_to_one():
    probs, y = _overconfident()
    calibrated = fit_calibration(probs, y, Method.TEMPERATURE).apply(probs)
    assert np.array_equal(calibrated.argmax(axis=1), probs.argmax(axis=1))
    assert calibrated.sum(axis=1) == pytest.approx(1.0)


def test_a_class_the_fit_has_never_seen_keeps_a_finite_bias():
    probs, y = _overconfident(num_classes=4)
    found = fit_calibration(probs, np.where(y == 3, 0, y), Method.BIAS_CORRECTED)
    assert np.isfinite(found.bias).all()
    assert found.bias[3] < found.bias[:3].min()


def test_a_probability_of_zero_stays_finite():
    probs = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    found = fit_calibration(probs, np.array([0, 1, 1]), Method.TEMPERATURE)
    assert np.isfinite(found.apply(probs)).all()
    assert np.isfinite(log_probs(probs)).all()


def test_log_loss_equals_scikit_learn():
    probs, y = _overconfident()
    expected = log_loss(y, probs, labels=range(4))
    assert negative_log_likelihood(probs, y) == pytest.approx(expected)


def test_calibration_error_of_hand_computed_bins():
    probs = np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])
    y = np.array([0, 1, 0, 0])  # bins: confidence 0.6 at accuracy 0.5, 0.9 at 1.0
    assert expected_calibration_error(probs, y, num_bins=2) == pytest.approx(0.1)


def test_temperature_lowers_the_calibration_error_of_overconfident_models():
    probs, y = _overconfident(num=3_000)
    calibrated = fit_calibration(probs, y, Method.TEMPERATURE).apply(probs)
    assert expected_calibration_error(probs, y) > 0.1
    assert expected_calibration_error(calibrated, y) < 0.05


def test_cross_fitted_calibration_never_sees_the_labels_it_is_applied_to():
    probs, y = _overconfident(num=200)
    cross_fit = CrossFit.of_people(np.arange(200) % 4, np.arange(200), np.arange(200) >= 180)
    calibrated = cross_fit_calibration(probs, y, cross_fit, Method.BIAS_CORRECTED)
    for _, apply in cross_fit.rounds():
        poisoned = np.where(apply, (y + 1) % 4, y)
        again = cross_fit_calibration(probs, poisoned, cross_fit, Method.BIAS_CORRECTED)
        assert np.array_equal(again[apply], calibrated[apply])
    held = cross_fit.held_out
    other = cross_fit_calibration(probs, np.where(held, 0, y), cross_fit, Method.BIAS_CORRECTED)
    assert np.array_equal(other, calibrated)  # held-out labels decide nothing at all


def test_every_seed_is_calibrated_by_itself():
    probs, y = _overconfident(num=200)
    cross_fit = CrossFit.of_people(np.arange(200) % 4, np.arange(200))
    both = cross_fit_calibration(np.stack([probs, probs**0.5]), y, cross_fit)
    assert np.array_equal(both[0], cross_fit_calibration(probs, y, cross_fit))


@pytest.mark.parametrize(
    ("probs", "y", "message"),
    [
        (np.full((2, 3), np.nan), [0, 1], r"must be finite \[N, K\]"),
        (np.ones(3), [0, 1, 2], r"must be finite \[N, K\], got shape \(3,\)"),
        (np.ones((2, 3)), [0], r"got \(1,\) labels for \(2, 3\) probabilities"),
        (np.ones((0, 3)), [], r"got \(0,\) labels"),
        (np.ones((2, 3)), [0, 3], r"true classes must lie in \[0, 3\)"),
    ],
)
def test_probabilities_and_labels_that_do_not_fit_are_refused(probs, y, message):
    with pytest.raises(AnalysisError, match=message):
        fit_calibration(probs, np.array(y, dtype=int), Method.TEMPERATURE)
