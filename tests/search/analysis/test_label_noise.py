"""Labels that out-of-fold probabilities doubt, on errors that are planted."""

import numpy as np
import pytest

from search.analysis.label_noise import (
    LEAST_SUSPECT,
    SHARE_WRONG,
    calibrated,
    find_suspects,
    find_swaps,
    pooled,
)


def probs_of(true, num_classes, rng, sharpness=3.0):
    """Returns probabilities [N, K] of a model that is right about three times in four."""
    logits = rng.normal(0, 1, (len(true), num_classes))
    logits[np.arange(len(true)), true] += sharpness
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True)


def test_planted_errors_stand_first(seed):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, 600)
    given = true.copy()
    wrong = rng.choice(600, 12, replace=False)
    given[wrong] = (true[wrong] + rng.integers(1, 3, 12)) % 3
    found = find_suspects(calibrated(probs_of(true, 3, rng, 6.0), given), given)
    first = found.ranked[:12]
    assert len(set(first) & set(wrong)) >= 11
    hit = sorted(set(first) & set(wrong))
    assert (found.suggested[hit] == true[hit]).mean() > 0.9


def test_the_probability_is_that_of_bayes():
    found = find_suspects(np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]), np.array([0, 0]))
    share = SHARE_WRONG / 2
    wrong = share * (0.5 + 0.3)  # the label is 0 by mistake, and the thing is 1 or 2
    assert found.probability[0] == pytest.approx(wrong / (wrong + (1 - SHARE_WRONG) * 0.2))
    assert found.suggested[0] == 1
    assert found.probability[1] < SHARE_WRONG
    assert found.ranked.tolist() == [0, 1]


def test_of_labels_with_a_probability_of_being_wrong_that_share_is_wrong(seed):
    rng = np.random.default_rng(seed)
    num = 20_000
    probs = rng.dirichlet([0.4, 0.4, 0.4], num)  # calibrated: the true class is drawn from them
    true = (probs.cumsum(axis=1) > rng.random((num, 1))).argmax(axis=1)
    is_wrong = rng.random(num) < SHARE_WRONG
    given = np.where(is_wrong, (true + rng.integers(1, 3, num)) % 3, true)
    found = find_suspects(probs, given)
    for low, high in ((0.05, 0.2), (0.2, 0.5), (0.5, 0.9)):
        among = (found.probability >= low) & (found.probability < high)
        expected, seen = found.probability[among].mean(), is_wrong[among].mean()
        error = np.sqrt(expected * (1 - expected) / among.sum())
        assert abs(seen - expected) < 5 * error


def test_a_models_usual_errors_are_not_those_of_the_labels():
    # A model without an idea of two classes gives either a random label; no label is wrong.
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 400)
    probs = probs_of(true, 2, rng, 0.0)
    found = find_suspects(calibrated(probs, true), true)
    assert (probs.argmax(axis=1) != true).sum() > 150
    assert not found.is_suspect.any()


def test_a_rare_class_is_measured_by_what_is_usual_for_it():
    # The model gives the rare class 0.4 at most where it is the label.
    probs = np.array([[0.95, 0.05]] * 80 + [[0.6, 0.4]] * 20 + [[0.05, 0.95]])
    given = np.array([0] * 80 + [1] * 20 + [0])
    found = find_suspects(calibrated(probs, given), given)
    assert np.flatnonzero(found.is_suspect).tolist() == [100]
    assert found.ranked[0] == 100
    assert found.suggested[100] == 1


def test_a_class_that_no_label_has_is_never_suggested():
    probs, given = np.array([[0.1, 0.2, 0.7], [0.9, 0.05, 0.05]] * 10), np.array([0, 1] * 10)
    likely = calibrated(probs, given)
    assert (likely[:, 2] == 0).all()
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    assert 2 not in find_suspects(likely, given).suggested


def test_where_all_labels_are_one_class_none_is_suspect():
    probs, given = np.array([[0.1, 0.9], [0.9, 0.1]]), np.array([0, 0])
    assert not find_suspects(calibrated(probs, given), given).is_suspect.any()


def test_photos_of_a_person_speak_together():
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
    people = pooled(probs, np.array([0, 0, 0, 1]), 2)
    np.testing.assert_allclose(people.sum(axis=1), 1)
    assert people[0, 0] > 0.7
    np.testing.assert_allclose(people[1], probs[3])


def test_two_exchanged_labels_of_a_person_are_found_as_one_thing():
    wear, incorrect, normal = np.eye(3) * 0.9 + 0.1 / 3
    probs = np.array([wear, normal, incorrect, wear, incorrect, normal])
    given = np.array([0, 1, 2, 0, 1, 2])
    (found,) = find_swaps(probs, given, np.array([5, 5, 5, 7, 7, 7]))
    probability, one, other = found
    assert {one, other} == {1, 2}
    # Both explained better by 28 times; beforehand 0.025 against 0.95.
    assert probability == pytest.approx(0.025 * 28**2 / (0.025 * 28**2 + 0.95))
    assert probability > LEAST_SUSPECT


@pytest.mark.parametrize("person", [[0, 1], [1, 0]])
def test_photos_of_two_people_are_no_swap(person):
    probs = np.array([[0.1, 0.9], [0.9, 0.1]])
    assert list(find_swaps(probs, np.array([0, 1]), np.array(person))) == []
