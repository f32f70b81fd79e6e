from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.why.controls import Control
from search.why.plan import ControlCosts, plan_controls
from tests.search.builders.made_why import made_design

COSTS = ControlCosts(
    seconds={"gender": 10.0, "mask": 10.0, "joint": 20.0, "multihead": 40.0}, slots=2
)


def shapes(plan):
    return {part.control: (part.repeats, part.num_folds) for part in plan.parts}


def test_without_a_limit_everything_is_planned_and_nothing_cut():
    plan = plan_controls(made_design(num_seeds=3), COSTS, None)
    assert shapes(plan) == dict.fromkeys(Control, (3, 4))
    assert plan.cuts == ()


def test_a_control_costs_its_trainings_on_the_slots_there_are():
    design = made_design(num_seeds=3)
    # Two attributes with the config of joint; extra joint seeds; 75 % of four spaces' people.
    assert COSTS.of(design, Control.SHARED, 3, 4) == pytest.approx(1.1 * 3 * 4 * 2 * 20 / 2)
    assert COSTS.of(design, Control.AVERAGED, 3, 4) == pytest.approx(1.1 * 3 * 4 * 20 / 2)
    assert COSTS.of(design, Control.PEOPLE, 2, 3) == pytest.approx(1.1 * 6 * 0.75 * 80 / 2)
    assert COSTS.of(design, Control.NOISE, 2, 3) == pytest.approx(1.1 * 6 * 2 * 80 / 2)


def test_finished_units_cost_nothing():
    design = made_design()
    names = {unit.name for unit in design.units(Control.SHARED, 0, 0)}
    costs = replace(COSTS, finished=frozenset(names))
    saved = COSTS.of(design, Control.SHARED, 2, 4) - costs.of(design, Control.SHARED, 2, 4)
    assert saved == pytest.approx(1.1 * 2 * 20 / 2)


@settings(max_examples=60)
@given(seconds=st.floats(0, 30_000), num_seeds=st.integers(1, 3))
def test_a_plan_fits_its_time_and_keeps_two_seeds_and_two_folds(seconds, num_seeds):
    plan = plan_controls(made_design(num_seeds=num_seeds), COSTS, seconds)
    assert plan.seconds <= seconds + 1e-6
    for repeats, folds in shapes(plan).values():
        assert repeats >= min(2, num_seeds)
        assert folds >= 2
        assert folds == 4 or repeats == min(2, num_seeds)  # seeds go before folds


@settings(max_examples=40)
@given(seconds=st.tuples(st.floats(0, 20_000), st.floats(0, 20_000)))
def test_more_time_never_makes_fewer_controls(seconds):
    less, more = (plan_controls(made_design(num_seeds=3), COSTS, s) for s in sorted(seconds))
    assert len(less.parts) <= len(more.parts)


def test_what_is_cut_is_said():
    design = made_design(num_seeds=3)
    least = COSTS.of(design, Control.SHARED, 2, 2) + COSTS.of(design, Control.AVERAGED, 2, 2)
    plan = plan_controls(design, COSTS, least + 1)
    assert shapes(plan) == {Control.SHARED: (2, 2), Control.AVERAGED: (2, 2)}
    assert plan.cuts[0] == "separate models with one shared config: 2 instead of 3 seeds"
    assert "2 of 4 folds, so it is compared on the people of these" in plan.cuts[1]
    assert plan.cuts[4].startswith("learning curve over people: left out, the least of it takes")
    assert len(plan.cuts) == 7


def test_time_that_is_left_enlarges_the_most_valuable_control():
    design = made_design(num_seeds=3)
    least = sum(COSTS.of(design, control, 2, 2) for control in Control)
    extra = COSTS.of(design, Control.SHARED, 3, 4) - COSTS.of(design, Control.SHARED, 2, 2)
    found = shapes(plan_controls(design, COSTS, least + extra + 1))
    assert found.pop(Control.SHARED) == (3, 4)
    assert set(found.values()) == {(2, 2)}


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_a_finished_control_is_kept_where_there_is_no_time_at_all(seconds):
    design = made_design()
    done = {
        unit.name
        for seed in design.seeds
        for fold in range(4)
        for unit in design.units(Control.NOISE, seed, fold)
    }
    plan = plan_controls(design, replace(COSTS, finished=frozenset(done)), seconds)
    assert shapes(plan) == {Control.NOISE: (2, 4)}
