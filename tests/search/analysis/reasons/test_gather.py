import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.fitting.calibration import expected_calibration_error
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import (
    calibration_quality,
    reasons_of_approach,
    reasons_of_pair,
    reliability_bins,
)
from search.analysis.reasons.plots import Bin
from tests.search.builders.simulated_errors import ATTRIBUTES
from tests.search.builders.simulated_people import World, simulate


@pytest.fixture(scope="module")
def evidence():
    world = World(num_people=150, shared=0.8, num_seeds=2, error_factors=(0.2, 1.0))
    sample = simulate(world, np.random.default_rng(0))
    parts = [
        Approach(name=name, predicted=rows, with_rule=rows)
        for name, rows in zip("ab", sample.predicted, strict=True)
    ]
    return Evidence.of(parts, sample.people, ATTRIBUTES, num_resamples=300)


def test_every_reason_about_a_pair_is_given_and_the_true_one_is_on_top(evidence):
    reasons = reasons_of_pair(evidence, "a", "b")
    assert {reason.key for reason in reasons} == {
        "attribution.mask",
        "attribution.gender",
        "attribution.age",
        "attribution.coupling",
        "class_size",
        "decision_rule",
        "error_overlap",
    }
    assert reasons[0].key == "attribution.age"  # both are better, age by far more
    assert all(json.dumps(reason.to_dict()) for reason in reasons)
    assert all(reason.sentence.endswith(".") for reason in reasons)


def test_every_view_of_an_approach_is_given(evidence):
    raw = {"age": np.array([25.0, 45.0, 60.0])[evidence.labels[:, 2]]}
    reasons = reasons_of_approach(evidence, "a", raw, {"age": (30.0, 60.0)})
    assert [reason.key for reason in reasons] == [
        "error_budget",
        "boundary.age",
        "scores_by_state.mask",
        "scores_by_state.gender",
        "scores_by_state.age",
    ]
    assert len(reasons_of_approach(evidence, "a")) == 4


def test_calibration_is_told_before_and_after():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    right = rng.random((2, 300)) < 0.7
    sure = np.eye(3)[np.where(right, y, (y + 1) % 3)] * 0.97 + 0.01
    cross_fit = CrossFit.of_people(np.arange(300) % 4, np.arange(300))
    reason = calibration_quality("joint", sure, y, cross_fit)
    assert reason.figures.raw.ece == pytest.approx(0.98 - right.mean(), abs=0.03)
    assert reason.figures.calibrated.ece < 0.6 * reason.figures.raw.ece
    assert reason.figures.calibrated.nll < reason.figures.raw.nll
    assert sum(cell.samples for cell in reason.figures.bins) == 600
    assert reason.sentence.startswith("The probabilities of joint are off by 2")


def test_bins_of_reliability_hold_all_predictions_of_all_seeds_by_confidence():
    sure = np.tile([0.9, 0.1], (60, 1))
    unsure = np.tile([0.4, 0.6], (60, 1))
    y = np.arange(60) % 4 == 0  # a quarter is of class 1
    assert reliability_bins(np.stack([sure, unsure]), y, num_bins=2) == (
        Bin(confidence=pytest.approx(0.6), accuracy=pytest.approx(0.25), samples=60),
        Bin(confidence=pytest.approx(0.9), accuracy=pytest.approx(0.75), samples=60),
    )


@pytest.mark.parametrize(("photos", "num_bins"), [(10, 1), (100, 2), (149, 2), (2_000, 15)])
def test_a_bin_of_reliability_never_holds_a_handful(photos, num_bins):
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (1, photos))
    assert len(reliability_bins(probs, np.zeros(photos, dtype=int))) == num_bins


def test_bins_of_reliability_make_the_calibration_error():
    rng = np.random.default_rng(0)
    probs, y = rng.dirichlet(np.ones(4), 800), rng.integers(0, 4, 800)
    gaps = [
        cell.samples * abs(cell.confidence - cell.accuracy)
        for cell in reliability_bins(probs[None], y)
    ]
    assert sum(gaps) / 800 == pytest.approx(expected_calibration_error(probs, y))
