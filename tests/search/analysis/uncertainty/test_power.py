from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.plain import to_plain
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import least_reach
from search.analysis.uncertainty.power import (
    POWER,
    WouldDecide,
    detectable_difference,
    promised_difference,
    would_decide,
)
from search.analysis.uncertainty.search_luck import SearchLuck
from search.analysis.uncertainty.training_luck import TrainingLuck


def _estimate(difference, people=1e-4, seeds=(0.0, 0.0), interaction=0.0):
    """Three seeds a side by whole scores; `seeds` is all of their luck, as without folds."""
    first, second = (
        TrainingLuck(variance=luck, interaction=interaction, num_seeds=3) for luck in seeds
    )
    return PairEstimate(
        difference=difference,
        people_variance=people,
        people_degrees=200.0,
        training=(first, second),
        num_differing=80,
    )


def _plan(estimate, num_seeds=3, margin=0.005, num_pairs=1, num_people=300, **more):
    return would_decide(
        estimate,
        num_people=num_people,
        num_seeds=num_seeds,
        margin=margin,
        num_pairs=num_pairs,
        **more,
    )


def _fixed(difference, people=1e-4, differ=80):
    """Models that are taken as they are."""
    return PairEstimate(
        difference=difference, people_variance=people, people_degrees=200.0, num_differing=differ
    )


def test_the_people_found_detect_the_difference_as_often_as_promised():
    people = _plan(_fixed(0.015), num_seeds=None).people
    error = (1e-4 * 300 / people) ** 0.5
    found = np.random.default_rng(0).normal(0.015, error, 20_000)
    assert np.mean(np.abs(found) > 1.96 * error) == pytest.approx(POWER, abs=0.02)


@pytest.mark.parametrize("counted", [5.2e-4, 5.0e-4])
def test_finalists_that_differ_by_luck_alone_cost_no_people(counted):
    """The luck of a search that is in no variance must not be in the plan either."""
    plain = replace(_estimate(0.04, people=4.9e-4), people_degrees=100.0)
    luck = SearchLuck(variance=5.0e-4, counted=counted, degrees=10.0)
    searched = replace(plain, search=(luck,))
    assert _plan(searched, num_people=101) == _plan(plain, num_people=101)
    assert _plan(plain, num_people=101).people is not None


def test_what_a_search_adds_stays_and_grows_surer_with_people():
    luck = SearchLuck(variance=5.0e-4, counted=4.0e-4, degrees=10.0)
    searched = replace(_estimate(0.06, people=4.9e-4), search=(luck,))
    reach = [detectable_difference(searched.with_more(people=k)) for k in (1.0, 2.0, 4.0, 8.0)]
    assert reach == sorted(reach, reverse=True)
    assert searched.with_more(people=4.0).search_excess == pytest.approx(1.0e-4)


def test_the_difference_detectable_now_needs_no_more_people():
    size = detectable_difference(_estimate(0.0))
    assert 300 < _plan(_estimate(size * 0.97)).people < 330


def test_more_pairs_need_more_people():
    one, three = _plan(_estimate(0.01)), _plan(_estimate(0.01), num_pairs=3)
    assert three.people > one.people


def test_a_tiny_difference_is_decided_as_equivalence():
    tiny, margin_free = _plan(_estimate(0.0005)), _plan(_estimate(0.0005), margin=0.0)
    assert tiny.people < 30_000
    assert margin_free.people is None or margin_free.people > 10 * tiny.people


def test_no_plan_for_equivalence_rests_on_fewer_people_than_the_floor_allows():
    """Spread over people that is nearly none: the rule of three alone asks for 6 / P <= 0.005."""
    people = _plan(_fixed(0.0, people=1e-12), num_seeds=None).people
    assert least_reach(people) <= 0.005 < least_reach(people - 6)
    assert people == pytest.approx(1200, abs=3)


def test_seeds_that_are_trained_after_an_end_have_what_is_left_of_the_level():
    estimate = _estimate(0.03, people=1e-6, seeds=(1e-4, 1e-4))
    whole, left = _plan(estimate), _plan(estimate, share=lambda _: 0.3)
    assert left.seeds > whole.seeds
    assert left == _plan(estimate, num_pairs=1 / 0.3)
    more_people = _estimate(0.015)
    assert _plan(more_people, share=lambda _: 0.3).people == _plan(more_people).people


def test_interaction_shrinks_with_people_and_with_seeds():
    """All of the luck of training is interaction: 2e-5 of 1e-4 that people have alone is 8e-5."""
    estimate = _estimate(0.015, seeds=(1e-5, 1e-5), interaction=1e-5)
    # What a verdict finds of training is above 0 half of the time, though there is none.
    alone = _plan(_estimate(0.015)).people
    assert alone < _plan(estimate).people < 1.1 * alone
    assert _plan(estimate).seeds is None  # 8e-5 is left, and (1.97 + 0.84)^2 8e-5 > 0.015^2
    assert _plan(_estimate(0.026, seeds=(1e-5, 1e-5), interaction=1e-5)).seeds is not None


@pytest.mark.parametrize("excess", [0.0, 1e-5, 6e-5])
def test_the_luck_that_is_planned_with_is_what_verdicts_find_on_average(excess):
    """B on 20 degrees of freedom a side, its interaction known, found as max(0, B - I)."""
    side = TrainingLuck(variance=2e-5 + excess / 2, interaction=2e-5, num_seeds=5, folds=5.0)
    planned = PairEstimate(
        difference=0.01,
        people_variance=1e-4,
        people_degrees=1e6,
        training=(side, side),
        num_differing=300,
    )
    rng = np.random.default_rng(0)
    found = side.variance * rng.chisquare(20, (200_000, 2)) / 20
    luck = np.maximum(0.0, found.sum(axis=1) - 4e-5)
    reach = detectable_difference(planned) / (1e-4 + luck.mean()) ** 0.5
    assert reach == pytest.approx(1.96 + 0.8416, rel=0.02)


def test_seeds_decide_where_training_luck_is_all_there_is():
    plan = _plan(_estimate(0.02, people=1e-6, seeds=(1e-4, 1e-4)))
    # (t_0.975 + t_0.8)^2 (1e-6 + 6e-4 / S) <= 0.02^2 holds from S = 14 on
    assert plan == WouldDecide(people=None, seeds=14)
    assert str(plan) == "14 seeds"


def test_people_and_seeds_together_where_neither_suffices():
    plan = _plan(_estimate(0.012, people=2e-4, seeds=(6e-5, 6e-5)))
    assert plan.together
    assert plan.people > 300
    assert plan.seeds > 3
    assert str(plan) == f"{plan.people:,} people and {plan.seeds} seeds"


def test_one_seed_is_never_cured_by_people():
    assert _plan(_estimate(0.5), num_seeds=1) == WouldDecide(people=None, seeds=2)


def test_people_who_all_agree_are_too_few_until_six_of_them_differ():
    agreed = _fixed(0.5, people=0.0, differ=3)
    assert _plan(agreed, num_seeds=None).people == 600


def test_fixed_models_are_never_cured_by_seeds():
    assert _plan(_fixed(0.005), num_seeds=None).seeds is None


def test_a_difference_at_the_margin_is_out_of_reach():
    plan = _plan(_estimate(1e-9), margin=0.0)
    assert plan == WouldDecide(people=None, seeds=None)
    assert str(plan) == "nothing within reach"
    assert to_plain(plan) == {"people": None, "seeds": None, "together": False}


@settings(max_examples=25)
@given(st.floats(0.001, 0.05), st.floats(1e-6, 1e-3), st.floats(0, 1e-4))
def test_one_percent_fewer_people_or_one_seed_less_would_not_do(difference, people, seeds):
    plan = _plan(_estimate(difference, people, (seeds, seeds)))
    assert plan.people is None or plan.people > 300
    assert plan.seeds is None or plan.seeds > 3


def test_a_plan_promises_what_the_verdict_would_declare():
    many = promised_difference(1200, 20, 1)
    assert many == pytest.approx(promised_difference(300, 20, 1) / 2, rel=0.1)
    assert promised_difference(300, 3, 3) > promised_difference(300, 3, 1)
    assert promised_difference(2700, 2, 3) > 1.05 * promised_difference(2700, 3, 3)


def test_a_side_that_was_trained_on_waits_for_the_other_one():
    """What is planned is what `--refit-seeds` trains: both sides come to the same number."""
    even = _estimate(0.02, seeds=(2e-4, 2e-4))
    sides = zip(even.training, (6, 2), strict=True)
    one, two = (replace(side, num_seeds=num) for side, num in sides)
    uneven = replace(even, training=(one, two))
    assert [side.num_seeds for side in uneven.with_more(seeds=3).training] == [6, 5]
    assert [side.num_seeds for side in uneven.with_more(seeds=6).training] == [8, 8]
    seeds = _plan(uneven, num_seeds=2).seeds
    assert seeds > 6  # fewer would train nothing
