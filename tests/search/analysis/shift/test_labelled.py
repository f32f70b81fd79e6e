import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.shift.labelled import Labelled, as_probs

PROBS = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])


def test_people_are_numbered_and_shares_are_those_of_the_labels():
    known = Labelled(label=[0, 1, 1], probs=PROBS, person=["b", "a", "b"])
    assert known.person.tolist() == [1, 0, 1]
    assert known.num_people == 2
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
    ("label", "person", "message"),
    [
        ([0, 1], [0, 0, 1], r"got shapes \(2,\), \(3, 2\) and \(3,\)"),
        ([0, 1, 1], [0, 0], r"got shapes \(3,\), \(3, 2\) and \(2,\)"),
        ([0, 1, 2], [0, 0, 1], r"true classes must lie in \[0, 2\)"),
    ],
)
def test_samples_that_do_not_fit_together_are_refused(label, person, message):
    with pytest.raises(AnalysisError, match=message):
        Labelled(label=label, probs=PROBS, person=person)
