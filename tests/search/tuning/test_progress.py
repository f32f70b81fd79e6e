"""What a person sees while a search runs."""

import io
import re

import pytest
from rich.console import Console

from search.console import StepBar
from search.prepare.config import Budget
from search.prepare.timeline import Timeline
from search.store.records import Cause, State
from search.tuning.journal import Asked
from search.tuning.progress import Outlook, SearchProgress
from tests.search.builders.made import made_record


def plain() -> Console:
    return Console(file=io.StringIO(), width=40)


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, height=40)


def screen(console: Console) -> str:
    """Returns the last picture on a terminal, without colours and lines."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return re.sub("[│┃┏┓┳━]+", " ", text[text.rindex("┏") :])


def progress(console: Console, **options) -> SearchProgress:
    options = {"budget": Budget(trials=4), "slots": 2, **options}
    return SearchProgress(console, {"gender": 3, "age": 9}, **options)


def asked(number: int, space: str = "gender") -> Asked:
    return Asked(space=space, number=number, config={}, seed=0)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (made_record(0, {3: 0.5}), "gender trial 0: complete, 0.5000 (best so far)"),
        (
            made_record(1, {1: 0.25}, state=State.PRUNED),
            "gender trial 1: stopped at epoch 1/3, 0.2500",
        ),
        (
            made_record(2, {}, state=State.FAIL, cause=Cause.ERROR, error="ValueError: x\nmore"),
            "gender trial 2: FAILED at epoch 0/3: ValueError: x",
        ),
        (
            made_record(3, {2: 0.5}, state=State.FAIL, cause=Cause.BUDGET),
            "gender trial 3: cut off by the end of the budget at epoch 2/3, 0.5000",
        ),
        (
            made_record(4, {}, state=State.FAIL, cause=Cause.BUDGET),
            "gender trial 4: cut off by the end of the budget at epoch 0/3, no value",
        ),
        (
            made_record(5, {1: 0.5}, state=State.FAIL, cause=Cause.WORKER_DIED),
            "gender trial 5: FAILED at epoch 1/3: worker_died",
        ),
        (
            made_record(6, {}, cause=Cause.OUT_OF_MEMORY, objective=0.0, error="does not fit"),
            "gender trial 6: too large for the memory, at epoch 0/3",
        ),
    ],
)
def test_without_a_terminal_every_trial_that_ends_is_a_line(record, text):
    console = plain()
    with progress(console) as shown:
        shown.trial_started(asked(record.number))
        shown.trial_ended(record)
    begun, line = console.file.getvalue().splitlines()
    assert "workers start" in begun
    assert re.fullmatch(r"\[ +0s(?: of \w+)?\] " + re.escape(text), line)


def test_only_a_better_trial_is_the_best_so_far():
    console = plain()
    with progress(console) as shown:
        for number, value in enumerate((0.5, 0.4, 0.6)):
            shown.trial_ended(made_record(number, {3: value}))
    marked = ["best so far" in line for line in console.file.getvalue().splitlines()[1:]]
    assert marked == [True, False, True]


def test_the_text_of_an_error_is_no_markup():
    console = plain()
    error = "ValueError: must be one of [adamw, sgd], got [/tmp/x] [red]"
    with progress(console) as shown:
        shown.trial_ended(made_record(0, {}, state=State.FAIL, cause=Cause.ERROR, error=error))
    assert error in console.file.getvalue()


def test_a_terminal_shows_a_live_table():
    console = terminal()
    with progress(console) as shown:
        shown.trial_started(asked(0))
        shown.trial_reported("gender", 0, 3, 0.5)
        shown.trial_ended(made_record(0, {3: 0.5}, device_seconds=61.0))
        shown.trial_started(asked(1))
        shown.trial_reported("gender", 1, 2, 0.25)
        shown.trial_ended(made_record(2, {1: 0.1}, state=State.PRUNED))
        shown.trial_started(asked(0, "age"))
    last = screen(console)
    columns = ["space", "done", "stopped", "failed", "running", "best", "device", "time"]
    assert last.split()[:8] == columns
    assert re.search(r"gender +1 +1 +0 +#1 2/3 +0\.5000 \(#0\) +1m 02s", last)
    assert re.search(r"age +0 +0 +0 +#0 0/9 +- +0s", last)
    assert "elapsed" in last
    assert "complete, " not in console.file.getvalue()


def test_a_live_table_says_that_workers_start_until_one_has_begun():
    console = terminal()
    with progress(console) as shown:
        pass
    last = screen(console)
    assert "workers start" in last
    assert "minute" not in last
    console = terminal()
    with progress(console) as shown:
        shown.trial_started(asked(0))
        shown.trial_reported("gender", 0, 1, 0.5)
    assert "workers start" not in screen(console)


def test_a_dumb_terminal_gets_lines():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "dumb"})
    with progress(console) as shown:
        shown.trial_started(asked(0))
        shown.trial_ended(made_record(0, {3: 0.5}))
    StepBar(console, "decoding 3 photos")(1, 3)
    lines = console.file.getvalue().splitlines()
    assert "gender trial 0: complete, 0.5000 (best so far)" in lines[1]
    assert lines[-1] == "decoding 3 photos ..."


def test_an_earlier_start_is_counted():
    console = terminal()
    past = (made_record(0, {3: 0.75}), made_record(1, {1: 0.5}, state=State.RUNNING))
    with progress(console, past=past):
        pass
    assert re.search(r"gender +1 +0 +0 +- +0\.7500 \(#0\)", screen(console))


def test_a_report_of_a_trial_that_has_ended_shows_nothing():
    console = terminal()
    with progress(console) as shown:
        shown.trial_reported("gender", 9, 1, 0.5)
    assert "#9" not in console.file.getvalue()


def test_the_rest_is_estimated_from_the_trials_so_far():
    console = terminal()
    with progress(console) as shown:
        shown.trial_ended(made_record(1, {3: 0.5}, seconds=30.0))
    # Seven of the eight trials are left, 30 s each on two slots.
    assert "about 1m 45s left" in console.file.getvalue()


def test_a_space_whose_trials_are_longer_takes_longer():
    console = terminal()
    with progress(console) as shown:
        shown.trial_ended(made_record(1, {3: 0.5}, seconds=10.0))
        shown.trial_ended(made_record(1, {3: 0.5}, seconds=50.0, space="age"))
    assert "about 1m 30s left" in screen(console)  # (3 x 10 + 3 x 50) / 2


def test_the_default_config_trains_longer_than_the_trials_that_follow_it():
    console = terminal()
    with progress(console) as shown:
        shown.trial_ended(made_record(0, {3: 0.5}, seconds=40.0))
    assert "about 1m 03s left" in screen(console)  # seven trials, 0.45 of it each, two at once
    with progress(console) as shown:
        shown.trial_ended(made_record(0, {3: 0.5}, seconds=40.0))
        shown.trial_ended(made_record(1, {3: 0.5}, seconds=10.0, state=State.PRUNED))
    assert "about 30s left" in screen(console)  # six trials of ten seconds, two at once


def test_the_rest_is_never_more_than_the_time_left():
    console = terminal()
    shown = progress(console, budget=Budget(trials=4, seconds=50))
    shown.seconds_left = lambda: 40.0
    with shown:
        shown.trial_ended(made_record(0, {3: 0.5}, seconds=30.0))
    assert "about 40s left" in console.file.getvalue()


def test_lines_count_from_the_beginning_and_ask_for_the_rest_once_per_trial(
    monkeypatch,
):
    asked_for = []

    def later(ended):
        asked_for.append(len(ended))
        return 300.0

    console = plain()
    outlook = Outlook(later=later, timeline=Timeline(began=100.0))
    monkeypatch.setattr("search.prepare.timeline.time.monotonic", lambda: 130.0)
    shown = progress(console, budget=Budget(seconds=90.0), outlook=outlook)
    shown.seconds_left = lambda: 60.0
    with shown:
        shown.trial_ended(made_record(0, {3: 0.5}))
    lines = console.file.getvalue().splitlines()
    assert [line.partition("]")[0] for line in lines] == ["[    30s of 6m 30s"] * 2
    assert asked_for == [0, 1]


def test_nothing_is_estimated_before_the_first_trial_ends():
    console = terminal()
    with progress(console):
        pass
    assert "left" not in console.file.getvalue()


def test_a_step_is_one_line_without_a_terminal():
    console = plain()
    bar = StepBar(console, "decoding 3 photos")
    for done in range(4):
        bar(done, 3)
    assert console.file.getvalue() == "decoding 3 photos ...\n"


def test_a_step_is_a_bar_on_a_terminal():
    console = terminal()
    bar = StepBar(console, "decoding 3 photos")
    for done in range(4):
        bar(done, 3)
    text = console.file.getvalue()
    assert "decoding 3 photos" in text
    assert "3/3" in text


def test_a_step_with_nothing_to_do_shows_nothing():
    console = terminal()
    StepBar(console, "decoding")
    assert console.file.getvalue() == ""


def test_the_display_says_how_long_the_whole_run_takes():
    console = terminal()
    outlook = Outlook(later=lambda ended: 600.0 * len(ended))
    with progress(console, outlook=outlook, slots=1) as shown:
        shown.trial_started(asked(0))
        shown.trial_reported("gender", 0, 3, 0.5)
        shown.trial_ended(made_record(1, {3: 0.5}, seconds=10.0))
    # seven of eight trials are missing, ten seconds each
    assert "about 11m 10s left, 1m 10s of search" in screen(console)


def test_nothing_is_said_of_the_run_before_anything_is_known():
    console = terminal()
    with progress(console, outlook=Outlook(later=lambda _: None)):
        pass
    assert "left" not in screen(console)


def test_the_best_configs_stand_in_words_and_the_time_of_approaches_in_shares():
    console = terminal()
    outlook = Outlook(num_devices=2.0, approaches={"one": ("gender",), "two": ("age",)})
    shown = progress(console, outlook=outlook, budget=Budget(seconds=100.0))
    shown.seconds_left = lambda: 60.0
    with shown:
        config = {"backbone.name": "resnet18", "optim.lr": 0.00123}
        shown.trial_ended(made_record(0, {3: 0.5}, config=config, device_seconds=25.0))
    last = screen(console)
    assert "best of gender: resnet18, learning rate 0.0012" in last
    assert "device time used: one 25%, two 0%" in last


def test_the_speed_is_counted_from_the_end_of_the_first_epoch(monkeypatch):
    times = iter([30.0, 31.0, 32.0])
    console = terminal()
    shown = progress(console, outlook=Outlook(photos=500))
    monkeypatch.setattr("search.tuning.progress.time.monotonic", lambda: next(times))
    for epoch in (1, 2, 3):
        shown.trial_reported("gender", 0, epoch, 0.5)
    assert shown._speed() == ", 500 photos/s"


def test_the_table_that_stays_promises_nothing_any_more():
    console = terminal()
    shown = progress(console, budget=Budget(seconds=60))
    shown.seconds_left = lambda: 0.0
    with shown:
        shown.trial_ended(made_record(0, {3: 0.5}))
    assert "0s elapsed" in screen(console)
    assert " left" not in screen(console)


def test_many_trials_at_once_take_no_column_its_room():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=40)
    with progress(console, slots=8) as shown:
        for number in range(8):
            shown.trial_started(asked(number))
        shown.trial_ended(made_record(8, {3: 0.5125}))
    line = next(line for line in screen(console).splitlines() if "gender" in line)
    assert line.split()[:5] == ["gender", "1", "0", "0", "8"]
    assert "8 trials" in line
    assert "0.5125 (#8)" in line
