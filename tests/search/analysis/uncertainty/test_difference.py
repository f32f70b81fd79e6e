import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import PairEstimate, seed_degrees
from tests.search.builders.labelled_people import half_width


def _estimate(difference=0.01, people=1e-4, degrees=50.0, seeds=(0.0, 0.0), num=(1, 1), differ=99):
    return PairEstimate(
        difference=difference,
        people_variance=people,
        people_degrees=degrees,
        seed_variances=seeds,
        num_seeds=num,
        num_differing=differ,
    )


@settings(max_examples=25)
@given(
    st.floats(-0.1, 0.1),
    st.floats(1e-6, 1e-3),
    st.floats(1, 500),
    st.floats(0, 1e-3),
    st.integers(2, 6),
)
def test_the_interval_excludes_zero_exactly_when_p_is_below_five_percent(
    difference, people, degrees, seeds, num
):
    estimate = _estimate(difference, people, degrees, (seeds, seeds), (num, num))
    assert estimate.interval.excludes_zero == (estimate.p_value < 0.05)
    assert estimate.p_a_greater == pytest.approx(
        1 - _estimate(-difference, people, degrees, (seeds, seeds), (num, num)).p_a_greater
    )


def test_people_alone_give_the_plain_student_interval():
    interval = _estimate().interval
    assert half_width(interval) == pytest.approx(stats.t.ppf(0.975, 50) * 0.01)


def test_degrees_of_freedom_are_those_of_welch_where_seeds_are_all_the_luck():
    estimate = _estimate(people=0.0, seeds=(2e-4, 1e-4), num=(3, 5))
    expected = (3e-4) ** 2 / ((2e-4) ** 2 / 2 + (1e-4) ** 2 / 4)
    assert estimate.degrees == pytest.approx(expected)


def test_two_seeds_count_half_a_degree():
    assert [seed_degrees(num) for num in (2, 3, 4)] == [0.5, 2.0, 3.0]


def test_equal_predictions_are_no_difference_and_no_evidence():
    estimate = _estimate(0.0, 0.0, differ=0)
    assert (estimate.p_a_greater, estimate.p_value) == (0.5, 1.0)
    assert half_width(estimate.interval) == 0


@pytest.mark.parametrize(("differ", "p_value"), [(1, 1.0), (4, 0.125), (5, 0.0625), (6, 0.03125)])
def test_people_who_all_agree_prove_no_more_than_a_sign_test(differ, p_value):
    assert _estimate(0.5, 0.0, differ=differ).p_value == pytest.approx(p_value)
    assert _estimate(0.5, 0.0, differ=differ).p_a_greater == 1


def test_more_people_shrink_the_luck_of_people_and_more_seeds_that_of_seeds():
    estimate = _estimate(seeds=(3e-4, 2e-4), num=(3, 2), differ=7)
    more_people = estimate.with_more(people=4)
    assert more_people.people_variance == pytest.approx(2.5e-5)
    assert (more_people.people_degrees, more_people.num_differing) == (200, 28)
    assert more_people.seed_variances == (3e-4, 2e-4)
    more_seeds = estimate.with_more(seeds=(3, 2))
    assert more_seeds.seed_variances == pytest.approx((1.5e-4, 1e-4))
    assert more_seeds.num_seeds == (6, 4)
    assert more_seeds.people_variance == estimate.people_variance


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"people": -1e-4}, "variances >= 0, got difference=0.01"),
        ({"difference": np.nan}, "got difference=nan"),
        ({"seeds": (np.inf, 0.0)}, "check the predictions for NaN"),
    ],
)
def test_an_impossible_difference_is_refused(fields, message):
    with pytest.raises(AnalysisError, match=message):
        _estimate(**fields)


def test_an_interval_is_no_wider_than_scores_can_differ():
    wide = _estimate(0.2, seeds=(0.3, 0.3), num=(2, 2))
    assert (wide.interval.low, wide.interval.value, wide.interval.high) == (-1.0, 0.2, 1.0)
