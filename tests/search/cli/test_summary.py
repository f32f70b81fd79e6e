"""What the command says before and after a search."""

import io
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from search.analysis.uncertainty.interval import Interval
from search.cli.options import build_parser
from search.cli.summary import print_commands, print_plan, print_search_end, print_summary
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.prepare.space_result import SecondScores, SpaceResult
from search.store.commands import headrace
from search.store.records import Cause, State, default_value
from search.store.run_store import RunStore
from tests.search.builders.made import made_config, made_record
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import SCALE, tiny_space


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "my results" / "mine")


@pytest.fixture
def run(store, people, cache, tmp_path):
    setting = trial_setting(people, cache, tmp_path)
    data = tmp_path / "[red] data"
    return Prepared(
        config=made_config(str(data)),
        dataset=Dataset(root=data, table=setting.table, split=setting.split, is_demo=False),
        spaces=(tiny_space("gender"),),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources([Node(cpus=2)], "auto"),
        store=store,
        stored_size=setting.stored_size,
        cache_dir=cache,
    )


def with_joint(run):
    joint = tiny_space("joint", attributes=run.schema.names)
    return replace(run, spaces=(*run.spaces, joint))


def said(console: Console) -> str:
    return console.file.getvalue()


def test_the_plan_says_what_was_read_otherwise(console, run):
    print_plan(console, replace(run, readings=("manifest.csv read as UTF-16",)), ("mind this",))
    assert "    read  manifest.csv read as UTF-16\n    note  mind this\n" in said(console)


def result_of(*records, name="gender", **changes):
    options = {
        "name": name,
        "records": records,
        "best": records[0] if records else None,
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


def test_the_plan_says_what_runs_on_what(console, run):
    print_plan(console, with_joint(run))
    lines = [line.strip() for line in said(console).splitlines()]
    assert lines == [
        f"run  {run.store.root}",
        f"data  {run.dataset.root}: 48 photos of 24 people",
        "labels  gender (2) x mask (2) = 4 joint classes",
        "people  14 train, 5 validate, 5 held out of the search",
        "spaces  gender, joint",
        "models  a test; test_resnet; 3 epochs",
        "budget  3 trials per space",
        "devices  2 trials at once, 1 CPU each",
        "",
    ]


def test_the_summary_shows_the_best_beside_the_default(console, run):
    print_summary(console, run, [result_of(*RECORDS)], interrupted=False)
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


def test_the_summary_counts_how_trials_ended_and_shows_errors_as_they_are(console, run):
    print_summary(console, run, [result_of(*RECORDS)], interrupted=False)
    assert (
        "gender: 6 trials: 1 complete, 1 stopped early, 1 cut off by the budget, "
        "1 out of memory, 2 failed"
    ) in said(console).replace("\n", " ")
    assert "  gender trial 2 failed: ValueError: [red] [/x]\n" in said(console)
    assert "  gender trial 4 failed: worker_died\n" in said(console)


def test_the_summary_gives_commands_that_can_be_pasted(console, run):
    print_summary(console, run, [result_of(*RECORDS)], interrupted=False)
    best = shlex.quote(str(run.store.best_path("gender")))
    assert f"headrace replay {best}" in said(console)
    assert f"tensorboard --logdir '{run.store.root}'/tensorboard" in said(console)
    assert f"Chosen config: {run.store.root}/best/gender.yaml\n" in said(console)


def test_a_lead_that_may_be_luck_is_told_and_one_that_was_taken_is_not(console, run):
    default, lucky = made_record(0, {1: 0.5}), made_record(1, {1: 0.625})
    print_summary(console, run, [result_of(default, lucky, best=default)], interrupted=False)
    told = "gender: trial 1 scored 0.6250, but its lead over the default config may be the luck of"
    assert told in " ".join(said(console).split())
    console.file.truncate(0)
    print_summary(console, run, [result_of(default, lucky, best=lucky)], interrupted=False)
    assert "the luck of" not in said(console)
    sure = made_record(2, {1: 0.5625})
    print_summary(console, run, [result_of(default, lucky, sure, best=sure)], interrupted=False)
    assert "trial 1 scored 0.6250, but the chosen one leads the default" in said(console)


def test_the_scores_of_a_second_fold_stand_beside_each_other(console, run):
    default, chosen = made_record(0, {1: 0.5}), made_record(1, {1: 0.625})
    scores = SecondScores(value=0.5625, default_config=0.53125, people=12)
    result = replace(result_of(default, chosen, best=chosen), second=scores)
    print_summary(console, run, [result], interrupted=False)
    told = "trained again where 12 other people validate: 0.5625, the default config 0.5312"
    assert f"gender: {told}" in " ".join(said(console).split())
    console.file.truncate(0)
    print_summary(console, run, [replace(result, best=default)], interrupted=False)
    assert "trained again" not in said(console)


def test_a_default_config_that_stopped_early_stands_beside_no_full_training(console, run):
    stopped = made_record(0, {1: 0.25, 2: 0.375}, state=State.FAIL, cause=Cause.BUDGET)
    chosen = made_record(1, {3: 0.625})
    print_summary(console, run, [result_of(stopped, chosen, best=chosen)], interrupted=False)
    assert "gender: the default config stopped at epoch 2, 0.3750" in said(console)
    (row,) = [line for line in said(console).splitlines() if line.startswith("│ gender")]
    assert "0.3750" not in row


def test_brackets_in_a_name_are_no_markup(console, run):
    print_summary(console, run, [result_of(*RECORDS, name="fit [wide]")], interrupted=False)
    assert "│ fit [wide] │" in said(console)


def test_the_best_config_stands_in_words(console, run):
    config = {"backbone.name": "resnet18", "input.size": 96, "optim.lr": 0.00123}
    print_summary(console, run, [result_of(made_record(0, config=config))], interrupted=False)
    assert "  gender: resnet18, 96 px, learning rate 0.0012\n" in said(console)


def test_files_of_odd_names_are_called_by_what_they_are_called(console, run):
    print_summary(console, run, [result_of(*RECORDS, name="=a/b")], interrupted=False)
    path = run.store.best_path("=a/b")
    assert path.parent == run.store.root / "best"
    assert f"headrace replay '{path}'" in said(console)
    assert f"Chosen config: {path}\n" in said(console)


def test_between_two_stages_nothing_is_said_of_what_comes_after_the_run(console, run):
    nothing = result_of(RECORDS[3], best=None, interval=None)
    mask = result_of(RECORDS[0], name="mask")
    print_search_end(console, [nothing, mask])
    text = said(console)
    assert "2 trials: 1 complete, 1 cut off by the budget" in text
    assert "No trial finished of: gender. The default config stands in." in text
    for word in ("go on with", "--resume", "What to do next", "tensorboard", "replay"):
        assert word not in text


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Stands in for the folder of installed programs, which is not on the path."""
    folder = tmp_path / "some venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    (folder / "headrace").touch()
    (folder / "tensorboard").touch()
    return folder


def hints_of(console, first=1):
    """Returns the words of every command that is said, after the first lines."""
    words = [shlex.split(line, comments=True) for line in said(console).splitlines()[first:]]
    return [each for each in words if each]


def test_every_hint_is_a_command_of_a_program_that_is_installed(console, store, programs):
    print_commands(console, store, [result_of(*RECORDS)])
    hints = hints_of(console, 2)
    assert [Path(words[0]) for words in hints] == [programs / "headrace", programs / "tensorboard"]
    (programs / "optuna-dashboard").touch()
    print_commands(console, store, [])
    words = shlex.split(said(console).splitlines()[-1], comments=True)
    assert words == [str(programs / "optuna-dashboard"), str(store.root / "optuna.journal")]


@pytest.mark.usefixtures("programs")
def test_a_run_with_an_ensemble_says_how_to_use_it(console, store):
    (store.root / "ensemble").mkdir(parents=True)
    (store.root / "ensemble" / "ensemble.yaml").touch()
    print_commands(console, store, [result_of(*RECORDS)])
    lines = hints_of(console)
    assert [line[1] for line in lines] == ["predict", "export", "report", "--logdir"]
    for line in lines[:3]:
        assert line[2:5] == ["mine", "--results", str(store.root.parent)]
        build_parser().parse_args(line[1:])
    assert "Chosen config" not in said(console)


def test_a_search_without_a_complete_trial_has_no_best(console, run):
    nothing = result_of(RECORDS[3], best=None, interval=None)
    print_summary(console, run, [nothing], interrupted=False)
    assert "Chosen config" not in said(console)
    assert "No trial of gender finished: the budget was too short; go on with: " in said(console)
    assert "--resume mine" in said(console)
    assert "replay" not in said(console)
    assert default_value(nothing.records) is None


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (RECORDS[2:5], "2 of 3 broke"),
        ((RECORDS[5],), "1 of 1 broke"),
        ((made_record(0, {}, state=State.RUNNING, deaths=1),), "their workers died"),
    ],
)
def test_the_budget_is_too_short_only_where_nothing_else_ended_the_trials(
    console, run, records, reason
):
    print_summary(console, run, [result_of(*records, best=None, interval=None)], interrupted=False)
    assert f"No trial of gender finished: {reason}; see to the cause, then go on with: " in said(
        console
    )
    assert "too short" not in said(console)


def test_a_space_that_got_no_trial_lacked_the_time(console, run):
    print_summary(console, run, [result_of(best=None, interval=None)], interrupted=False)
    assert "No trial of gender finished: the budget was too short" in said(console)


def test_the_command_is_named_by_its_path_where_the_shell_would_not_find_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "headrace").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert headrace() == "bin/headrace"
    monkeypatch.chdir("/")
    assert headrace() == str(tmp_path / "bin" / "headrace").lstrip("/")
    # One of another installation, which may be of another version, does not come first.
    (tmp_path / "headrace").touch(mode=0o755)
    assert headrace() == str(tmp_path / "bin" / "headrace").lstrip("/")
    (tmp_path / "headrace").unlink()
    (tmp_path / "headrace").symlink_to(tmp_path / "bin" / "headrace")
    (tmp_path / "bin" / "headrace").chmod(0o755)
    assert headrace() == "headrace"


def test_a_space_without_trials_says_so(console, run):
    nothing = SpaceResult(name="age", records=(), best=None, interval=None)
    print_summary(console, run, [nothing], interrupted=False)
    assert "age: 0 trials: none finished" in said(console)


def test_device_seconds_of_approaches_stand_side_by_side(console, run):
    joint = result_of(made_record(0, space="joint"), name="joint")
    print_summary(console, with_joint(run), [result_of(*RECORDS), joint], interrupted=False)
    assert "Device seconds per approach: separate 69.0 s, joint 1.0 s." in said(console)


def test_one_approach_is_not_compared(console, run):
    print_summary(console, run, [result_of(*RECORDS)], interrupted=False)
    assert "Device seconds per approach" not in said(console)


def test_an_interval_without_a_width_is_not_shown_as_certainty(console, run):
    flat = Interval(value=0.273, low=0.273, high=0.273)
    print_summary(console, run, [result_of(*RECORDS, interval=flat)], interrupted=False)
    assert "too few people" in said(console)
    assert "0.273" not in said(console)


def test_an_interruption_says_how_to_go_on(console, run):
    print_summary(console, run, [result_of(*RECORDS)], interrupted=True)
    command = f"{headrace()} run --resume mine --results '{run.store.root.parent}'"
    last = f"Interrupted. Nothing is lost; go on with: {command}"
    assert said(console).splitlines()[-1] == last
    assert said(console).count("--resume") == 1


@pytest.mark.parametrize("state", [State.RUNNING, State.PRUNED, State.FAIL])
def test_a_default_config_that_has_not_finished_has_no_score_in_the_table(console, run, state):
    begun = made_record(0, {1: 0.4671}, state=state)
    result = result_of(begun, best=None, interval=None)
    print_summary(console, run, [result], interrupted=True)
    (row,) = [line for line in said(console).splitlines() if line.startswith("│ gender")]
    assert "0.4671" not in row


def test_the_usual_results_folder_needs_no_option(console, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = replace(run, store=RunStore.check_new(Path("results"), "mine"))
    print_summary(console, run, [result_of(*RECORDS)], interrupted=True)
    assert "--resume mine\n" in said(console)


@pytest.mark.parametrize("width", [40, 400])
def test_what_a_command_does_stands_beside_it_where_all_fit_and_else_above(store, width, programs):
    console = Console(file=io.StringIO(), width=width)
    print_commands(console, store, [result_of(*RECORDS)])
    lines = said(console).splitlines()[2:]
    places = {line.find("# ") for line in lines if "# " in line}
    assert len(places) == 1
    assert (places == {2}) == (width == 40)
    assert len(hints_of(console, 2)) == 2


def test_in_a_terminal_the_plan_goes_on_below_its_first_words(run):
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    print_plan(console, run, ["word " * 30])
    lines = said(console).splitlines()
    assert all(len(line) <= 60 for line in lines)
    first = next(n for n, line in enumerate(lines) if line.startswith("    note  word"))
    assert lines[first + 1].startswith("          word")
    assert not any(line.rstrip().endswith(" wor") for line in lines)
