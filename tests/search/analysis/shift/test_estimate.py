from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax

from search.analysis.errors import AnalysisError
from search.analysis.shift.estimate import em_shares, estimate_shift, normalised, total_variation
from search.analysis.shift.labelled import Labelled
from tests.search.builders.label_shift_cells import PRIORS, SHARPNESS
from tests.search.builders.labelled_people import people_of
from tests.search.builders.simulated_evidence import (
    NUM_CLASSES,
    miscalibrated,
    photograph,
    resampled,
)


def _two_classes(seed=0, num=400, share=0.5):
    """Calibrated probabilities of two overlapping classes that are equally frequent in training.

    Returns label and probs of `num` photos of which `share` are of class 1.
    """
    rng = np.random.default_rng(seed)
    label = (np.arange(num) < share * num).astype(int)
    logit = 2.0 * (rng.normal(size=num) + 2 * label - 1)
    return label, softmax(np.stack([np.zeros(num), logit], axis=1), axis=1)


def _shares(label):
    return np.bincount(label, minlength=NUM_CLASSES) / len(label)


@pytest.mark.parametrize("pull", [0.0, 20.0])
def test_em_finds_the_maximum_that_a_search_finds(pull):
    rng = np.random.default_rng(0)
    probs, prior = rng.dirichlet([0.3, 0.3, 0.3], 60), np.array([0.5, 0.3, 0.2])
    found = em_shares(probs, prior, np.ones((1, 60)), pull)[0]

    def loss(free):
        q = softmax(np.append(free, 0.0))
        return -np.log(probs @ (q / prior)).sum() - pull * prior @ np.log(q)

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9})
    assert found == pytest.approx(softmax(np.append(best.x, 0.0)), abs=2e-4)


def test_em_of_many_weights_is_em_of_the_photos_repeated():
    probs = np.random.default_rng(1).dirichlet([1, 1, 1], 12)
    prior, weights = np.full(3, 1 / 3), np.array([[2] * 4 + [1] * 4 + [0] * 4, [1] * 12])
    both = em_shares(probs, prior, weights.astype(float))
    repeated = np.repeat(probs, weights[0], axis=0)
    assert both[0] == pytest.approx(em_shares(repeated, prior, np.ones((1, 12)))[0], abs=1e-5)
    assert both[1] == pytest.approx(em_shares(probs, prior, np.ones((1, 12)))[0], abs=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(0, 50))
def test_em_never_lowers_the_likelihood_and_returns_shares(seed, num_classes, pull):
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.full(num_classes, 2.0))
    probs = rng.dirichlet(np.full(num_classes, 0.5), 30)
    shares = em_shares(probs, prior, np.ones((1, 30)), pull)[0]

    def height(q):
        return np.log(probs @ (q / prior)).sum() + pull * prior @ np.log(np.maximum(q, 1e-300))

    assert shares.sum() == pytest.approx(1.0)
    assert shares.min() >= 0
    assert height(shares) >= height(prior) - 1e-6


def test_a_folder_like_the_labelled_photos_has_their_shares():
    photos = photograph(60, np.random.default_rng(0))
    found = estimate_shift(photos.labelled, photos.probs, num_draws=20)
    assert found.odds == pytest.approx(1.0, abs=0.01)
    assert found.shares == pytest.approx(found.training, abs=1e-3)


@pytest.mark.parametrize("calibrated", [True, False])
def test_resampled_folders_are_found_with_at_most_half_the_uncorrected_error(calibrated):
    errors = []
    for number, prior in enumerate(PRIORS.values()):
        rng = np.random.default_rng(number)
        known = photograph(300, rng)
        folder = resampled(photograph(600, rng), prior, 200, rng)
        biases = rng.normal(scale=0.5, size=NUM_CLASSES)
        probs = [
            photos.probs if calibrated else miscalibrated(photos.probs, SHARPNESS, biases)
            for photos in (known, folder)
        ]
        labelled = replace(known, probs=probs[0]).labelled
        found = estimate_shift(labelled, probs[1], num_draws=1)
        truth = _shares(folder.label)
        errors.append([total_variation(x, truth) for x in (found.shares, found.training)])
    assert all(ours <= theirs / 2 for ours, theirs in errors), np.round(errors, 3).tolist()


def test_counting_predictions_is_drawn_towards_training_and_the_estimate_is_not():
    label, probs = _two_classes()
    target_label, target = _two_classes(seed=1, num=2_000, share=0.9)
    known = Labelled(people=people_of(label, np.arange(400), 2), probs=probs)
    found = estimate_shift(known, target, num_draws=20)
    counted = np.mean(target.argmax(axis=1) == 1)
    assert target_label.mean() == 0.9
    assert counted < 0.83
    assert found.averaged[1] < 0.83
    assert found.shares[1] == pytest.approx(0.9, abs=0.03)


def test_intervals_hold_the_true_shares_about_as_often_as_they_say():
    held = []
    for seed in range(20):
        label, probs = _two_classes(seed)
        known = Labelled(people=people_of(label, np.arange(400), 2), probs=probs)
        truth = np.random.default_rng(seed).binomial(300, 0.8) / 300
        _, target = _two_classes(seed + 1_000, num=300, share=truth)
        low, high = estimate_shift(known, target, num_draws=100).bounds
        held.append(low[1] <= 0.8 <= high[1])
    assert sum(held) >= 16


def test_intervals_are_wider_where_photos_of_a_person_repeat_each_other():
    label, probs = _two_classes(num=200)
    _, target = _two_classes(seed=1, num=60, share=0.7)
    people = people_of(np.repeat(label, 5), np.arange(1_000) // 5, 2)
    known = Labelled(people=people, probs=np.repeat(probs, 5, axis=0))
    photos, people = np.repeat(target, 5, axis=0), np.arange(300) // 5

    def width(target_people):
        found = estimate_shift(known, photos, target_people=target_people)
        low, high = found.bounds
        return (high - low)[1]

    alone = width(np.arange(300))
    assert width(people) > 1.4 * alone
    assert width(None) == pytest.approx(
        width(people), rel=0.25
    )  # unknown: photos taken for copies


def test_bounds_hold_the_estimate_and_the_draws_are_the_same_again():
    photos = photograph(40, np.random.default_rng(3))
    one, two = (
        estimate_shift(photos.labelled, photos.probs[:70], num_draws=40, seed=5) for _ in range(2)
    )
    assert np.array_equal(one.draws, two.draws)
    assert one.draws.shape == (40, NUM_CLASSES)
    assert one.draws.sum(axis=1) == pytest.approx(1.0)
    assert (one.bounds[0] <= one.shares).all()
    assert (one.shares <= one.bounds[1]).all()


def test_a_class_that_training_lacks_is_not_found():
    label, probs = _two_classes()
    wide = np.hstack([probs, np.zeros((400, 1))])
    known = Labelled(people=people_of(label, np.arange(400), 3), probs=wide)
    found = estimate_shift(known, normalised(wide + np.array([0, 0, 0.5])), num_draws=20)
    assert found.shares[2] == 0.0
    assert np.isfinite(found.draws).all()


def test_total_variation_is_between_none_and_all():
    assert total_variation(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert total_variation(np.array([0.7, 0.3]), np.array([0.5, 0.5])) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("target", "more", "message"),
    [
        (np.full((4, 3), 1 / 3), {}, r"of the 2 labelled classes .* got shape \(4, 3\)"),
        (np.full((4, 2), 0.5), {"num_draws": 0}, "`num_draws >= 1`, .* num_draws=0"),
        (np.full((4, 2), 0.5), {"target_people": [1]}, "a person a photo, got 1 for 4 photos"),
        (np.ones((4, 2)), {}, "of the folder must sum to 1"),
        (np.zeros((0, 2)), {}, r"of the folder must be finite.* got shape \(0, 2\)"),
    ],
)
def test_folders_that_do_not_fit_are_refused(target, more, message):
    label, probs = _two_classes()
    known = Labelled(people=people_of(label, np.arange(400), 2), probs=probs)
    with pytest.raises(AnalysisError, match=message):
        estimate_shift(known, target, **more)
