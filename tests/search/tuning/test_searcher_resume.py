"""A driver that dies and comes back: no finished trial lost or repeated, none run twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher

from search.prepare.config import Budget
from search.store.records import Cause, State, TrialRecord
from tests.search.builders.scripted import Script, on_disk, open_journal, suggest_nothing


def numbers(script: Script) -> list[int]:
    return [asked["number"] for asked in script.asked.values()]


def test_a_running_trial_is_attached_again_with_its_number_config_and_seed(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    done, running = before.start(), before.start()
    before.finish(done, 3, 0.5)
    before.report(running, 1, 0.3)
    after = Script(path)
    again = after.start()
    assert after.asked[again] == before.asked[running]
    after.report(again, 1, 0.3)
    after.finish(again, 3, 0.6)
    frozen = after.frozen(again)
    assert frozen.number == 1
    assert frozen.state is TrialState.COMPLETE
    assert frozen.intermediate_values == {1: 0.3, 3: 0.6}


def test_every_running_trial_is_attached_before_a_new_one_is_asked(tmp_path):
    path = tmp_path / "journal"
    before = Script(path, ("gender", "joint"), slots=3)
    for _ in range(3):
        before.start()
    after = Script(path, ("gender", "joint"), slots=4)
    trials = [after.start() for _ in range(4)]
    running = [(a["space"], a["number"]) for a in before.asked.values()]
    assert sorted((after.asked[t]["space"], after.asked[t]["number"]) for t in trials[:3]) == (
        sorted(running)
    )
    assert len(after.records("gender")) + len(after.records("joint")) == 4


def test_a_resumed_run_has_the_same_number_of_trials_in_the_end(tmp_path):
    path, budget = tmp_path / "journal", Budget(trials=5)
    before = Script(path, budget=budget)
    before.finish(before.start(), 3, 0.5)
    before.stop(before.start(), 1, 0.1)
    before.break_off(before.start(), "error", "ValueError: x")
    before.start()
    after = Script(path, budget=budget, slots=1)
    for _ in range(2):
        after.finish(after.start(), 3, 0.4)
    assert after.suggest() == Searcher.FINISHED
    assert numbers(after) == [3, 4]
    assert [record.state for record in after.records()] == [
        State.COMPLETE,
        State.PRUNED,
        State.FAIL,
        State.COMPLETE,
        State.COMPLETE,
    ]


def test_finished_trials_stay_as_they_were(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    before.finish(before.start(), 3, 0.5)
    before.stop(before.start(), 2, 0.1)
    stored = on_disk(path, before.journals["gender"].name)
    after = Script(path)
    after.start()
    assert on_disk(path, before.journals["gender"].name)[:2] == stored


def test_the_default_config_and_the_portfolio_are_not_enqueued_twice(tmp_path):
    path = tmp_path / "journal"
    Script(path)
    before = Script(path)
    before.finish(before.start(), 3, 0.5)
    for _ in range(3):
        after = Script(path, slots=1)
    study = after.journals["gender"].name
    states = [trial.state for trial in on_disk(path, study)]
    assert states == [TrialState.COMPLETE, TrialState.WAITING]
    assert after.asked[after.start()]["config"]["optim.lr"] == 0.05


def test_a_resumed_study_does_not_draw_the_configs_of_its_first_start_again(tmp_path):
    path = tmp_path / "journal"
    before = Script(path, slots=1)
    for _ in range(5):
        before.finish(before.start(), 3, 0.5)
    after = Script(path, slots=1)
    for _ in range(5):
        after.finish(after.start(), 3, 0.5)
    rates = [record.config["optim.lr"] for record in after.records()]
    assert len(set(rates)) == 10


def test_the_time_used_before_is_subtracted(tmp_path):
    path, budget = tmp_path / "journal", Budget(seconds=100)
    before = Script(path, budget=budget, slots=2)
    first, second = before.start(), before.start()
    before.finish(first, 3, 0.5, seconds=30.0)
    before.report(second, 1, 0.5, seconds=10.0)
    after = Script(path, budget=budget, slots=2)
    # As on one machine one after another: by the journal's clock they began when the first ended.
    assert after.searcher.seconds_left() == pytest.approx(60, abs=5)
    after.clock.now += 65
    assert after.searcher.is_over()


def test_the_time_before_counts_for_the_share_of_its_approach(tmp_path):
    path, budget = tmp_path / "journal", Budget(seconds=200)
    before = Script(path, ("gender", "joint"), budget=budget, slots=1)
    before.finish(before.start(), 3, 0.5, seconds=99.0)
    after = Script(path, ("gender", "joint"), budget=budget, slots=1)
    assert after.asked[after.start()]["space"] == "joint"


def test_the_device_seconds_of_a_trial_go_on_from_its_earlier_start(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    before.report(before.start(), 1, 0.3, seconds=8.0)
    after = Script(path)
    again = after.start()
    after.finish(again, 3, 0.6, seconds=5.0, started=2000.0)
    assert after.record(again).device_seconds == 13.0
    assert after.record(again).seconds == 13.0


def test_an_epoch_reported_again_after_the_resume_keeps_its_first_value(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    before.report(before.start(), 1, 0.3)
    after = Script(path)
    again = after.start()
    after.report(again, 1, 0.9)
    assert after.record(again).values == {1: 0.3}


def test_a_trial_whose_asking_was_cut_off_is_asked_to_its_end(tmp_path):
    path = tmp_path / "journal"
    first = Script(path)
    # The driver died between Optuna's ask and ours: trial 0 runs, and nobody knows its config.
    first.journals["gender"]._study.ask()
    after = Script(path, slots=1)
    trial = after.start()
    assert after.asked[trial]["number"] == 0
    assert after.asked[trial]["config"]["optim.lr"] == 0.01
    after.finish(trial, 3, 0.5)
    assert after.record(trial).seed == after.asked[trial]["seed"]
    assert numbers(after) == [0]


def test_a_trial_whose_drawing_was_cut_off_keeps_what_was_drawn(tmp_path):
    path = tmp_path / "journal"
    first = Script(path, slots=1)
    for _ in range(2):
        first.finish(first.start(), 3, 0.5)
    drawn = first.journals["gender"]._study.ask().suggest_float("optim.lr", 1e-4, 1e-1, log=True)
    after = Script(path, slots=1)
    trial = after.start()
    assert after.asked[trial]["number"] == 2
    assert after.asked[trial]["config"]["optim.lr"] == drawn


def test_a_run_that_ends_before_a_running_trial_gets_a_slot_cuts_it_off(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    before.finish(before.start(), 3, 0.5)
    before.report(before.start(), 1, 0.3)
    after = Script(path)
    after.searcher.close()
    record = after.records()[1]
    assert (record.state, record.cause, record.values) == (State.FAIL, Cause.BUDGET, {1: 0.3})


def test_an_interruption_before_a_running_trial_gets_a_slot_leaves_it_running(tmp_path):
    path = tmp_path / "journal"
    before = Script(path)
    before.report(before.start(), 1, 0.3)
    after = Script(path)
    after.searcher.interrupted = True
    after.searcher.close()
    assert after.records()[0].state is State.RUNNING


def test_another_data_set_is_another_study(tmp_path):
    script = Script(tmp_path / "journal")
    script.finish(script.start(), 3, 0.5)
    storage = script.journals["gender"]._study._storage
    other = open_journal(storage, "gender", data="fedcba9876543210")
    assert other.records() == ()
    assert other.name != script.journals["gender"].name


ENDS: dict[str, Callable[[Script, str], None]] = {
    "finish": lambda script, trial: script.finish(trial, 3, 0.5),
    "stop": lambda script, trial: script.stop(trial, 2, 0.1),
    "error": lambda script, trial: script.break_off(trial, "error", f"ValueError: {trial}"),
    "die": lambda script, trial: script.die(trial),
}


@settings(max_examples=25)
@given(st.lists(st.lists(st.sampled_from(sorted(ENDS)), max_size=2), max_size=8))
def test_any_number_of_deaths_of_the_driver_loses_and_repeats_no_trial(starts):
    storage, budget = InMemoryStorage(), Budget(trials=6)

    def restart() -> Script:
        return Script(Path(), budget=budget, slots=2, storage=storage, suggest=suggest_nothing)

    finished: dict[int, TrialRecord] = {}
    for ends in starts:
        script = restart()
        for trial, end in zip(script.fill(), ends, strict=False):
            script.report(trial, 1, 0.3)
            ENDS[end](script, trial)
        script.fill()
        now = {r.number: r for r in script.records() if r.is_finished}
        assert finished.items() <= now.items()
        finished = now
    last = restart()
    while trials := last.fill():
        for trial in trials:
            last.finish(trial, 3, 0.5)
    records = {record.number: record for record in last.records()}
    assert sorted(records) == list(range(6))
    assert all(record.is_finished for record in records.values())
    assert finished.items() <= records.items()
