"""What is said beside the verdict on simulated people: `benchmarks/statements_simulation.py`."""

import numpy as np
import pytest

from tests.search.builders.equivalence_cells import equivalence_cell, true_difference
from tests.search.builders.rule_cells import kept_cell, redrawn_cell
from tests.search.builders.statements_cells import advised_cell, statements_cell
from tests.search.builders.verdict_cells import above_five_percent
from tests.search.builders.verdict_grid import Place

COMP_300 = Place(name="comp", num_people=300)
DEMO_150 = Place(name="demo", num_people=150)
DEMO_300 = Place(name="demo", num_people=300)
EQUAL = (0.0, 0.0, 0.0)


def test_nothing_is_said_of_equal_approaches_whose_training_is_luck():
    said = statements_cell(DEMO_150, EQUAL, 40, seed=0, seed_sd=0.05)
    for false in (said.false_win, said.false_log, said.false_attribute):
        assert not above_five_percent(false)
    for side in (said.worse_false, said.better_false):
        assert not above_five_percent(side.any(axis=1))


def test_the_log_score_and_attributes_say_what_is_true_of_a_better_approach():
    said = statements_cell(DEMO_300, (0.05, 0.0, 0.0), 25, seed=0)
    assert said.right[:, :2].mean() > 0.75
    assert (said.logs[:, :2] == 1).mean() > (said.wins[:, :2] == 1).mean()
    age = said.gated[:, :2, 2]
    assert (age == 1).mean() > 0.3
    for false in (said.false_win, said.false_log, said.false_attribute):
        assert not above_five_percent(false)
    assert not above_five_percent(said.better_false.any(axis=1))
    assert said.at_most_worse(0.05)[0] > 0.9


def test_few_people_who_agree_are_not_called_equivalent():
    """By the interval alone they would be, though one person in a hundred tells them apart."""
    place = Place(name="comp", num_people=30)
    found = equivalence_cell(place, 0.01, 40, seed=0, margin=0.005)
    assert above_five_percent(found.without)
    assert not any(found.with_floor)
    many = Place(name="comp", num_people=2_400)
    same = equivalence_cell(many, 0.0005, 10, seed=0, margin=0.005)
    assert all(same.with_floor)  # it does not forbid what may be said


def test_the_true_difference_is_that_of_very_many_people():
    assert true_difference(COMP_300, np.zeros(6)) == 0.0
    assert true_difference(COMP_300, np.full(6, 0.01)) == pytest.approx(0.01, rel=0.1)


def test_a_winner_by_the_choosers_alone_is_stopped_and_a_true_one_is_not():
    equal = kept_cell(DEMO_150, (20, 1), 0.0, 40, seed=0)
    better = kept_cell(DEMO_150, (20, 1), 0.08, 40, seed=0)
    assert equal.bias.mean() > 0.002
    assert equal.false(equal.ruled).sum() <= equal.false(equal.plain).sum()
    assert better.true(better.ruled).sum() >= 0.95 * better.true(better.plain).sum() > 20
    assert better.true(better.untouched).sum() < better.true(better.ruled).sum()


def test_a_rule_that_changes_nothing_for_either_is_not_said_to_flip():
    found = redrawn_cell(DEMO_300, 0.03, 0.0, 80, seed=0)
    assert above_five_percent(found.by_outcomes)
    assert not above_five_percent(found.by_effect)


def test_a_cheaper_approach_is_recommended_where_it_is_no_worse_and_only_there():
    place = Place(name="demo", num_people=4_000)
    assert advised_cell(place, EQUAL, 8, seed=0).cheaper.mean() > 0.2
    advised = advised_cell(place, (0.03, 0.0, 0.0), 8, seed=0)
    assert not above_five_percent(advised.worse_than_leader)
    assert not above_five_percent(advised.worse_than_best)
