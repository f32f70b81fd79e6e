"""How likely every approach is to be the best one."""

import numpy as np
import pytest

from search.analysis.people import People
from search.analysis.race import chances_of_best


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return People(label=rng.integers(0, 3, 300), person=np.repeat(np.arange(60), 5), num_classes=3)


def predicted(people, accuracy, seed):
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(people)) >= accuracy
    return np.where(wrong, (people.label + 1) % 3, people.label)


def test_equal_approaches_have_equal_chances(people):
    same = predicted(people, 0.7, 1)
    chances = chances_of_best(people, {"a": same, "b": same}, np.random.default_rng(0))
    assert sum(chances.values()) == pytest.approx(1.0)
    assert chances["a"] == pytest.approx(0.5, abs=0.06)


def test_one_that_is_far_behind_has_hardly_a_chance(people):
    made = {"a": predicted(people, 0.9, 1), "b": predicted(people, 0.6, 2)}
    assert chances_of_best(people, made, np.random.default_rng(0))["b"] < 0.01


def test_a_small_lead_leaves_the_other_its_chance(people):
    made = {"a": predicted(people, 0.72, 1), "b": predicted(people, 0.70, 1)}
    assert chances_of_best(people, made, np.random.default_rng(0))["b"] > 0.05
