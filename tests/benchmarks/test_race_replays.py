"""Replays of a race: the default config first, and every space as far as the others."""

import numpy as np

from benchmarks.race_replays import _order
from search.store.records import Cause, State
from tests.search.builders.made import made_record


def test_trials_come_in_other_orders_the_default_config_first_and_spaces_side_by_side():
    nine = [made_record(number, space="a") for number in range(9)]
    three = [made_record(number, space="b") for number in range(3)]
    cut_off = made_record(3, space="b", state=State.FAIL, cause=Cause.BUDGET)
    orders = {
        tuple((each.space, each.number) for each in _order([nine, [*three, cut_off], []], rng))
        for rng in map(np.random.default_rng, range(20))
    }
    assert len(orders) > 1
    for order in orders:
        assert sorted(order) == [(each.space, each.number) for each in (*nine, *three)]
        assert order[0] == ("a", 0)
        assert next(number for space, number in order if space == "b") == 0
        assert [space for space, _ in order[:4]].count("b") == 1
