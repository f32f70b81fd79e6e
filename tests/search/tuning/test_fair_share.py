"""Which space the next device serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.tuning.fair_share import Usage, next_space, spent_by_approach

APPROACH = {"mask": "separate", "age": "separate", "joint": "joint"}


def usage(**spent: float) -> dict[str, Usage]:
    return {
        name: Usage(finished=spent.get(name, 0.0), num_finished=int(name in spent))
        for name in APPROACH
    }


def test_the_first_space_begins():
    assert next_space(usage(), APPROACH, set(APPROACH)) == "mask"


def test_the_approach_that_used_least_is_next():
    assert next_space(usage(mask=5.0, joint=6.0), APPROACH, set(APPROACH)) == "age"
    assert next_space(usage(mask=5.0, joint=4.0), APPROACH, set(APPROACH)) == "joint"


def test_spaces_of_an_approach_share_what_it_has():
    assert next_space(usage(mask=2.0, age=3.0, joint=9.0), APPROACH, set(APPROACH)) == "mask"


def test_only_an_eligible_space_is_chosen():
    assert next_space(usage(mask=9.0), APPROACH, {"mask"}) == "mask"
    assert next_space(usage(), APPROACH, set()) is None


def test_a_running_trial_counts_as_a_typical_one_from_its_start():
    young = Usage(finished=40.0, num_finished=4, live=0.5, num_live=1)
    assert young.spent == 40.5
    assert young.committed == 50.0
    old = Usage(finished=40.0, num_finished=4, live=25.0, num_live=1)
    assert old.committed == 65.0


def test_slots_that_come_free_together_go_to_different_approaches():
    now = usage(mask=10.0, joint=10.0)
    first = next_space(now, APPROACH, set(APPROACH))
    now[first] = Usage(num_live=1)
    second = next_space(now, APPROACH, set(APPROACH))
    assert APPROACH[first] != APPROACH[second]


def test_seconds_add_up_by_approach():
    now = {**usage(mask=1.0, joint=4.0), "age": Usage(finished=2.0, live=0.5, num_live=1)}
    assert spent_by_approach(now, APPROACH) == {"separate": 3.5, "joint": 4.0}


spent = st.floats(0, 1e6)


@given(st.fixed_dictionaries(dict.fromkeys(APPROACH, spent)), st.sets(st.sampled_from("mj")))
def test_no_eligible_approach_is_further_behind_than_the_chosen_one(seconds, letters):
    eligible = {name for name in APPROACH if name[0] in letters}
    chosen = next_space(usage(**seconds), APPROACH, eligible)
    assert (chosen is None) == (not eligible)
    behind = spent_by_approach(usage(**seconds), APPROACH)
    candidates = {APPROACH[name] for name in eligible}
    assert {behind[APPROACH[name]] for name in {chosen} & set(APPROACH)} <= {
        min((behind[a] for a in candidates), default=0.0)
    }


@pytest.mark.parametrize("order", [("mask", "joint"), ("joint", "mask")])
def test_ties_go_to_the_first_in_order(order):
    approaches = {name: name for name in order}
    assert next_space({name: Usage() for name in order}, approaches, set(order)) == order[0]
