"""How long trainings take, by what was planned and by those that have ended."""

import pytest

from search.refit.pace import Pace
from search.refit.units import Unit


def units(space, number):
    return [
        Unit(space=space, config_id="default", seed=0, fold=fold, config={})
        for fold in range(number)
    ]


def test_what_was_planned_stands_until_a_training_has_ended():
    pace = Pace(2, {"age.default": 10.0, "joint.default": 30.0})
    assert pace.seconds([*units("age", 3), *units("joint", 1)]) == pytest.approx((3 * 10 + 30) / 2)


def test_what_the_trainings_of_a_config_took_counts_for_its_others():
    pace = Pace(2, {"age.default": 10.0})
    pace.note("age.default", 4.0)
    pace.note("age.default", 8.0)
    assert pace.seconds(units("age", 3)) == pytest.approx(3 * 6.0 / 2)


def test_others_take_longer_than_planned_as_those_that_ended_did():
    pace = Pace(1, {"age.default": 10.0, "joint.default": 30.0})
    pace.note("age.default", 20.0)
    # The plan counts as one of them: 30 s instead of 20.
    assert pace.seconds(units("joint", 2)) == pytest.approx(2 * 45.0)
    for _ in range(1000):
        pace.note("age.default", 20.0)
    assert pace.seconds(units("joint", 2)) == pytest.approx(2 * 60.0, rel=0.01)


def test_without_a_plan_others_take_as_long_as_those_that_ended():
    pace = Pace(1)
    assert pace.seconds(units("age", 1)) is None
    pace.note("age.default", 5.0)
    assert pace.seconds(units("joint", 2)) == pytest.approx(10.0)


def test_nothing_takes_no_time():
    assert Pace(1).seconds([]) == 0.0
