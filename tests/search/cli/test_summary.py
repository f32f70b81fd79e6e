"""What the command says before and after a search."""

import io
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from search.analysis.uncertainty.interval import Interval
from search.cli.summary import headrace, print_plan, print_summary
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared, SpaceResult
from search.prepare.resources import plan_resources
from search.store.records import Cause, State
from search.store.run_store import RunStore
from search.tuning.best import default_value
from tests.search.builders.made import made_record, study_config
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import SCALE, tiny_space


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "my results" / "mine")


def said(console: Console) -> str:
    return console.file.getvalue()


def result_of(*records, name="gender", approach="separate", **changes):
    options = {
        "name": name,
        "approach": approach,
        "target": name,
        "records": records,
        "best": records[0],
        "interval": Interval(value=0.5, low=0.25, high=0.75),
    }
    return SpaceResult(**{**options, **changes})


RECORDS = (
    made_record(0, {1: 0.25, 2: 0.5}, device_seconds=60.0, gap=0.25),
    made_record(1, {1: 0.125}, state=State.PRUNED, device_seconds=5.0, gap=0.75),
    made_record(2, {}, state=State.FAIL, cause=Cause.ERROR, error="ValueError: [red] [/x]\nmore"),
    made_record(3, {1: 0.5}, state=State.FAIL, cause=Cause.BUDGET),
    made_record(4, {1: 0.5}, state=State.FAIL, cause=Cause.WORKER_DIED),
    made_record(5, {1: 0.5}, cause=Cause.OUT_OF_MEMORY, objective=0.0),
)


def test_the_plan_says_what_runs_on_what(console, store, people, cache, tmp_path):
    setting = trial_setting(people, cache, tmp_path)
    data = tmp_path / "[red] data"
    run = Prepared(
        config=study_config(str(data)),
        dataset=Dataset(root=data, table=setting.table, split=setting.split, is_demo=False),
        spaces=(tiny_space("gender"), tiny_space("joint")),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources(2, 0, "auto"),
        setting=setting,
    )
    print_plan(console, run, store)
    lines = [line.strip() for line in said(console).splitlines()]
    assert lines == [
        f"run  {store.root}",
        f"data  {data}: 48 photos of 24 people",
        "labels  gender (2) x mask (2) = 4 joint classes",
        "people  14 train, 5 validate, 5 held out of the search",
        "spaces  gender, joint",
        "models  a test; test_resnet; 3 epochs",
        "budget  3 trials per space",
        "devices  2 trials at once, 1 CPU each",
        "",
    ]


def test_the_summary_shows_the_best_beside_the_default(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=False)
    cells = re.sub("[│┃]", "|", said(console))
    row = next(line for line in cells.splitlines() if line.startswith("| gender"))
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "gender",
        "0.5000",
        "0.250 to 0.750",
        "0.5000",
        "#0",
        "1m 09s",
    ]


def test_the_summary_counts_how_trials_ended_and_shows_errors_as_they_are(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=False)
    assert (
        "gender: 6 trials: 1 complete, 1 stopped early, 1 cut off by the budget, "
        "1 out of memory, 2 failed"
    ) in said(console).replace("\n", " ")
    assert "  trial 2 failed: ValueError: [red] [/x]\n" in said(console)
    assert "  trial 4 failed: worker_died\n" in said(console)


def test_the_summary_gives_commands_that_can_be_pasted(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=False)
    root = f"'{store.root}'"
    assert f"headrace replay {root}/best/gender.yaml" in said(console)
    assert f"tensorboard --logdir {root}/tensorboard" in said(console)
    assert f"Best config: {store.root}/best/gender.yaml\n" in said(console)


def test_a_search_without_a_complete_trial_has_no_best(console, store):
    nothing = result_of(RECORDS[2], best=None, interval=None)
    print_summary(console, [nothing], store, interrupted=False)
    assert "Best config" not in said(console)
    assert "No trial of gender finished: the budget was too short; go on with: " in said(console)
    assert "--resume mine" in said(console)
    assert "replay" not in said(console)
    assert default_value(nothing.records) is None


def test_the_command_is_named_by_its_path_where_the_shell_would_not_find_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "headrace").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert headrace() == "bin/headrace"
    monkeypatch.chdir("/")
    assert headrace() == str(tmp_path / "bin" / "headrace").lstrip("/")


def test_a_space_without_trials_says_so(console, store):
    print_summary(
        console,
        [
            SpaceResult(
                name="age", approach="separate", target="age", records=(), best=None, interval=None
            )
        ],
        store,
        interrupted=False,
    )
    assert "age: 0 trials: none finished" in said(console)


def test_device_seconds_of_approaches_stand_side_by_side(console, store):
    joint = result_of(made_record(0, space="joint"), name="joint", approach="joint")
    print_summary(console, [result_of(*RECORDS), joint], store, interrupted=False)
    assert "Device seconds per approach: separate 69.0 s, joint 1.0 s." in said(console)


def test_one_approach_is_not_compared(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=False)
    assert "Device seconds per approach" not in said(console)


def test_the_gap_between_trials_is_a_median(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=False)
    assert "a warm worker waits 0.50 s (median of 2)" in said(console)


def test_an_interruption_says_how_to_go_on(console, store):
    print_summary(console, [result_of(*RECORDS)], store, interrupted=True)
    command = f"{headrace()} run --resume mine --results '{store.root.parent}'"
    assert f"Interrupted. Nothing is lost; go on with: {command}" in said(console)


def test_the_usual_results_folder_needs_no_option(console, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = RunStore.check_new(Path("results"), "mine")
    print_summary(console, [result_of(*RECORDS)], store, interrupted=True)
    assert "--resume mine\n" in said(console)
