import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import f1_score

from search.analysis.errors import AnalysisError
from search.analysis.metrics import (
    class_counts,
    confusion_matrix,
    f1_of_counts,
    macro_f1,
    macro_f1_gradient,
    macro_f1_of_counts,
    person_index,
)


def _classes(draw_seed, num_samples, num_classes):
    rng = np.random.default_rng(draw_seed)
    return rng.integers(0, num_classes, (2, num_samples))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 9))
def test_macro_f1_and_confusions_equal_scikit_learn(seed, num_samples, num_classes):
    y, predicted = _classes(seed, num_samples, num_classes)
    labels = range(num_classes)
    expected = f1_score(y, predicted, labels=labels, average="macro", zero_division=0)
    assert macro_f1(y, predicted, num_classes) == pytest.approx(expected, abs=1e-12)
    assert np.array_equal(
        confusion_matrix(y, predicted, num_classes), sklearn_confusion(y, predicted, labels=labels)
    )


def test_a_class_that_never_occurs_scores_zero():
    assert macro_f1([0, 0, 1], [0, 0, 1], 3) == pytest.approx(2 / 3)
    assert f1_of_counts(class_counts([0, 0, 1], [0, 0, 1], 3))[2] == 0


def test_a_hand_computed_case():
    # class 0: TP 2, predicted 3, actual 2 -> 4/5; class 1: TP 1, predicted 1, actual 2 -> 2/3
    assert macro_f1([0, 0, 1, 1], [0, 0, 0, 1], 2) == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_the_gradient_is_the_slope_of_macro_f1():
    y, predicted = _classes(3, 60, 4)
    counts = class_counts(y, predicted, 5)  # class 4 is absent: no division by zero
    gradient = macro_f1_gradient(counts)
    step = 1e-5
    for position in np.ndindex(3, 4):
        moved = counts.copy()
        moved[position] += step
        slope = (macro_f1_of_counts(moved) - macro_f1_of_counts(counts)) / step
        assert gradient[position] == pytest.approx(slope, abs=1e-6)
    assert np.array_equal(gradient[:, 4], np.zeros(3))


def test_people_are_numbered_by_any_mark():
    index, num_people = person_index(np.array(["b", "a", "b"]))
    assert index.tolist() == [1, 0, 1]
    assert num_people == 2


@pytest.mark.parametrize(
    ("y", "predicted", "message"),
    [
        ([0, 3], [0, 1], r"true classes must lie in \[0, 3\), got values from 0 to 3"),
        ([0, 1], [0, -1], r"predicted classes must lie in \[0, 3\), got values from -1 to 0"),
        ([0.0, 1.0], [0, 1], "true classes must be integers, got float64"),
        ([0, 1], [0], r"one length, got shapes \(2,\) and \(1,\)"),
        ([[0, 1]], [[0, 1]], r"one length, got shapes \(1, 2\) and \(1, 2\)"),
    ],
)
def test_classes_that_do_not_fit_are_refused(y, predicted, message):
    with pytest.raises(AnalysisError, match=message):
        macro_f1(np.array(y), np.array(predicted), 3)
