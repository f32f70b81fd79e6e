"""What the machine did to a trial is not held against its config: the trial stays to be run."""

from pathlib import Path

import pytest
from ray.tune.search import Searcher

from search.ending import faults
from search.ending.faults import Fault
from search.prepare.config import Budget
from search.store.heartbeat import Heartbeat
from search.store.records import Cause, State
from tests.search.builders.scripted import Script

FULL = {"fault": Fault.DISK_FULL.value, "error": "OSError: [Errno 28] No space left on device"}


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path / "journal")


def fault(script, trial, what=FULL):
    costs = {"started": 1.0, "seconds": 2.0, "done": True}
    script.searcher.on_trial_complete(trial, {**what, **costs})


def test_a_trial_that_meets_a_fault_is_tried_again_at_once(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    fault(script, trial)
    record = script.record(trial)
    assert (record.state, record.cause, record.error) == (State.RUNNING, Cause.NONE, "")
    again = script.start()
    assert script.asked[again] == script.asked[trial]
    script.finish(again, 3, 0.5, started=9.0)
    record = script.record(again)
    assert record.state is State.COMPLETE
    assert record.values == {1: 0.3, 3: 0.5}
    assert record.device_seconds == 2.0 + 3.0
    assert ("kept", "gender", 0, Fault.DISK_FULL) in script.heard.events


def test_three_faults_and_no_trial_that_ends_well_end_the_search_and_lose_nothing(script):
    first, second = script.start(), script.start()
    fault(script, first)
    fault(script, second)
    assert script.searcher.fault is None
    fault(script, script.start())
    assert script.searcher.fault.kind is Fault.DISK_FULL
    assert "[Errno 28]" in str(script.searcher.fault)
    assert script.suggest() == Searcher.FINISHED
    script.searcher.close()
    assert {record.state for record in script.records()} == {State.RUNNING}
    assert script.searcher.broken == ""


def test_trials_that_end_well_show_that_the_machine_works_again(script):
    for _ in range(4):
        fault(script, script.start())
        again, other = script.start(), script.start()
        script.finish(again, 3, 0.5)
        script.finish(other, 3, 0.5)
    assert script.searcher.fault is None


def test_a_fault_that_one_trial_meets_again_and_again_ends_the_search(script):
    missing = {"fault": Fault.PACKAGE.value, "error": "ModuleNotFoundError: No module 'x'"}
    for _ in range(3):
        assert script.searcher.fault is None
        trial = script.start()
        script.finish(script.start(), 3, 0.5)
        fault(script, trial, missing)
    assert script.searcher.fault.kind is Fault.PACKAGE


def test_a_fault_does_not_use_up_a_trial(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=2), slots=1)
    fault(script, script.start())
    for _ in range(2):
        script.finish(script.start(), 3, 0.5)
    assert script.suggest() == Searcher.FINISHED
    assert [record.state for record in script.records()] == [State.COMPLETE] * 2


def test_a_trial_whose_workers_died_waits_for_the_next_start(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=2), slots=1)
    dead = script.start()
    script.report(dead, 1, 0.3)
    script.die(dead)
    other = script.start()
    assert script.asked[other]["number"] == 1
    script.finish(other, 3, 0.5)
    assert script.suggest() == Searcher.FINISHED
    script.searcher.close()
    assert script.record(dead).state is State.RUNNING
    again = Script(tmp_path / "journal", budget=Budget(trials=2), slots=1)
    assert again.asked[again.start()]["number"] == 0
    again.finish("ray1", 3, 0.9)
    record = again.record("ray1")
    assert (record.state, record.cause, record.objective) == (State.COMPLETE, Cause.NONE, 0.9)


def test_workers_that_die_on_three_trials_end_the_search(script):
    for _ in range(3):
        assert script.searcher.fault is None
        script.die(script.start())
    assert script.searcher.fault.kind is Fault.WORKER


def test_a_worker_that_the_system_killed_for_lack_of_memory_is_no_failure(tmp_path, monkeypatch):
    kills = iter([7, 8])
    monkeypatch.setattr(faults, "memory_kills", lambda: next(kills))
    script = Script(tmp_path / "journal")
    script.die(script.start())
    assert script.heard.events[-1] == ("kept", "gender", 0, Fault.MEMORY)
    assert script.asked[script.start()]["number"] == 0


def test_trials_that_are_given_up_hide_no_fault_of_all_that_follow(tmp_path):
    """Whatever kills all workers does so in every start, and must not eat the budget."""
    for known in (0, 3):
        script = Script(tmp_path / "journal", slots=1)
        for _ in range(known + 3):
            assert script.searcher.fault is None
            script.die(script.start())
        assert script.searcher.fault.kind is Fault.WORKER
    records = script.records()
    assert [r.cause for r in records[:3]] == [Cause.WORKER_DIED] * 3
    assert [(r.state, r.deaths) for r in records[3:]] == [(State.RUNNING, 1)] * 3


MEMORY = {"fault": Fault.MEMORY.value, "error": "MemoryError: Cannot allocate memory"}


def test_a_trial_that_no_memory_is_enough_for_is_given_up_by_the_next_start(tmp_path):
    """Else every start would end with it."""
    script = Script(tmp_path / "journal", slots=1)
    for _ in range(3):
        assert script.searcher.fault is None
        fault(script, script.start(), MEMORY)
    assert script.searcher.fault.kind is Fault.MEMORY
    again = Script(tmp_path / "journal", slots=1)
    for _ in range(3):
        trial = again.start()
        assert again.asked[trial]["number"] == 0
        fault(again, trial, MEMORY)
    assert again.searcher.fault is None
    record = again.record(trial)
    assert (record.state, record.cause) == (State.COMPLETE, Cause.OUT_OF_MEMORY)
    assert "Cannot allocate memory" in record.error
    assert again.asked[again.start()]["number"] == 1


def test_a_fault_on_one_of_several_machines_names_it(tmp_path):
    hosts = {"n1": "gpu-17"}.get
    script = Script(tmp_path / "journal", heartbeats=tmp_path / "beats", host=hosts)
    trial = script.start()
    Heartbeat("n1").begin(Path(script.asked[trial]["heartbeat"]))
    fault(script, trial)
    assert script.heard.faults[-1].detail.endswith("No space left on device, on gpu-17")


def on_node(script, node="n1"):
    """Starts a trial on a node."""
    trial = script.start()
    Heartbeat(node).begin(Path(script.asked[trial]["heartbeat"]))
    return trial


@pytest.fixture
def left():
    return []


@pytest.fixture
def cluster(tmp_path, left):
    """A search on nodes, each of which may be left alone."""

    def leave(node):
        left.append(node)
        return True

    return Script(tmp_path / "journal", heartbeats=tmp_path / "beats", leave=leave)


def test_a_node_that_fails_twice_is_left_alone_and_ends_no_search(cluster, left):
    for _ in range(5):  # the last ones had been handed out to it before
        fault(cluster, on_node(cluster))
    assert left == ["n1"] * 4
    assert cluster.searcher.fault is None
    told = ["others do what is left" in each.detail for each in cluster.heard.faults]
    assert told == [False, True, True, True, True]
    cluster.finish(on_node(cluster, "n2"), 3, 0.5)
    assert cluster.records()[0].state is State.COMPLETE


def test_a_node_where_trials_end_well_in_between_stays(cluster, left):
    for _ in range(4):
        fault(cluster, on_node(cluster))
        cluster.finish(on_node(cluster), 3, 0.5)
    assert left == []


@pytest.mark.parametrize("kind", [Fault.MEMORY, Fault.WORKER])
def test_what_a_trial_may_be_behind_costs_no_node_after_the_other(cluster, left, kind):
    for number in range(3):
        what = {"fault": kind.value, "error": "killed"}
        fault(cluster, on_node(cluster, f"n{number % 2}"), what)
    assert left == []


def test_a_worker_that_lacks_the_package_says_so(script):
    trial = script.start()
    script.scheduler.errors[trial] = (
        "The actor died because of an error raised in its creation task\n"
        "ModuleNotFoundError: No module named 'search.tuning'; 'search' is not a package\n"
        "(The actor failed to import on the worker.)"
    )
    script.die(trial)
    for _ in range(2):
        again = script.start()
        script.scheduler.errors[again] = script.scheduler.errors[trial]
        script.die(again)
    assert str(script.searcher.fault) == (
        "a package cannot be imported (ModuleNotFoundError: No module named 'search.tuning'; "
        "'search' is not a package); install headrace with all it needs on every node, and move "
        "files away that bear the name of a package"
    )


@pytest.mark.parametrize("call", ["suggest", "report", "finish"])
def test_a_journal_that_cannot_be_written_ends_the_search(script, monkeypatch, call):
    trial = script.start()
    journal = script.journals["gender"]

    def full(*given, **options):
        raise OSError(28, "No space left on device", "optuna.journal")

    for name in ("ask", "note"):
        monkeypatch.setattr(journal, name, full)
    if call == "suggest":
        assert script.suggest() == Searcher.FINISHED
    else:
        getattr(script, call)(trial, 1, 0.5)
    assert script.searcher.is_over()
    assert script.searcher.fault.kind is Fault.DISK_FULL
