import json

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_pairs import class_size, cohen_kappa, decision_rule, error_overlap
from tests.search.builders.labelled_people import people_of

ATTRIBUTES = {"gender": ("male", "female"), "age": ("young", "old")}


def _evidence(y, first, second, rules=(None, None), num_resamples=300):
    parts = [
        Approach(name=name, predicted=np.atleast_2d(rows), with_rule=rule)
        for name, rows, rule in zip("ab", (first, second), rules, strict=True)
    ]
    people = people_of(y, np.arange(len(y)), 4)
    return Evidence.of(parts, people, ATTRIBUTES, num_resamples=num_resamples)


def test_overlap_of_a_hand_computed_case():
    y = np.array([0, 1, 2, 3] * 3)
    first, second = y.copy(), y.copy()
    first[[0, 1]] = 2  # wrong in 2, both of which...
    second[[1, 2, 3]] = 0  # ...share one, with another answer
    figures = error_overlap(_evidence(y, first, second), "a", "b").figures
    assert figures.disagreement == pytest.approx(4 / 12)
    assert figures.shared_errors == pytest.approx(1 / 4)
    assert figures.only_first_right == pytest.approx(2 / 12)
    assert figures.only_second_right == pytest.approx(1 / 12)
    oracle = y.copy()
    oracle[1] = 2
    assert figures.oracle == pytest.approx(macro_f1(y, oracle, 4))
    assert "two_seeds" not in figures.to_dict()


def test_two_seeds_of_an_approach_are_the_measure_of_diversity():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    first, second = (
        np.where(rng.random((2, 200)) < 0.8, y, rng.integers(0, 4, (2, 200))) for _ in range(2)
    )
    reason = error_overlap(_evidence(y, first, second), "a", "b")
    expected = np.mean([np.mean(first[0] != first[1]), np.mean(second[0] != second[1])])
    assert reason.figures.two_seeds.disagreement == pytest.approx(expected)
    assert "two seeds of one approach" in reason.sentence
    json.dumps(reason.to_dict())


def test_kappa_equals_scikit_learn():
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 4, (2, 100))
    assert cohen_kappa(one, two, 4) == pytest.approx(cohen_kappa_score(one, two))
    assert cohen_kappa(np.zeros(5, int), np.zeros(5, int), 4) == 1


def _starved(rng, rare_accuracy, num=1_200):
    """Classes 2 and 3 are rare; `a` is right there more often, else both are alike."""
    y = rng.choice(4, num, p=[0.45, 0.45, 0.05, 0.05])
    accuracy = np.where(y >= 2, rare_accuracy, 0.9)
    return y, np.where(rng.random(num) < accuracy, y, (y + 1) % 2)


def test_a_gain_in_the_rare_classes_is_all_of_the_difference():
    rng = np.random.default_rng(2)
    y, first = _starved(rng, 0.95)
    second = np.where((y >= 2) & (rng.random(len(y)) < 0.6), 0, first)
    reason = class_size(_evidence(y, first, second), "a", "b")
    difference = macro_f1(y, first, 4) - macro_f1(y, second, 4)
    assert reason.supported
    assert reason.effect.value == pytest.approx(difference, rel=0.2)
    assert reason.figures.rank_correlation < 0
    assert reason.figures.samples == tuple(np.bincount(y))
    assert "Not" not in reason.sentence


def test_the_gain_by_class_size_is_told_from_the_side_of_the_winner_with_the_people_of_a_class():
    y = np.repeat([0, 1, 2, 3], [40, 40, 1, 1])
    worse = np.where(y >= 2, 0, y)  # never tells the two people of the rare classes
    text = class_size(_evidence(y, worse, y), "a", "b").sentence
    assert text.startswith(
        "Over a, b gains +1.0000 F1 on the rarer half of the joint classes (1 person each) and "
        "+0.0122 on the commoner half (40 people each)."
    )
    other = class_size(_evidence(y, y, worse), "a", "b")
    assert other.sentence.startswith("Over b, a gains +1.0000")
    assert other.figures.people == (40, 40, 1, 1)
    assert other.figures.halves == pytest.approx([1.0, 1 / 82])


def test_classes_of_different_size_within_a_half_are_told_as_a_range():
    y = np.repeat([0, 1, 2, 3], [40, 30, 3, 1])
    text = class_size(_evidence(y, y, y), "a", "b").sentence
    assert "(1 to 3 people each)" in text
    assert "(30 to 40 people each)" in text


def test_an_even_gain_is_no_matter_of_class_size():
    rng = np.random.default_rng(3)
    y = np.arange(800) % 4
    first = np.where(rng.random(800) < 0.9, y, (y + 1) % 4)
    second = np.where(rng.random(800) < 0.7, y, (y + 1) % 4)
    reason = class_size(_evidence(y, first, second), "a", "b")
    assert not reason.supported
    assert reason.sentence.endswith("is not supported by this data.")
    assert reason.figures.rank_correlation is None  # all classes are of one size
    json.dumps(reason.to_dict())


def test_a_lead_that_vanishes_with_class_biases_is_a_matter_of_thresholds():
    rng = np.random.default_rng(4)
    y = np.arange(800) % 4
    good = np.where(rng.random(800) < 0.9, y, (y + 1) % 4)[None]
    poor = np.where(rng.random(800) < 0.6, y, (y + 1) % 4)[None]
    reason = decision_rule(_evidence(y, good, poor, (good, good)), "a", "b")
    expected = macro_f1(y, good[0], 4) - macro_f1(y, poor[0], 4)
    assert reason.effect.value == pytest.approx(expected)
    assert reason.supported
    assert reason.figures.gain == {"a": 0, "b": pytest.approx(expected)}
    assert "place of the thresholds" in reason.sentence
    unchanged = decision_rule(_evidence(y, good, poor, (good, poor)), "a", "b")
    assert not unchanged.supported
    assert "no supported difference" in unchanged.sentence


def test_without_a_rule_there_is_no_reason_about_it():
    y = np.arange(40) % 4
    assert decision_rule(_evidence(y, y, y, (y[None], None)), "a", "b") is None


def test_the_gain_by_class_size_says_where_one_has_more_seeds():
    y = np.repeat([0, 1, 2, 3], [40, 40, 1, 1])
    text = class_size(_evidence(y, [y], [y, y, y]), "a", "b").sentence
    assert "(40 people each) over the first seed of each." in text
