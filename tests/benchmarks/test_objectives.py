import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.objectives import balanced_log_score, hard_macro_f1, soft_macro_f1
from search.analysis.errors import AnalysisError


def _drawn(num=200, classes=5):
    rng = np.random.default_rng(3)
    return rng.dirichlet(np.ones(classes), size=num), rng.integers(classes, size=num)


def test_hard_macro_f1_is_that_of_scikit_learn():
    probs, y = _drawn()
    expected = f1_score(y, probs.argmax(axis=1), average="macro", labels=range(5), zero_division=0)
    assert hard_macro_f1(probs, y) == pytest.approx(expected)


def test_soft_and_hard_macro_f1_of_sure_predictions_are_equal():
    probs, y = _drawn()
    sure = np.eye(5)[probs.argmax(axis=1)]
    assert soft_macro_f1(sure, y) == pytest.approx(hard_macro_f1(probs, y))


def test_soft_macro_f1_counts_samples_in_part():
    # Class 0: TP 0.8 + 0.6, predicted 0.8 + 0.6 + 0.3, actual 2; class 1: TP 0.7, 1.3 and 1.
    probs, y = [[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]], [0, 0, 1]
    assert soft_macro_f1(probs, y) == pytest.approx((2.8 / 3.7 + 1.4 / 2.3) / 2)


def test_soft_macro_f1_grows_with_certainty_where_the_hard_one_sees_no_difference():
    unsure, sure, y = [[0.6, 0.4], [0.4, 0.6]], [[0.9, 0.1], [0.1, 0.9]], [0, 1]
    assert hard_macro_f1(unsure, y) == hard_macro_f1(sure, y) == 1.0
    assert soft_macro_f1(unsure, y) < soft_macro_f1(sure, y)
    assert balanced_log_score(unsure, y) < balanced_log_score(sure, y)


def test_every_class_weighs_the_same_in_the_balanced_log_score():
    probs, y = [[0.5, 0.5, 0.0]] * 9 + [[0.75, 0.25, 0.0]], [0] * 9 + [1]
    assert balanced_log_score(probs, y) == pytest.approx((np.log(0.5) + np.log(0.25)) / 2)


def test_one_wrong_label_cannot_outweigh_the_others():
    right = balanced_log_score([[1.0, 0.0]] * 99 + [[0.0, 1.0]], [0] * 100)
    assert right == pytest.approx(np.log(1e-3) / 100)


@pytest.mark.parametrize(
    ("probs", "y"),
    [([[0.5, 0.5]], [0, 1]), ([[0.5, 0.5]], [2]), ([0.5, 0.5], [0]), ([[np.nan, 1.0]], [1])],
)
@pytest.mark.parametrize("score", [hard_macro_f1, soft_macro_f1, balanced_log_score])
def test_what_does_not_fit_together_is_refused(score, probs, y):
    with pytest.raises(AnalysisError):
        score(probs, y)
