"""Labels that out-of-fold probabilities doubt, on errors that are planted."""

import numpy as np
import pytest

from search.analysis.label_noise import find_suspects, find_swaps, pooled


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
    found = find_suspects(probs_of(true, 3, rng, 6.0), given)
    first = found.ranked[:12]
    assert len(set(first) & set(wrong)) >= 11
    hit = sorted(set(first) & set(wrong))
    assert (found.suggested[hit] == true[hit]).mean() > 0.9


def test_a_rare_class_is_measured_by_what_is_usual_for_it():
    # The model gives the rare class 0.4 at most, so 0.4 is as sure as it gets.
    probs = np.array([[0.9, 0.1]] * 8 + [[0.6, 0.4]] * 2 + [[0.45, 0.55]])
    given = np.array([0] * 8 + [1, 1] + [0])
    found = find_suspects(probs, given)
    assert np.flatnonzero(found.is_suspect).tolist() == [10]
    assert found.ranked[0] == 10
    assert found.suggested[10] == 1


def test_a_class_without_things_is_never_suggested_as_certain():
    found = find_suspects(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0, 0]))
    assert not found.is_suspect.any()


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
    doubt, one, other = found
    assert {one, other} == {1, 2}
    assert doubt > 5


@pytest.mark.parametrize("person", [[0, 1], [1, 0]])
def test_photos_of_two_people_are_no_swap(person):
    probs = np.array([[0.1, 0.9], [0.9, 0.1]])
    assert list(find_swaps(probs, np.array([0, 1]), np.array(person))) == []
