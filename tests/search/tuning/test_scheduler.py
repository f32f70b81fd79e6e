"""One ASHA a space: its rungs, whom it stops, and what leaves no trace on them."""

import math
from dataclasses import replace

import pytest
import ray
from ray.tune.experiment import Trial

from search.tuning.scheduler import MultiSpaceScheduler, affords_few, grace_epochs
from tests.search.builders.controller import (
    CONTINUE,
    EPOCHS,
    STOP,
    FakeController,
    FakeTrial,
    added,
    told,
)


@pytest.fixture
def scheduler():
    return MultiSpaceScheduler({"age": EPOCHS, "mask": EPOCHS})


@pytest.mark.parametrize(("epochs", "grace"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 2), (100, 2)])
def test_every_trial_gets_two_epochs_and_one_in_short_schedules(epochs, grace):
    assert grace_epochs(epochs) == grace


def test_trials_meet_rungs_at_2_and_6_epochs(scheduler):
    good = added(scheduler, 0)
    for epoch in range(1, 9):
        assert told(scheduler, good, epoch, 0.9) == CONTINUE
    stops = []
    for number, value in ((1, 0.1), (2, 0.95)):
        trial = added(scheduler, number)
        decisions = [told(scheduler, trial, epoch, value) for epoch in range(1, 3)]
        stops.append(decisions)
    assert stops == [[CONTINUE, STOP], [CONTINUE, CONTINUE]]
    late = added(scheduler, 3)
    values = {1: 0.95, 2: 0.95, 3: 0.1, 4: 0.1, 5: 0.1, 6: 0.1}
    decisions = [told(scheduler, late, epoch, value) for epoch, value in values.items()]
    assert decisions == [CONTINUE] * 5 + [STOP]
    assert scheduler.stopped == {"ray-age-1": 2, "ray-age-3": 6}


def test_a_space_with_time_for_few_trials_has_its_first_rungs_at_1_and_3_epochs(scheduler):
    good = added(scheduler, 0)
    told(scheduler, good, 1, 0.5)
    scheduler.suit("age", seconds=40.0, epoch_s=1.0)
    assert [told(scheduler, good, epoch, 0.9) for epoch in range(2, 9)] == [CONTINUE] * 7
    assert told(scheduler, added(scheduler, 1), 1, 0.4) == STOP
    third = added(scheduler, 2)
    values = {1: 0.6, 2: 0.1, 3: 0.1}
    decisions = [told(scheduler, third, epoch, value) for epoch, value in values.items()]
    assert decisions == [CONTINUE, CONTINUE, STOP]
    assert told(scheduler, added(scheduler, 0, space="mask"), 1, 0.4) == CONTINUE


def test_a_space_that_gets_more_time_has_its_usual_rungs_with_all_that_was_reported(scheduler):
    scheduler.suit("age", seconds=40.0, epoch_s=1.0)
    for epoch in (1, 2):
        told(scheduler, added(scheduler, 0), epoch, 0.9)
    scheduler.suit("age", seconds=400.0, epoch_s=1.0)
    weak = added(scheduler, 1)
    assert [told(scheduler, weak, epoch, 0.1) for epoch in (1, 2)] == [CONTINUE, STOP]


@pytest.mark.parametrize(("fulls", "few"), [(1.0, True), (7.2, True), (7.4, False)])
def test_time_for_ten_trials_is_counted_beside_one_full_training_of_the_default(fulls, few):
    assert affords_few(fulls * 9.0, 9.0) is few


def test_only_the_best_third_at_a_rung_goes_on(scheduler):
    trials = [added(scheduler, number) for number in range(30)]
    # From the worst to the best each is the best so far; then from the best down all are stopped.
    rising = [told(scheduler, trial, 2, number / 30) for number, trial in enumerate(trials)]
    assert set(rising) == {CONTINUE}
    low, high = added(scheduler, 30), added(scheduler, 31)
    assert told(scheduler, low, 2, 18 / 30) == STOP
    assert told(scheduler, high, 2, 21 / 30) == CONTINUE


def test_the_first_trial_at_a_rung_is_never_stopped(scheduler):
    assert told(scheduler, added(scheduler, 0), 2, 0.0) == CONTINUE


def test_the_last_epoch_is_no_rung():
    scheduler = MultiSpaceScheduler({"age": 6})
    for number, value in enumerate((0.9, 0.1)):
        trial = added(scheduler, number)
        assert scheduler.on_trial_result(None, trial, {"epoch": 1, "value": value}) == CONTINUE
        scheduler.on_trial_result(None, trial, {"epoch": 6, "value": value})
    assert scheduler.stopped == {}


def test_the_default_config_is_never_stopped(scheduler):
    for number in range(1, 4):
        told(scheduler, added(scheduler, number), 2, 0.9)
    baseline = added(scheduler, 0)
    assert [told(scheduler, baseline, epoch, 0.1) for epoch in range(1, 9)] == [CONTINUE] * 8
    assert scheduler.stopped == {}


def test_spaces_do_not_compete(scheduler):
    for number in range(5):
        told(scheduler, added(scheduler, number, "mask"), 2, 0.9)
    assert told(scheduler, added(scheduler, 0, "age"), 2, 0.1) == CONTINUE


def test_a_trial_that_is_to_be_cut_stops_without_being_called_stopped(scheduler):
    trial = added(scheduler, 0)
    scheduler.cut.add(trial.trial_id)
    assert scheduler.on_trial_result(None, trial, {"epoch": 1, "value": 0.9}) == STOP
    assert scheduler.stopped == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_ends_the_trial_and_stands_on_no_rung(scheduler, value):
    assert told(scheduler, added(scheduler, 0), 2, value) == STOP
    assert scheduler.stopped == {}
    assert told(scheduler, added(scheduler, 1), 2, 0.1) == CONTINUE
    assert told(scheduler, added(scheduler, 2), 2, 0.0) == STOP


def test_a_broken_trial_leaves_no_value(scheduler):
    trial = added(scheduler, 0)
    scheduler.on_trial_complete(None, trial, {"cause": "error", "done": True})
    scheduler.on_trial_complete(None, added(scheduler, 1), {})
    assert told(scheduler, added(scheduler, 2), 2, 0.0) == CONTINUE


def test_a_trial_of_a_dead_worker_goes_on_past_the_rungs_that_it_met(scheduler):
    trial = added(scheduler, 0)
    told(scheduler, trial, 2, 0.5)
    for number in range(1, 4):
        told(scheduler, added(scheduler, number), 2, 0.9)
    # Ray puts the trial back and adds it again under its id.
    scheduler.on_trial_error(None, trial)
    scheduler.on_trial_add(None, trial)
    assert [told(scheduler, trial, epoch, 0.1) for epoch in (1, 2, 3)] == [CONTINUE] * 3


def test_a_removed_trial_is_forgotten(scheduler):
    trial = added(scheduler, 0)
    scheduler.on_trial_remove(None, trial)
    assert scheduler.stopped == {}


def test_the_first_trial_that_waits_runs_next(scheduler):
    running = FakeTrial("a", {}, Trial.RUNNING)
    paused, pending = FakeTrial("b", {}, Trial.PAUSED), FakeTrial("c", {}, Trial.PENDING)
    assert scheduler.choose_trial_to_run(FakeController([running, paused, pending])) is pending
    assert scheduler.choose_trial_to_run(FakeController([running, paused])) is paused
    assert scheduler.choose_trial_to_run(FakeController([running])) is None
    assert scheduler.debug_string() == "ASHA for age, mask"


def test_a_silent_trial_is_ended_with_its_worker_and_one_without_a_worker_is_taken_back(
    scheduler, monkeypatch
):
    killed = []
    monkeypatch.setattr(ray, "kill", killed.append)
    trials = [added(scheduler, number) for number in range(3)]
    trials[1].temporary_state.ray_actor = "its actor"
    controller = FakeController(trials)
    scheduler.silent |= {trials[1].trial_id, trials[2].trial_id}
    scheduler.choose_trial_to_run(controller)
    scheduler.choose_trial_to_run(controller)
    assert killed == ["its actor"]
    assert controller.stopped == [trials[2]]


def test_a_trial_that_begins_again_under_another_id_meets_no_rung_twice(scheduler):
    for number in range(3):
        told(scheduler, added(scheduler, number), 2, 0.8)
    trial = added(scheduler, 3)
    assert told(scheduler, trial, 2, 0.9) == CONTINUE
    scheduler.on_trial_error(None, trial)
    again = replace(trial, trial_id="another")
    scheduler.on_trial_add(None, again)
    assert told(scheduler, again, 2, 0.1) == CONTINUE
    # Its own value stands on the rung once.
    assert told(scheduler, added(scheduler, 4), 2, 0.85) == CONTINUE
