"""Trials whose workers or nodes are lost: handed out again, and told only what is so."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.prepare.config import Budget
from search.refit.retries import MAX_NODES, START_S, STEP_S, Retries
from search.store.heartbeat import Heartbeat
from search.store.records import Cause, State
from tests.search.builders.scripted import Script


@pytest.fixture
def dead():
    return set()


@pytest.fixture
def script(tmp_path, dead):
    return Script(
        tmp_path / "journal",
        retries=Retries(lambda node: node not in dead),
        heartbeats=tmp_path / "heartbeats",
    )


def begin(script, trial, node="one"):
    Heartbeat(node).begin(Path(script.asked[trial]["heartbeat"]))


def test_a_trial_whose_node_died_is_handed_out_again_as_the_same_trial(script, dead):
    trial = script.start()
    begin(script, trial)
    script.report(trial, 1, 0.3)
    dead.add("one")
    script.die(trial)
    assert script.frozen(trial).state is TrialState.RUNNING
    again = script.start()
    same = ("space", "number", "config", "seed")
    assert [script.asked[again][key] for key in same] == [script.asked[trial][key] for key in same]
    script.finish(again, 3, 0.7)
    record = script.record(trial)
    assert (record.state, record.cause) == (State.COMPLETE, Cause.NONE)
    assert record.values == {1: 0.3, 3: 0.7}


def test_a_trial_that_is_handed_out_again_keeps_its_precision(script, dead):
    trial = script.start()
    begin(script, trial)
    script.report(trial, 1, 0.3, precision="bf16")
    dead.add("one")
    script.die(trial)
    again = script.start()
    assert script.asked[again]["number"] == script.asked[trial]["number"]
    assert script.asked[again]["config"]["numerics.precision"] == "bf16"


def test_nodes_that_die_again_and_again_never_make_a_trial_fail(script, dead):
    trial = script.start()
    for number in range(MAX_NODES):
        begin(script, trial, f"node {number}")
        dead.add(f"node {number}")
        script.die(trial)
        trial = script.start()
        assert script.asked[trial]["number"] == 0
    assert len(script.records()) == 1
    assert not script.searcher.stalled
    begin(script, trial, "one more")
    dead.add("one more")
    script.die(trial)
    assert "11 nodes died while they trained gender trial 0" in script.searcher.stalled
    assert script.record(trial).state is State.RUNNING


def test_nodes_that_die_before_their_workers_have_begun_never_make_a_trial_fail(script):
    for _ in range(MAX_NODES):
        trial = script.start()
        assert script.asked[trial]["number"] == 0
        script.scheduler.errors[trial] = "The actor died because its node has died. Node Id: 405c"
        script.die(trial)
    assert script.record(trial).deaths == 0


def test_two_deaths_at_once_of_which_the_second_is_of_a_trial_that_is_gone_count_once(script):
    trial = script.start()
    script.die(trial)
    script.die(trial)
    script.die(trial)
    assert script.asked[script.start()]["number"] == 0
    assert script.record(trial).state is State.RUNNING


def kill_three(script):
    """Ends the first trial's worker three times, its node alive."""
    for _ in range(3):
        trial = script.start()
        assert script.asked[trial]["number"] == 0
        begin(script, trial)
        script.die(trial)
    return trial


def test_a_trial_that_kills_three_workers_on_living_nodes_waits_and_fails_in_the_next_start(
    script, tmp_path, dead
):
    trial = kill_three(script)
    record = script.record(trial)
    assert (record.state, record.cause, record.deaths) == (State.RUNNING, Cause.NONE, 1)
    assert script.asked[script.start()]["number"] == 1
    again = Script(
        tmp_path / "journal",
        retries=Retries(lambda node: node not in dead),
        heartbeats=tmp_path / "heartbeats",
    )
    record = again.record(kill_three(again))
    assert (record.state, record.cause) == (State.FAIL, Cause.WORKER_DIED)


def test_what_the_machine_is_known_to_have_done_is_no_death_of_its_own(script):
    trial = script.start()
    begin(script, trial)
    script.scheduler.errors[trial] = "OSError: [Errno 28] No space left on device"
    script.die(trial)
    assert [event[0] for event in script.heard.events] == ["started", "kept"]
    assert kill_three(script)


def test_what_lost_workers_cost_is_counted_once(script, dead):
    trial = script.start()
    begin(script, trial)
    script.report(trial, 2, 0.3)
    dead.add("one")
    script.die(trial)
    assert script.searcher.usage()["gender"].spent == 2.0
    again = script.start()
    script.finish(again, 3, 0.7, started=50.0)
    assert script.record(trial).device_seconds == 2.0 + 3.0
    assert script.searcher.usage()["gender"].spent == 5.0


def test_the_user_hears_of_it_with_the_time_that_was_lost(script, dead):
    trial = script.start()
    begin(script, trial)
    dead.add("one")
    script.clock.now += 12
    script.die(trial)
    told = [event for event in script.heard.events if event[0] == "lost"]
    assert told == [("lost", "gender", 0, "its worker was lost, begins again after 12 s")]


def test_a_trial_without_a_step_is_ended_and_begins_again_once(script):
    trial = script.start()
    begin(script, trial)
    script.searcher.end_silent()
    script.clock.now += STEP_S + 1
    script.searcher.end_silent()
    assert script.scheduler.silent == {trial}
    script.die(trial)
    assert not script.searcher.stalled
    trial = script.start()
    script.clock.now += START_S + 1
    script.searcher.end_silent()
    script.die(trial)
    assert "gender trial 0 made no first step for 30 minutes twice" in script.searcher.stalled
    assert script.searcher.is_over()
    script.searcher.close()
    assert script.record(trial).state is State.RUNNING


def test_a_trial_that_never_got_a_worker_is_taken_back_by_the_scheduler_without_an_error(script):
    trial = script.start()
    script.clock.now += START_S + 1
    script.searcher.end_silent()
    script.searcher.on_trial_complete(trial)
    assert script.asked[script.start()]["number"] == 0


def test_the_end_of_the_budget_is_told_to_a_trial_that_waits_to_begin_again(tmp_path, dead):
    script = Script(
        tmp_path / "journal",
        budget=Budget(seconds=100),
        retries=Retries(lambda node: node not in dead),
    )
    script.finish(script.start(), 3, 0.5)
    trial = script.start()
    script.clock.now += 101
    script.die(trial)
    script.searcher.close()
    record = script.record(trial)
    assert (record.state, record.cause) == (State.FAIL, Cause.BUDGET)


def test_slots_follow_the_nodes(script):
    assert len(script.fill()) == 2
    script.searcher.follow(3)
    assert len(script.fill()) == 1
    script.searcher.follow(0)
    assert script.fill() == []


def test_without_any_node_the_search_waits_and_is_not_over(script):
    script.searcher.follow(0)
    assert script.suggest() is None
    assert not script.searcher.is_over()


def test_device_time_is_shared_over_the_slots_that_there_were(tmp_path):
    """Two slots for 60 of 100 seconds, then three: an approach of two has 120 device seconds."""
    script = Script(tmp_path / "journal", ("gender", "joint"), budget=Budget(seconds=100))
    trial = script.start()
    script.clock.now += 60
    script.searcher.follow(3)
    script.clock.now += 39
    script.report(trial, 1, 0.5)
    assert script.scheduler.cut == set()
    script.clock.now += 0.9
    script.searcher.follow(3)
    assert script.searcher._share() == pytest.approx((2 * 60 + 3 * 40) / 2)
