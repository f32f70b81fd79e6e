import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.fitting.class_biases import (
    GRID,
    fit_class_biases,
    nested_biased_predictions,
    predict_with_biases,
)
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1


def _probs(seed, num=200, num_classes=4, signal=1.5):
    rng = np.random.default_rng(seed)
    prior = np.exp(-np.arange(num_classes) * 0.8)
    y = rng.choice(num_classes, num, p=prior / prior.sum())
    scores = rng.normal(size=(num, num_classes)) + signal * np.eye(num_classes)[y] + np.log(prior)
    probs = np.exp(scores)
    return probs / probs.sum(axis=1, keepdims=True), y


def test_one_class_of_two_gets_the_best_threshold_of_the_grid():
    probs, y = _probs(0, num_classes=2)
    found = macro_f1(y, predict_with_biases(probs, fit_class_biases(probs, y)), 2)
    exhaustive = max(macro_f1(y, predict_with_biases(probs, [0, b]), 2) for b in GRID)
    assert found >= exhaustive - 1e-12


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_biases_never_lower_the_score_they_are_chosen_on_and_are_a_coordinate_optimum(seed):
    probs, y = _probs(seed)
    biases = fit_class_biases(probs, y)
    best = macro_f1(y, predict_with_biases(probs, biases), 4)
    assert best >= macro_f1(y, probs.argmax(axis=1), 4)
    for which in range(4):
        for value in GRID[::6]:
            trial = biases.copy()
            trial[which] = value
            assert macro_f1(y, predict_with_biases(probs, trial), 4) <= best + 1e-9


def test_a_rare_class_is_lifted_and_the_rule_is_deterministic():
    probs, y = _probs(1, num=2_000, signal=1.0)
    biases = fit_class_biases(probs, y)
    assert biases[3] > biases[0]
    assert np.array_equal(biases, fit_class_biases(probs, y))
    gain = macro_f1(y, predict_with_biases(probs, biases), 4)
    assert gain > macro_f1(y, probs.argmax(axis=1), 4) + 0.03


def test_perfect_predictions_keep_biases_of_zero():
    y = np.arange(12) % 3
    assert np.array_equal(fit_class_biases(np.eye(3)[y], y), np.zeros(3))


def test_no_label_of_a_fold_decides_about_that_fold():
    probs, y = _probs(2)
    cross_fit = CrossFit.of_people(np.arange(200) % 4, np.arange(200), np.arange(200) >= 160)
    predicted = nested_biased_predictions(probs, y, cross_fit)
    for _, apply in cross_fit.rounds():
        poisoned = np.where(apply, (y + 1) % 4, y)
        again = nested_biased_predictions(probs, poisoned, cross_fit)
        assert np.array_equal(again[apply], predicted[apply])


def test_nested_biases_find_nothing_where_there_is_nothing_while_leaking_ones_do():
    """Labels are random. Biases chosen on the people they are judged on look like skill."""
    leaked, nested, plain = [], [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        probs, y = rng.dirichlet(np.ones(6), 120), rng.integers(0, 6, 120)
        cross_fit = CrossFit.of_people(np.arange(120) % 5, np.arange(120))
        leaked.append(macro_f1(y, predict_with_biases(probs, fit_class_biases(probs, y)), 6))
        nested.append(macro_f1(y, nested_biased_predictions(probs, y, cross_fit), 6))
        plain.append(macro_f1(y, probs.argmax(axis=1), 6))
    assert np.mean(leaked) > np.mean(plain) + 0.04
    assert np.mean(nested) == pytest.approx(np.mean(plain), abs=0.015)


def test_every_seed_has_its_own_biases():
    first, y = _probs(3)
    second = _probs(4)[0]
    cross_fit = CrossFit.of_people(np.arange(200) % 4, np.arange(200))
    both = nested_biased_predictions(np.stack([first, second]), y, cross_fit)
    assert both.shape == (2, 200)
    assert np.array_equal(both[1], nested_biased_predictions(second, y, cross_fit))
