"""The fidelity contract: what the study says of a trial is what happened to it.

Without Ray: the calls are those of Ray's controller, in its order, on a journal on disk.
"""

import math

import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

from search.store.records import Cause, State
from search.tuning.journal import StudyJournal
from spaces.errors import SpaceError
from tests.search.builders.scripted import EPOCHS, Script, result


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path / "journal")


def test_a_trial_that_reaches_its_last_epoch_is_complete_with_its_last_value(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.report(trial, 2, 0.6)
    script.finish(trial, 3, 0.5)
    frozen = script.frozen(trial)
    assert frozen.state is TrialState.COMPLETE
    assert frozen.value == 0.5
    assert frozen.intermediate_values == {1: 0.3, 2: 0.6, 3: 0.5}
    assert script.record(trial).cause is Cause.NONE


def test_a_trial_that_the_scheduler_stops_is_pruned_with_its_true_last_step(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.stop(trial, 2, 0.2)
    frozen = script.frozen(trial)
    assert frozen.state is TrialState.PRUNED
    assert frozen.last_step == 2
    assert frozen.intermediate_values == {1: 0.3, 2: 0.2}
    assert script.record(trial).objective == 0.2


def test_a_trial_stopped_at_its_first_epoch_is_pruned_there(script):
    trial = script.start()
    script.stop(trial, 1, 0.1)
    assert script.frozen(trial).state is TrialState.PRUNED
    assert script.frozen(trial).last_step == 1


def test_a_trial_whose_workers_die_in_two_starts_is_a_failure_that_keeps_its_values(tmp_path):
    before = Script(tmp_path / "journal")
    before.report(before.start(), 1, 0.3)
    before.die("ray1")
    script = Script(tmp_path / "journal")
    trial = script.start()
    script.die(trial)
    record = script.record(trial)
    assert (record.state, record.cause) == (State.FAIL, Cause.WORKER_DIED)
    assert record.values == {1: 0.3}
    assert script.frozen(trial).value is None


def test_a_worker_that_dies_on_a_stopped_trial_does_not_prune_it(script):
    trial = script.start()
    script.scheduler.stopped[trial] = 1
    script.die(trial)
    assert script.record(trial).state is State.RUNNING


def test_an_error_of_the_config_is_a_failure_with_its_text(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.break_off(trial, "error", "ValueError: channels must divide")
    record = script.record(trial)
    assert (record.state, record.cause) == (State.FAIL, Cause.ERROR)
    assert record.error == "ValueError: channels must divide"
    assert record.values == {1: 0.3}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_not_finite_is_a_failure_and_is_not_stored(script, value):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.finish(trial, 2, value)
    record = script.record(trial)
    assert (record.state, record.cause) == (State.FAIL, Cause.NOT_FINITE)
    assert record.values == {1: 0.3}
    assert str(value) in record.error
    assert record.counts


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_in_mid_trial_is_not_stored(script, value):
    trial = script.start()
    script.report(trial, 1, value)
    script.report(trial, 2, 0.4)
    assert script.frozen(trial).intermediate_values == {2: 0.4}


def test_a_loss_that_is_not_finite_is_a_failure(script):
    trial = script.start()
    script.break_off(trial, "not_finite", "the training loss must stay finite")
    assert script.record(trial).cause is Cause.NOT_FINITE
    assert script.frozen(trial).state is TrialState.FAIL


def test_out_of_memory_is_complete_with_the_worst_value_so_that_the_sampler_learns(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.break_off(trial, "out_of_memory", "does not fit")
    frozen = script.frozen(trial)
    assert frozen.state is TrialState.COMPLETE
    assert frozen.value == 0.0
    assert frozen.intermediate_values == {1: 0.3}
    assert script.record(trial).cause is Cause.OUT_OF_MEMORY


@pytest.mark.parametrize("end", ["finish", "stop"])
def test_a_late_report_changes_nothing(script, end):
    trial = script.start()
    getattr(script, end)(trial, 3, 0.5)
    before = script.frozen(trial)
    script.report(trial, 4, 0.9, seconds=99.0)
    script.report(trial, 3, 0.9)
    assert script.frozen(trial) == before


def test_a_report_of_a_trial_that_nobody_started_changes_nothing(script):
    script.report("stranger", 1, 0.9)
    script.finish("stranger", 2, 0.9)
    assert script.records() == ()


@pytest.mark.parametrize("again", ["finish", "stop", "die"])
def test_a_second_completion_changes_nothing(script, again):
    trial = script.start()
    script.finish(trial, 3, 0.5)
    before, heard = script.frozen(trial), list(script.heard.events)
    calls = {
        "finish": lambda: script.finish(trial, 3, 0.9),
        "stop": lambda: script.stop(trial, 2, 0.9),
        "die": lambda: script.die(trial),
    }
    calls[again]()
    assert script.frozen(trial) == before
    assert script.heard.events == heard
    assert script.searcher.usage()["gender"].num_finished == 1


def test_an_epoch_that_comes_twice_keeps_its_first_value(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.report(trial, 1, 0.9)
    script.report(trial, 2, 0.4)
    assert script.frozen(trial).intermediate_values == {1: 0.3, 2: 0.4}


def test_a_trial_cut_off_by_its_share_fails_with_cause_budget_and_keeps_its_values(script):
    script.finish(script.start(), 3, 0.5)
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.scheduler.cut.add(trial)
    script.searcher.on_trial_complete(trial, result(2, 0.4))
    record = script.record(trial)
    assert (record.state, record.cause) == (State.FAIL, Cause.BUDGET)
    assert record.values == {1: 0.3, 2: 0.4}
    assert not record.counts


def test_the_end_of_the_run_cuts_running_trials_off(script):
    script.finish(script.start(), 3, 0.5)
    first, second = script.start(), script.start()
    script.report(first, 1, 0.3)
    script.searcher.close()
    for trial, values in ((first, {1: 0.3}), (second, {})):
        record = script.record(trial)
        assert (record.state, record.cause) == (State.FAIL, Cause.BUDGET)
        assert record.values == values


@pytest.fixture
def broken():
    """Numbers of the trials for which the user's own code fails, as in a corner of its space."""
    return set()


@pytest.fixture
def rarely_broken(broken):
    def suggest(trial, schema, scale):
        trial.suggest_float("optim.lr", 0.001, 0.1)
        if trial.number in broken:
            raise ZeroDivisionError("a corner")

    return suggest


def test_a_draw_for_which_the_space_fails_is_a_broken_trial_and_the_search_goes_on(
    tmp_path, rarely_broken, broken
):
    script = Script(tmp_path / "journal", suggest=rarely_broken)
    broken.update((2, 3))
    for _ in range(2):
        script.finish(script.start(), 3, 0.5)
    assert script.asked[script.start()]["number"] == 4
    assert script.searcher._counted["gender"] == 4  # as a resumed search counts them
    for record in script.records()[2:4]:
        assert (record.state, record.cause) == (State.FAIL, Cause.ERROR)
        assert "suggest() of space 'gender' fails: ZeroDivisionError: a corner" in record.error


def test_a_draw_that_was_cut_off_and_fails_does_not_end_the_next_start(
    tmp_path, monkeypatch, rarely_broken, broken
):
    before = Script(tmp_path / "journal", suggest=rarely_broken)
    for _ in range(2):
        before.finish(before.start(), 3, 0.5)
    broken.add(2)
    with monkeypatch.context() as patch:
        patch.setattr(StudyJournal, "_fail_draw", stop)
        with pytest.raises(KeyboardInterrupt):
            before.start()
    broken.clear()
    reattach = StudyJournal.reattach

    def in_the_corner(journal):
        broken.add(2)
        return reattach(journal)

    monkeypatch.setattr(StudyJournal, "reattach", in_the_corner)
    after = Script(tmp_path / "journal", suggest=rarely_broken)
    assert after.records()[2].state is State.FAIL
    assert after.asked[after.start()]["number"] == 3


def test_a_space_that_fails_for_every_draw_ends_the_search_with_what_it_says(
    tmp_path, rarely_broken, broken
):
    script = Script(tmp_path / "journal", suggest=rarely_broken)
    broken.update(range(100))
    with pytest.raises(SpaceError, match="ZeroDivisionError: a corner"):
        script.start()


def stop(*given):
    raise KeyboardInterrupt


@pytest.mark.parametrize("by", ["the end of the run", "its share"])
def test_a_default_config_that_is_cut_off_goes_on_when_there_is_more_time(tmp_path, by):
    """All others are judged by it, and no other trial could take its place."""
    before = Script(tmp_path / "journal")
    trial = before.start()
    before.report(trial, 1, 0.3)
    if by == "its share":
        before.scheduler.cut.add(trial)
        before.searcher.on_trial_complete(trial, result(1, 0.3))
    before.searcher.close()
    record = before.record(trial)
    assert (record.state, record.cause, record.counts) == (State.RUNNING, Cause.BUDGET, False)
    after = Script(tmp_path / "journal")
    again = after.start()
    assert after.asked[again]["number"] == record.number == 0
    after.finish(again, 3, 0.6)
    record = after.record(again)
    assert (record.state, record.cause, record.objective) == (State.COMPLETE, Cause.NONE, 0.6)
    assert record.values == {1: 0.3, 3: 0.6}


def test_an_interrupted_run_leaves_its_trials_running(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.searcher.interrupted = True
    assert script.suggest() == Searcher.FINISHED
    script.searcher.close()
    assert script.frozen(trial).state is TrialState.RUNNING
    assert script.record(trial).values == {1: 0.3}


def test_a_trial_that_is_removed_before_it_ran_is_cut_off(script):
    trial = script.start()
    script.searcher.on_trial_complete(trial)
    assert script.record(trial).cause is Cause.BUDGET


def test_the_gap_before_a_trial_is_stored(script):
    trial = script.start()
    script.report(trial, 1, 0.3, gap=0.125)
    assert script.record(trial).gap == 0.125


def test_listeners_hear_every_event_once(script):
    trial = script.start()
    script.report(trial, 1, 0.3)
    script.report(trial, 2, math.nan)
    script.finish(trial, 3, 0.5)
    assert script.heard.events == [
        ("started", "gender", 0),
        ("reported", "gender", 0, 1, 0.3),
        ("reported", "gender", 0, 3, 0.5),
        ("ended", "gender", 0, State.COMPLETE),
    ]


def test_trial_0_is_the_default_config_and_the_portfolio_follows(script):
    first, second = script.start(), script.start()
    assert script.asked[first]["config"]["optim.lr"] == 0.01
    assert script.asked[second]["config"]["optim.lr"] == 0.05
    assert script.asked[first]["config"]["schedule.epochs"] == EPOCHS
    assert script.asked[first]["seed"] != script.asked[second]["seed"]


def test_the_searcher_needs_no_ray_to_save_or_restore(script, tmp_path):
    script.searcher.save(str(tmp_path / "state"))
    script.searcher.restore(str(tmp_path / "state"))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("told", ["bf16", "float32"])
def test_the_precision_that_a_worker_chose_is_a_part_of_the_record_and_of_what_goes_on(
    tmp_path, told
):
    before = Script(tmp_path / "journal")
    trial = before.start()
    assert "numerics.precision" not in before.asked[trial]["config"]
    before.report(trial, 1, 0.3, precision=told)
    assert before.record(trial).config["numerics.precision"] == told
    after = Script(tmp_path / "journal")
    again = after.start()
    assert after.asked[again]["config"]["numerics.precision"] == told


def test_the_precision_of_a_trial_is_noted_once_and_a_gap_of_nothing_too(script, monkeypatch):
    noted = []
    real = StudyJournal.note

    def note(self, number, **attributes):
        noted.extend(name for name in attributes if name in ("gap", "precision"))
        real(self, number, **attributes)

    monkeypatch.setattr(StudyJournal, "note", note)
    trial = script.start()
    script.report(trial, 1, 0.3, precision="bf16", gap=0.0)
    script.report(trial, 2, 0.4, precision="bf16")
    script.finish(trial, 3, 0.5)
    assert noted == ["gap", "precision"]
    assert script.record(trial).gap == 0.0
