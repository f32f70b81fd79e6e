"""Repeated searches are judged with the luck of people, searches and trainings, each once."""

import math

import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from search.analysis.people import People
from tests.search.builders.worth_figures import Judged, num_below, time_until

PEOPLE, PHOTOS = 120, 2


@pytest.fixture
def people():
    label = np.repeat(np.arange(PEOPLE) % 3, PHOTOS)
    return People(label=label, person=np.repeat(np.arange(PEOPLE), PHOTOS), num_classes=3)


def guesses(people, right, shape, rng):
    """Predictions [*shape, N] that are right with a probability."""
    wrong = (people.label + rng.integers(1, 3, (*shape, len(people)))) % 3
    return np.where(rng.random(wrong.shape) < right, people.label, wrong)


def test_scores_are_macro_f1_by_search_and_training(people):
    predicted = guesses(people, 0.7, (2, 3), np.random.default_rng(0))
    judged = Judged.of(people, predicted)
    assert judged.scores.shape == (2, 3)
    assert judged.scores[1, 2] == pytest.approx(macro_f1(people.label, predicted[1, 2], 3))
    assert judged.of_searches == pytest.approx(judged.scores.mean(axis=1))


def test_a_difference_is_the_mean_over_searches_and_its_interval_holds_their_spread(people):
    rng = np.random.default_rng(1)
    rights = [0.6, 0.7, 0.8, 0.9]
    spread = np.concatenate([guesses(people, right, (1, 2), rng) for right in rights])
    even = guesses(people, 0.75, (4, 2), rng)
    base = Judged.of(people, guesses(people, 0.5, (4, 2), rng))
    wide, narrow = (Judged.of(people, each).minus(base) for each in (spread, even))
    assert wide.difference == pytest.approx(
        float((Judged.of(people, spread).scores - base.scores).mean())
    )
    assert wide.reach > narrow.reach > 0
    assert narrow.interval.low > 0


def test_one_search_tells_of_people_and_of_the_luck_of_its_trainings(people):
    rng = np.random.default_rng(2)
    rows = [[guesses(people, right, (1, 1), rng) for right in (0.5, 0.95)] for _ in range(2)]
    one, two = (Judged.of(people, np.concatenate(each, axis=1)) for each in rows)
    found = one.minus(two)
    assert found.variance > found.people_variance > 0
    alone = [Judged.of(people, each[0]) for each in rows]
    assert alone[0].minus(alone[1]).training_excess == 0  # one training each tells nothing of it
    assert one.minus(one).variance == 0


def test_searches_that_chose_the_default_share_the_luck_of_its_trainings(people):
    """Said from either side it is the same difference, so the intervals are the same, too."""
    rng = np.random.default_rng(6)
    default = np.concatenate(
        [guesses(people, right, (1, 1), rng) for right in (0.5, 0.7, 0.9)], axis=1
    )
    base, theirs = Judged.of(people, default), Judged.of(people, guesses(people, 0.8, (4, 3), rng))
    own = Judged.of(people, np.repeat(default, 4, axis=0))
    here, there = own.minus(theirs, base, 1.0), theirs.minus_default(base, others=4)
    assert here.difference == pytest.approx(-there.difference)
    assert here.reach == pytest.approx(there.reach)
    assert here.reach > own.minus(theirs, base, 0.0).reach


def test_the_default_chosen_in_every_search_is_no_difference(people):
    default = guesses(people, 0.7, (1, 3), np.random.default_rng(3))
    judged = Judged.of(people, np.repeat(default, 5, axis=0))
    found = judged.minus_default(Judged.of(people, default), others=0)
    assert (found.difference, found.variance) == (0.0, 0.0)


def test_the_luck_of_the_defaults_training_counts_by_the_share_of_other_choices(people):
    rng = np.random.default_rng(4)
    rights = (0.5, 0.7, 0.9)
    default = np.concatenate([guesses(people, right, (1,), rng) for right in rights])[None]
    chosen = guesses(people, 0.8, (4, 3), rng)
    judged, base = Judged.of(people, chosen), Judged.of(people, default)
    all_others = judged.minus_default(base, others=4)
    half = judged.minus_default(base, others=2)
    assert all_others.training[1].variance == pytest.approx(4 * half.training[1].variance)
    assert all_others.variance > half.variance > 0


def test_the_interval_covers_the_true_difference_of_repeated_searches():
    """Methods whose searches differ by chance alone have an interval that holds 0."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(200):
        label = np.repeat(np.arange(PEOPLE) % 3, PHOTOS)
        person = np.repeat(np.arange(PEOPLE), PHOTOS)
        people = People(label=label, person=person, num_classes=3)
        sides = []
        for _ in range(2):
            rights = np.clip(rng.normal(0.7, 0.05, 5), 0.4, 0.95)
            sides.append(np.concatenate([guesses(people, r, (1, 2), rng) for r in rights]))
        one, two = (Judged.of(people, side) for side in sides)
        interval = one.minus(two).interval
        covered.append(interval.low <= 0 <= interval.high)
    # 3 standard errors below 95 %.
    assert np.mean(covered) > 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5


def test_a_score_is_reached_when_the_choice_has_it_for_good():
    curve = [(3.0, 0.5), (7.5, 0.4), (9.0, 0.7)]
    assert time_until(curve, 0.4) == 3.0
    assert time_until(curve, 0.5) == 9.0
    assert time_until(curve, 0.8) == math.inf
    assert time_until([], 0.0) == math.inf


def test_equal_to_the_default_is_not_below_it():
    assert num_below(np.array([0.5, 0.6, 0.7]), 0.6) == 1
