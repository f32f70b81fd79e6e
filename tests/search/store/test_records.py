"""What a record says of its trial."""

import dataclasses
from dataclasses import replace

import pytest

from search.store.records import (
    Cause,
    State,
    best_record,
    default_stop,
    default_value,
    late_score,
    seconds_under_way,
)
from tests.search.builders.made import made_record


def test_epochs_are_the_last_reported_one():
    assert made_record(values={1: 0.1, 3: 0.2}).epochs == 3
    assert made_record(values={}).epochs == 0


@pytest.mark.parametrize(
    ("state", "cause", "finished", "counts"),
    [
        (State.COMPLETE, Cause.NONE, True, True),
        (State.COMPLETE, Cause.OUT_OF_MEMORY, True, True),
        (State.PRUNED, Cause.NONE, True, True),
        (State.FAIL, Cause.ERROR, True, True),
        (State.FAIL, Cause.WORKER_DIED, True, True),
        (State.FAIL, Cause.NOT_FINITE, True, True),
        (State.FAIL, Cause.BUDGET, True, False),
        (State.RUNNING, Cause.NONE, False, False),
        (State.WAITING, Cause.NONE, False, False),
    ],
)
def test_which_trials_are_over_and_which_use_up_one_of_the_users(state, cause, finished, counts):
    record = made_record(state=state, cause=cause)
    assert (record.is_finished, record.counts) == (finished, counts)


def test_a_record_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        made_record().number = 3


def test_the_best_is_the_complete_trial_with_the_largest_last_value():
    records = (
        made_record(0, {1: 0.9, 2: 0.4}),
        made_record(1, {1: 0.6}),
        made_record(2, {1: 0.99}, state=State.PRUNED),
        made_record(3, {1: 0.98}, state=State.FAIL, cause=Cause.BUDGET),
    )
    assert best_record(records) is records[1]


def test_the_earliest_of_equals_is_the_best():
    records = (made_record(0, {1: 0.5}), made_record(1, {1: 0.5}))
    assert best_record(records) is records[0]


def test_out_of_memory_is_never_the_best():
    records = (made_record(0, {}, cause=Cause.OUT_OF_MEMORY, objective=0.0),)
    assert best_record(records) is None
    assert best_record(()) is None


def test_a_complete_trial_at_zero_is_better_than_none():
    record = made_record(0, {1: 0.0})
    assert best_record((record,)) is record


@pytest.mark.parametrize(
    ("records", "value"),
    [
        ((), None),
        ((made_record(1, {1: 0.9}),), None),
        ((made_record(0, {}, state=State.FAIL, cause=Cause.ERROR),), None),
        ((made_record(0, {1: 0.9, 3: 0.25}), made_record(1, {1: 0.8})), 0.25),
    ],
)
def test_the_default_config_is_trial_0(records, value):
    assert default_value(records) == value


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, 0.0), ({1: 0.5}, 0.5), ({1: 0.5, 2: 0.75}, 0.625), ({1: 9, 2: 1, 3: 2, 4: 3}, 2.0)],
)
def test_the_late_score_is_the_mean_of_the_last_three_epochs(values, expected):
    assert late_score(made_record(0, values)) == expected


@pytest.mark.parametrize(
    ("records", "epoch"),
    [
        ((), None),
        ((made_record(1, {1: 0.9}, state=State.PRUNED),), None),
        ((made_record(0, {1: 0.9, 3: 0.25}),), None),
        ((made_record(0, {1: 0.9}, state=State.RUNNING),), None),
        ((made_record(0, {}, state=State.FAIL, cause=Cause.BUDGET),), None),
        ((made_record(0, {1: 0.9, 2: 0.5}, state=State.FAIL, cause=Cause.BUDGET),), 2),
    ],
)
def test_a_default_config_that_stopped_early_is_known_by_its_epoch(records, epoch):
    assert default_stop(records) == epoch


def test_seconds_under_way_are_those_of_the_wall_whatever_trained_at_once():
    def trial(ended, seconds, started=0.0):
        return made_record(ended=ended, seconds=seconds, started=started)

    assert seconds_under_way([]) == 0
    assert seconds_under_way([trial(130, 30), trial(140, 40)]) == 40
    assert seconds_under_way([trial(130, 30), trial(200, 10)]) == 40
    # One that still runs, and one that went on a day later: the pause is none of it.
    again = made_record(started=100, ended=86_400, seconds=50, went_on=((86_375, 25),))
    assert seconds_under_way([trial(0, 25, started=100), again]) == 50
    twice = replace(again, went_on=((500, 10), (86_375, 25)))
    assert seconds_under_way([twice]) == 50
    assert seconds_under_way([trial(0, 25, started=100), twice]) == 25 + 15 + 25
