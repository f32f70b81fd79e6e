import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.training_luck import TrainingLuck
from tests.search.builders.labelled_people import half_width


def _luck(variance=0.0, interaction=0.0, num=3, folds=None):
    return TrainingLuck(variance=variance, interaction=interaction, num_seeds=num, folds=folds)


def _estimate(
    difference=0.01, people=1e-4, degrees=50.0, training=(NO_LUCK, NO_LUCK), choice=0.0, differ=99
):
    return PairEstimate(
        difference=difference,
        people_variance=people,
        people_degrees=degrees,
        choice_variance=choice,
        training=training,
        num_differing=differ,
    )


LUCKY = (_luck(6e-5, 2e-5, folds=4.0), _luck(1e-5, 3e-5, folds=2.0))
"""Of both sides together B - I = 2e-5, though the second alone has less luck than interaction."""


@settings(max_examples=25)
@given(
    st.floats(-0.1, 0.1),
    st.floats(1e-6, 1e-3),
    st.floats(1, 500),
    st.floats(0, 1e-3),
    st.floats(0, 1e-3),
    st.integers(2, 6),
)
def test_the_interval_excludes_zero_exactly_when_p_is_below_five_percent(
    difference, people, degrees, variance, interaction, num
):
    side = _luck(variance, interaction, num)
    estimate = _estimate(difference, people, degrees, (side, side))
    assert estimate.interval.excludes_zero == (estimate.p_value < 0.05)
    assert estimate.p_a_greater == pytest.approx(
        1 - _estimate(-difference, people, degrees, (side, side)).p_a_greater
    )


def test_people_alone_give_the_plain_student_interval():
    interval = _estimate().interval
    assert half_width(interval) == pytest.approx(stats.t.ppf(0.975, 50) * 0.01)


def test_training_adds_what_both_sides_together_have_beyond_their_interaction():
    estimate = _estimate(training=LUCKY, choice=3e-5)
    assert estimate.training_excess == pytest.approx(2e-5)
    assert estimate.variance == pytest.approx(1e-4 + 2e-5 + 3e-5)
    assert estimate.limit_variance == pytest.approx(1e-4 - 5e-5 + 3e-5)


def test_training_that_is_less_than_its_interaction_takes_nothing_away():
    quiet = _estimate(training=(_luck(1e-5, 2e-5), _luck(1e-5, 2e-5)), choice=3e-5)
    assert quiet.training_excess == 0
    assert quiet.variance == pytest.approx(1.3e-4)
    assert quiet.degrees == 50


def test_an_interaction_larger_than_the_luck_of_people_leaves_the_choice_alone():
    estimate = _estimate(people=1e-5, training=LUCKY, choice=3e-5)
    assert estimate.limit_variance == pytest.approx(3e-5)


def test_people_who_move_less_than_their_training_does_are_no_surer_than_it():
    """Of the only person of a class resampling tells nothing, and the seeds tell something."""
    estimate = _estimate(people=1e-6, training=LUCKY)
    assert estimate.variance == pytest.approx(7e-5)  # B of both sides
    assert estimate.degrees < _estimate(people=1e-4, training=LUCKY).degrees
    quiet = _estimate(people=1e-6, training=(_luck(1e-5, 2e-5), _luck(1e-5, 2e-5)))
    assert quiet.variance == pytest.approx(4e-5)  # I of both sides
    assert quiet.degrees == pytest.approx((4e-5) ** 2 / ((1e-6) ** 2 / 50 + 2 * (1e-5) ** 2 / 2))
    more = estimate.with_more(seeds=3)
    assert more.variance == pytest.approx(3.5e-5)


def test_degrees_of_freedom_are_those_of_satterthwaite_with_training_by_folds():
    estimate = _estimate(training=LUCKY, choice=3e-5)
    # (S - 1) folds each: 8 and 4; the choice is as sure as the people.
    spread = (1.3e-4) ** 2 / 50 + (6e-5) ** 2 / 8 + (1e-5) ** 2 / 4
    assert estimate.degrees == pytest.approx((1.5e-4) ** 2 / spread)
    assert estimate.degrees < 50


def test_training_never_makes_the_people_surer():
    sure = (_luck(2e-5, 0.0, num=9, folds=5.0), _luck(2e-5, 0.0, num=9, folds=5.0))
    welch = (1.4e-4) ** 2 / ((1e-4) ** 2 / 3 + 2 * (2e-5) ** 2 / 40)
    assert welch > 3
    assert _estimate(degrees=3.0, training=sure).degrees == 3


def test_degrees_of_freedom_are_those_of_welch_where_seeds_are_all_the_luck():
    estimate = _estimate(people=0.0, training=(_luck(2e-4, num=3), _luck(1e-4, num=5)))
    expected = (3e-4) ** 2 / ((2e-4) ** 2 / 2 + (1e-4) ** 2 / 4)
    assert estimate.degrees == pytest.approx(expected)


def test_equal_predictions_are_no_difference_and_no_evidence():
    estimate = _estimate(0.0, 0.0, differ=0)
    assert (estimate.p_a_greater, estimate.p_value) == (0.5, 1.0)
    assert half_width(estimate.interval) == 0


@pytest.mark.parametrize("variance", [0.0, 1e-200])
def test_an_interaction_that_only_rounding_left_is_no_evidence(variance):
    luck = TrainingLuck(variance=variance, interaction=2e-34, num_seeds=2)
    found = _estimate(0.0, people=0.0, degrees=23.0, training=(luck, luck), differ=1)
    assert found.degrees == 23.0
    assert found.p_value == 1.0


@pytest.mark.parametrize(("differ", "p_value"), [(1, 1.0), (4, 0.125), (5, 0.0625), (6, 0.03125)])
def test_people_who_all_agree_prove_no_more_than_a_sign_test(differ, p_value):
    assert _estimate(0.5, 0.0, differ=differ).p_value == pytest.approx(p_value)
    assert _estimate(0.5, 0.0, differ=differ).p_a_greater == 1


@pytest.mark.parametrize("people", [1.0, 4.0])
@pytest.mark.parametrize("more", [0, 3])
def test_a_plan_is_the_formula_of_people_interaction_and_training(people, more):
    """V' = (P_inf + (I_a + I_b) S / S') / k + max(0, B - I) S / S', and the choice by people."""
    planned = _estimate(training=LUCKY, choice=3e-5, differ=7).with_more(people=people, seeds=more)
    share = 3 / (3 + more)
    expected = (1e-4 - 5e-5 + 5e-5 * share) / people + 2e-5 * share + 3e-5 / people
    assert planned.variance == pytest.approx(expected, rel=1e-12)
    assert planned.limit_variance == pytest.approx((1e-4 - 5e-5 + 3e-5) / people, rel=1e-12)
    assert [side.num_seeds for side in planned.training] == [3 + more, 3 + more]
    assert (planned.people_degrees, planned.num_differing) == (50 * people, int(7 * people))


def test_a_side_that_has_more_seeds_gets_none_before_the_other_has_as_many():
    unequal = (_luck(6e-5, 2e-5, num=2, folds=4.0), _luck(3e-5, 1e-5, num=4, folds=4.0))
    planned = _estimate(training=unequal).with_more(people=2, seeds=2)
    # The excess of 6e-5 is shared as 2 : 1, and the first side has half of its luck left.
    interaction = 2e-5 / 2 + 1e-5
    excess = 4e-5 / 2 + 2e-5
    assert planned.variance == pytest.approx((7e-5 + interaction) / 2 + excess)
    assert [side.num_seeds for side in planned.training] == [4, 4]
    later = _estimate(training=unequal).with_more(seeds=3)
    assert [side.num_seeds for side in later.training] == [5, 5]


def test_models_that_are_taken_as_they_are_stay_so_in_a_plan():
    planned = _estimate().with_more(people=4)
    assert planned.variance == pytest.approx(2.5e-5)
    assert planned.training == (NO_LUCK, NO_LUCK)
    assert planned.num_seeds == 0


def test_infinitely_many_seeds_leave_the_limit():
    planned = _estimate(training=LUCKY, choice=3e-5).with_more(seeds=10**9)
    assert planned.variance == pytest.approx(planned.limit_variance)
    assert planned.variance == pytest.approx(8e-5)


def test_the_side_with_fewer_seeds_is_what_a_pair_has():
    assert _estimate(training=(_luck(num=4), _luck(num=1))).num_seeds == 1


@pytest.mark.parametrize(
    ("difference", "people", "num_people", "expected"),
    [
        (0.0, 0.0, 1200, True),  # 6 / 1200 is the margin
        (0.0, 0.0, 1199, False),
        (0.0, 0.0, 4, False),
        (0.003, 0.0, 3000, True),  # 0.003 + 6 / 3000
        (-0.003, 0.0, 3000, True),
        (0.0031, 0.0, 3000, False),
        (0.001, 1e-6, 10**6, True),  # 0.001 + 2.0086 x 0.001: the interval is wider than the floor
        (0.003, 1e-6, 10**6, False),
    ],
)
def test_equivalence_needs_an_interval_inside_the_margin_no_narrower_than_people_allow(
    difference, people, num_people, expected
):
    assert _estimate(difference, people).is_equivalent(num_people, 0.005) is expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"people": -1e-4}, "variances >= 0, got difference=0.01"),
        ({"difference": np.nan}, "got difference=nan"),
        ({"choice": -1e-9}, "variances >= 0"),
        ({"training": (_luck(np.inf), NO_LUCK)}, "check the predictions for NaN"),
        ({"training": (NO_LUCK, _luck(1e-5, -1e-9))}, "variances >= 0"),
    ],
)
def test_an_impossible_difference_is_refused(fields, message):
    with pytest.raises(AnalysisError, match=message):
        _estimate(**fields)


def test_an_interval_is_no_wider_than_scores_can_differ():
    wide = _estimate(0.2, training=(_luck(0.3, num=2), _luck(0.3, num=2)))
    assert (wide.interval.low, wide.interval.value, wide.interval.high) == (-1.0, 0.2, 1.0)
    assert not wide.is_equivalent(10**6, 0.9)  # what is cut off counts all the same
