import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.curves import (
    Curve,
    TrialEnd,
    best_of_parts,
    best_so_far,
    product_of_scores,
)
from search.analysis.errors import AnalysisError


def test_the_best_score_rises_at_the_device_seconds_spent_so_far():
    ends = [
        TrialEnd(30, 5, 0.6),
        TrialEnd(10, 10, 0.5),
        TrialEnd(20, 20, 0.4),
        TrialEnd(40, 1, 0.6),
    ]
    curve = best_so_far("joint", ends)
    assert curve == Curve(name="joint", device_seconds=(10, 35), values=(0.5, 0.6), spent=36)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_trials_without_a_score_cost_their_time_and_raise_nothing(value):
    curve = best_so_far("joint", [TrialEnd(1, 7, value), TrialEnd(2, 3, 0.1)])
    assert (curve.device_seconds, curve.values, curve.spent) == ((10,), (0.1,), 10)


def test_a_search_without_a_score_has_no_step():
    curve = best_so_far("joint", [TrialEnd(1, 7, None)])
    assert (curve.values, curve.spent) == ((), 7)
    assert best_so_far("joint", []).spent == 0


def test_parts_begin_when_each_has_a_score_and_share_their_device_seconds():
    parts = {
        "mask": [TrialEnd(1, 10, 0.9), TrialEnd(4, 10, 0.95)],
        "age": [TrialEnd(2, 10, None), TrialEnd(3, 10, 0.5), TrialEnd(5, 10, 0.4)],
    }
    curve = best_of_parts("separate", parts)
    assert curve.device_seconds == (30, 40)
    assert curve.values == pytest.approx((0.45, 0.475))
    assert curve.spent == 50


def test_a_combination_is_told_the_best_trial_of_each_part_when_one_changes():
    parts = {
        "mask": [TrialEnd(1, 1, 0.9, 0), TrialEnd(4, 1, 0.8, 1)],
        "age": [TrialEnd(2, 1, 0.5, 0), TrialEnd(3, 1, 0.6, 7)],
    }
    asked = []

    def combine(best):
        asked.append({name: end.trial for name, end in best.items()})
        return [0.7, 0.6][len(asked) - 1]

    curve = best_of_parts("separate", parts, combine)
    assert asked == [{"mask": 0, "age": 0}, {"mask": 0, "age": 7}]
    assert curve.values == (0.7, 0.6)


def test_the_product_of_scores_takes_every_part():
    best = {"mask": TrialEnd(1, 1, 0.5), "age": TrialEnd(1, 1, 0.4)}
    assert product_of_scores(best) == pytest.approx(0.2)


TRIALS = st.lists(
    st.builds(
        TrialEnd,
        time=st.floats(0, 100),
        device_seconds=st.floats(0, 100),
        value=st.none() | st.floats(0, 1),
    ),
    max_size=12,
)


@given(ends=TRIALS)
@settings(max_examples=25)
def test_the_curve_of_one_space_only_rises_and_ends_at_its_best(ends):
    curve = best_so_far("joint", ends)
    assert list(curve.values) == sorted(curve.values)
    assert curve.spent == pytest.approx(sum(end.device_seconds for end in ends))
    known = [end.value for end in ends if end.value is not None]
    assert curve.values[-1:] == tuple([max(known)] if known else [])


@pytest.mark.parametrize(
    ("seconds", "values", "spent"),
    [((1, 2), (0.5,), 3), ((2, 1), (0.5, 0.6), 3), ((1, 4), (0.5, 0.6), 3)],
)
def test_a_curve_must_go_forward_in_time(seconds, values, spent):
    with pytest.raises(AnalysisError, match=r"increasing device seconds.* in 'joint'"):
        Curve(name="joint", device_seconds=seconds, values=values, spent=spent)
