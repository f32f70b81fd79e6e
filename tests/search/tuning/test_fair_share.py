"""Which space the next device serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.tuning.fair_share import Usage, next_space, spent_by_approach

SHARES = {"separate": ("mask", "age"), "joint": ("joint",)}
SPACES = ("mask", "age", "joint")


def usage(**spent: float) -> dict[str, Usage]:
    return {
        name: Usage(finished=spent.get(name, 0.0), num_finished=int(name in spent))
        for name in SPACES
    }


def approach_of(space: str) -> str:
    return next(name for name, spaces in SHARES.items() if space in spaces)


def test_the_first_space_begins():
    assert next_space(usage(), SHARES, set(SPACES)) == "mask"


def test_the_approach_that_used_least_is_next():
    assert next_space(usage(mask=5.0, joint=6.0), SHARES, set(SPACES)) == "age"
    assert next_space(usage(mask=5.0, joint=4.0), SHARES, set(SPACES)) == "joint"


def test_spaces_of_an_approach_share_what_it_has():
    assert next_space(usage(mask=2.0, age=3.0, joint=9.0), SHARES, set(SPACES)) == "mask"


def test_a_space_of_two_approaches_is_next_where_either_is_behind_and_counts_for_both():
    shares = {"separate": ("mask", "age"), "grouped": ("joint", "age")}
    now = usage(mask=1.0, age=2.0, joint=4.0)
    assert spent_by_approach(now, shares) == {"separate": 3.0, "grouped": 6.0}
    assert next_space(now, shares, {"age", "joint"}) == "age"


def test_a_solved_space_gives_its_time_to_those_of_its_approach_that_are_not():
    now = usage(mask=1.0, age=5.0, joint=9.0)
    assert next_space(now, SHARES, set(SPACES)) == "mask"
    assert next_space(now, SHARES, set(SPACES), solved={"mask"}) == "age"


def test_a_solved_space_takes_no_time_from_other_approaches_and_gives_them_none():
    now = usage(mask=1.0, age=5.0, joint=7.0)
    assert next_space(now, SHARES, set(SPACES), solved={"mask"}) == "age"
    assert next_space(usage(joint=1.0, age=2.0), SHARES, set(SPACES), solved={"joint"}) == "joint"


def test_where_all_that_may_start_is_solved_it_is_served():
    assert next_space(usage(age=2.0), SHARES, {"mask"}, solved={"mask"}) == "mask"
    assert next_space(usage(age=2.0), SHARES, {"mask", "age"}, solved={"mask", "age"}) == "mask"


def test_a_solved_space_of_two_approaches_gives_way_only_where_both_have_another():
    shares = {"separate": ("mask", "age"), "grouped": ("joint", "mask")}
    now = usage(mask=1.0, age=2.0, joint=9.0)
    assert next_space(now, shares, set(SPACES), solved={"mask"}) == "age"
    assert next_space(now, shares, {"mask", "age"}, solved={"mask"}) == "mask"


def test_only_an_eligible_space_is_chosen():
    assert next_space(usage(mask=9.0), SHARES, {"mask"}) == "mask"
    assert next_space(usage(), SHARES, set()) is None


def test_a_running_trial_counts_as_a_typical_one_from_its_start():
    young = Usage(finished=40.0, num_finished=4, live=0.5, num_live=1)
    assert young.spent == 40.5
    assert young.committed == 50.0
    old = Usage(finished=40.0, num_finished=4, live=25.0, num_live=1)
    assert old.committed == 65.0


def test_slots_that_come_free_together_go_to_different_approaches():
    now = usage(mask=10.0, joint=10.0)
    first = next_space(now, SHARES, set(SPACES))
    now[first] = Usage(num_live=1)
    second = next_space(now, SHARES, set(SPACES))
    assert approach_of(first) != approach_of(second)


def test_seconds_add_up_by_approach():
    now = {**usage(mask=1.0, joint=4.0), "age": Usage(finished=2.0, live=0.5, num_live=1)}
    assert spent_by_approach(now, SHARES) == {"separate": 3.5, "joint": 4.0}


spent = st.floats(0, 1e6)


@given(st.fixed_dictionaries(dict.fromkeys(SPACES, spent)), st.sets(st.sampled_from("mj")))
def test_no_eligible_approach_is_further_behind_than_the_chosen_one(seconds, letters):
    eligible = {name for name in SPACES if name[0] in letters}
    chosen = next_space(usage(**seconds), SHARES, eligible)
    assert (chosen is None) == (not eligible)
    behind = spent_by_approach(usage(**seconds), SHARES)
    candidates = {approach_of(name) for name in eligible}
    assert {behind[approach_of(name)] for name in {chosen} & set(SPACES)} <= {
        min((behind[a] for a in candidates), default=0.0)
    }


@pytest.mark.parametrize("order", [("mask", "joint"), ("joint", "mask")])
def test_ties_go_to_the_first_in_order(order):
    shares = {name: (name,) for name in order}
    assert next_space({name: Usage() for name in order}, shares, set(order)) == order[0]
