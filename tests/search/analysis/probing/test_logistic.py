"""Logistic regression: scikit-learn's weights, every strength at once, from any start."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from search.analysis.errors import AnalysisError
from search.analysis.probing.logistic import fit_logistic, log_losses, probabilities


def samples(seed, num=240, width=6, classes=3):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, num)
    x = rng.standard_normal((num, width)) * np.geomspace(1, 0.05, width) + 0.7
    x[:, :classes] += np.eye(classes)[label] * 0.6
    return x.astype(np.float32), label


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_probabilities_are_those_of_scikit_learn(seed, classes):
    x, label = samples(seed, classes=classes)
    strengths = (1.0, 1e-2, 1e-4)
    found = probabilities(x, fit_logistic(x, label, classes, strengths, tolerance=1e-5))
    for probs, strength in zip(found, strengths, strict=True):
        # Its C weighs the sum over samples, ours the mean. Of two classes it penalises one vector
        # of weights, which is the difference of our two: half as much.
        factor = 2 if classes == 2 else 1
        model = LogisticRegression(C=factor / (strength * len(x)), tol=1e-8, max_iter=5000)
        model.fit(x.astype(np.float64), label)
        np.testing.assert_allclose(probs, model.predict_proba(x), atol=2e-3)


def test_one_strength_alone_gives_what_it_gives_among_others(seed):
    x, label = samples(seed)
    together = fit_logistic(x, label, 3, (1e-1, 1e-3))
    alone = fit_logistic(x, label, 3, (1e-3,))
    np.testing.assert_allclose(
        probabilities(x, together)[1], probabilities(x, alone)[0], atol=1e-3
    )


def test_a_fit_ends_at_the_same_weights_from_another_start(seed):
    x, label = samples(seed)
    first = fit_logistic(x, label, 3, (1e-2,))
    other = fit_logistic(x, label, 3, (1e-2,), start=first[:, ::-1].copy())
    both = probabilities(x, np.concatenate([first, other]))
    np.testing.assert_allclose(both[0], both[1], atol=1e-2)


def test_a_class_that_nobody_has_is_predicted_by_nobody(seed):
    x, label = samples(seed, classes=2)
    found = probabilities(x, fit_logistic(x, label, 3, (1e-3,)))
    assert np.argmax(found, axis=-1).max() < 2
    assert np.isfinite(log_losses(found, label)).all()


def test_the_log_loss_is_that_of_the_true_class():
    probs = np.array([[[0.5, 0.5], [0.25, 0.75]]], dtype=np.float32)
    expected = -(np.log(0.5) + np.log(0.75)) / 2
    np.testing.assert_allclose(log_losses(probs, np.array([0, 1])), [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("label", "strengths", "message"),
    [
        ([0, 1], (1.0,), "as many labels"),
        ([0, 1, 3], (1.0,), r"labels in \[0, 3\)"),
        ([0, 1, 2], (0.0,), "strengths must be above 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(label, strengths, message):
    with pytest.raises(AnalysisError, match=message):
        fit_logistic(np.ones((3, 2), np.float32), np.array(label), 3, strengths)
