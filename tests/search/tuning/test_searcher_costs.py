"""What a trial has cost, however it ended; and a setup in which every trial fails."""

import math

import pytest
from ray.tune.search import Searcher

from tests.search.builders.scripted import Script


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path / "journal")


@pytest.mark.parametrize("cause", ["error", "not_finite", "out_of_memory"])
def test_the_seconds_of_a_broken_epoch_count(script, cause):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.break_off(trial, cause, seconds=7.5)
    assert script.record(trial).seconds == 7.5
    assert script.record(trial).device_seconds == 7.5


def test_the_seconds_of_an_epoch_without_a_finite_value_count(script):
    trial = script.start()
    script.finish(trial, 1, math.nan, seconds=4.5)
    assert script.record(trial).device_seconds == 4.5


def test_the_seconds_before_a_worker_died_count(script):
    trial = script.start()
    script.report(trial, 1, 0.3, seconds=5.0, started=100.0)
    # Ray started the trial again in another process, which counts its own seconds.
    script.report(trial, 2, 0.4, seconds=6.0, started=200.0)
    script.finish(trial, 3, 0.5, seconds=8.0, started=200.0)
    assert script.record(trial).device_seconds == 13.0
    assert script.searcher.usage()["gender"].finished == 13.0


def test_a_part_of_a_device_costs_its_part_of_the_seconds(tmp_path):
    script = Script(tmp_path / "journal", share=0.25)
    trial = script.start()
    script.report(trial, 1, 0.3, seconds=8.0, started=100.0)
    script.finish(trial, 2, 0.5, seconds=4.0, started=200.0)
    assert (script.record(trial).seconds, script.record(trial).device_seconds) == (12.0, 3.0)


def test_failures_are_alike_by_their_kind_and_not_by_their_text(script):
    for number in range(5):
        script.break_off(script.start(), "error", f"a.ConfigError: {number} is no choice")
    assert script.searcher.broken == "a.ConfigError: 4 is no choice"


def test_five_trials_that_fail_alike_and_no_other_stop_the_search(script):
    for _ in range(4):
        script.break_off(script.start(), "error", "ImportError: no module")
        assert script.searcher.broken == ""
    script.break_off(script.start(), "error", "ImportError: no module")
    assert script.searcher.broken == "ImportError: no module"
    assert script.suggest() == Searcher.FINISHED


@pytest.mark.parametrize("other", ["finish", "other_error", "dies"])
def test_one_trial_that_ends_otherwise_keeps_the_search_going(script, other):
    ends = {
        "finish": lambda trial: script.finish(trial, 3, 0.1),
        "other_error": lambda trial: script.break_off(trial, "error", "ValueError: 3"),
        "dies": script.die,
    }
    ends[other](script.start())
    for _ in range(6):
        script.break_off(script.start(), "error", "ImportError: no module")
    assert script.searcher.broken == ""


@pytest.mark.parametrize(("worked", "stops"), [(False, True), (True, False)])
def test_a_resumed_search_stops_where_trials_go_on_to_break_as_all_have(tmp_path, worked, stops):
    path = tmp_path / "journal"
    before = Script(path)
    if worked:
        before.finish(before.start(), 3, 0.5)
    for _ in range(5):
        before.break_off(before.start(), "error", "ValueError: x")
    after = Script(path)
    for number in range(5):
        assert after.searcher.broken == "", number
        after.break_off(after.start(), "error", "ValueError: x")
    assert after.searcher.broken == "ValueError: x" * stops
