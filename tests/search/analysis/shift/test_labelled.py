import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.shift.labelled import Labelled, as_probs
from tests.search.builders.labelled_people import people_of

PROBS = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])


def test_people_are_numbered_and_shares_are_those_of_the_labels():
    known = Labelled(people=people_of([0, 1, 1], ["b", "a", "b"], 2), probs=PROBS)
    assert known.people.person.tolist() == [1, 0, 1]
    assert known.people.num_people == 2
    assert known.shares == pytest.approx([1 / 3, 2 / 3])


def test_probabilities_of_float16_are_brought_to_sum_to_one():
    rounded = np.array([[0.3334, 0.3333, 0.3335]], dtype=np.float16)
    assert as_probs(rounded, "probabilities").sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (np.zeros((0, 3)), r"the probs must be .* got shape \(0, 3\)"),
        (np.full((1, 2), np.nan), "must be finite"),
        ([[1.5, -0.5]], "must be finite, >= 0"),
        ([[2.0, 3.0]], "must sum to 1 a sample, got sums from 5 to 5; give probabilities"),
    ],
)
def test_what_is_no_probability_is_refused(probs, message):
    with pytest.raises(AnalysisError, match=message):
        as_probs(probs, "the probs")


@pytest.mark.parametrize(
    ("label", "person", "num_classes", "message"),
    [
        ([0, 1], [0, 1], 2, r"2 labels in 2 classes for probabilities of shape \(3, 2\)"),
        ([0, 1, 1], [0, 0, 1], 3, r"3 labels in 3 classes for probabilities of shape \(3, 2\)"),
        ([0, 1], [0, 0, 1], 2, r"got shapes \(2,\) and \(3,\)"),
        ([0, 1, 1], [0, 0], 2, r"got shapes \(3,\) and \(2,\)"),
        ([0, 1, 2], [0, 0, 1], 2, r"true classes must lie in \[0, 2\)"),
    ],
)
def test_samples_that_do_not_fit_together_are_refused(label, person, num_classes, message):
    with pytest.raises(AnalysisError, match=message):
        Labelled(people=people_of(label, person, num_classes), probs=PROBS)
