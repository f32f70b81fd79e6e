"""The command line: frozen, exit codes, and what it makes of what it is given."""

import re
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.cli.cache_folder import default_cache
from search.cli.commands import build_parser, main
from search.prepare.config import RunConfig
from search.store.run_store import RunStore, check_name
from tests.search.builders.runs import ROOT
from tests.search.cli.frozen_options import FROZEN

SPACE = "ATTRIBUTE = 'gender'\n\n\ndef suggest(trial, schema, scale):\n    return {}\n"


def commands(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    (found,) = (a for a in parser._actions if isinstance(a, _SubParsersAction))
    return dict(found.choices)


def test_commands_options_and_defaults_are_frozen():
    found = {
        name: {
            " ".join(action.option_strings) or action.dest: ...
            if action.required
            else action.default
            for action in command._actions
            if action.dest != "help"
        }
        for name, command in commands(build_parser()).items()
    }
    assert found == FROZEN


def test_every_option_has_a_help_text():
    for command in commands(build_parser()).values():
        for action in command._actions:
            assert action.help, action


@pytest.fixture
def ran(monkeypatch):
    """Stands in for the run: remembers what it was given, ends as the test says."""
    end = {"interrupted": False, "num_failed": 0}
    given = {}

    def execute(config, results, cache, console, **options):
        given.update(config=config, results=results, cache=cache, **options)
        return SimpleNamespace(**end)

    monkeypatch.setattr("search.cli.run.execute", execute)
    given["end"] = end
    return given


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({}, 0),
        ({"num_failed": 2}, 1),
        ({"interrupted": True}, 130),
        ({"interrupted": True, "num_failed": 2}, 130),
    ],
)
def test_the_exit_code_says_how_the_run_ended(ran, end, code):
    ran["end"].update(end)
    assert main(["run", "--space", "age"]) == code


@pytest.mark.parametrize("value", ["0", "-1", "nan"])
def test_limits_of_an_ensemble_are_above_zero(value, capsys):
    assert main(["ensemble", "mine", "--max-ms", value]) == 2
    assert "--max-ms must be above 0, got" in capsys.readouterr().err


def test_the_folder_of_an_ensemble_predicts_without_its_run(monkeypatch, tmp_path, capsys):
    given = []
    monkeypatch.setattr("search.predict.command.predict_command", lambda *a, **o: given.append(a))
    whole = SimpleNamespace(check_files=lambda folder: None)
    monkeypatch.setattr("search.predict.spec.EnsembleSpec.read", lambda folder: whole)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "one.jpg").touch()
    photos = ["--images", str(tmp_path / "x"), "--out", "a.csv"]
    command = ["predict", "mine", "--results", str(tmp_path), *photos]
    assert main(command) == 2
    assert f"no run 'mine' in {tmp_path}" in capsys.readouterr().err
    (tmp_path / "mine" / "ensemble").mkdir(parents=True)
    assert main(command) == 0
    assert given[0][0] == tmp_path / "mine" / "ensemble"
    command[1] = "../mine"
    assert main(command) == 2
    assert "a run name has letters" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["verdict"], ["report"], ["export", "--to", "timm"]])
def test_a_run_that_cannot_be_written_is_told_at_once(command, monkeypatch, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.json").write_text("{}")
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "mine")
    assert main([command[0], "mine", *command[1:], "--results", str(tmp_path)]) == 2
    assert "--results must be a folder that can be written" in capsys.readouterr().err


def test_the_defaults_of_a_run(ran):
    main(["run", "--space", "age", "--name", "mine"])
    assert ran["config"] == RunConfig(
        name="mine",
        spaces=("age",),
        data="",
        layout=None,
        people=300,
        budget_seconds=None,
        trials=24,
        max_epochs=None,
        seed=0,
        gpus_per_trial="auto",
        pretrained=None,
        weights_dir="",
        address="",
    )
    assert (ran["results"], ran["cache"]) == (Path("results"), default_cache())
    assert ran["resume"] is False


def test_a_budget_of_time_alone_sets_no_number_of_trials(ran):
    main(["run", "--space", "age", "--budget", "1h30m"])
    assert (ran["config"].budget_seconds, ran["config"].trials) == (5400.0, None)
    main(["run", "--space", "age", "--budget", "6m", "--trials", "5"])
    assert (ran["config"].budget_seconds, ran["config"].trials) == (360.0, 5)


def test_the_margin_of_equivalence_is_at_least_0_and_below_1(ran, capsys):
    main(["run", "--space", "age"])
    assert ran["config"].margin == 0.005
    main(["run", "--space", "age", "--margin", "0.02"])
    assert ran.pop("config").margin == 0.02
    others = (["verdict", "mine"], ["report", "mine"], ["compare", "--truth", "t.csv", "A=a.csv"])
    for command in (["run", "--space", "age"], *others):
        for value in ("-0.1", "nan", "inf", "1", "2"):
            assert main([*command, f"--margin={value}"]) == 2
            message = f"headrace: --margin must be at least 0 and below 1, got {value}"
            assert capsys.readouterr().err == f"{message}; see headrace {command[0]} --help\n"
    assert "config" not in ran


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed -1", r"--seed must be at least 0, got -1"),
        ("--out {file}", r"--out must be a folder that can be written, got .* is a file"),
        ("--out {file}/deeper", r"--out must be a folder that can be written, got .* is a file"),
    ],
)
def test_what_a_comparison_cannot_write_or_draw_is_refused_before_it(
    words, message, tmp_path, capsys
):
    (file := tmp_path / "file").touch()
    command = f"compare --truth t.csv A=a.csv B=b.csv {words.format(file=file)}"
    assert main(command.split()) == 2
    assert re.match(rf"headrace: {message}", capsys.readouterr().err)


def test_all_spaces_on_the_demo_have_twenty_minutes(ran):
    main(["run", "--space", "all"])
    assert (ran["config"].budget_seconds, ran["config"].trials) == (1200.0, None)


def test_paths_are_absolute_so_that_a_resume_works_from_anywhere(ran, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.py", "other.py"):
        (tmp_path / name).touch()
    for folder in ("d", "w"):
        (tmp_path / folder).mkdir()
    (tmp_path / "d" / "manifest.csv").touch()
    (tmp_path / "w" / "test_resnet.safetensors").touch()
    command = ["run", "--space", "gender=mine.py", "other.py", "--data", "d"]
    main([*command, "--weights-dir", "w"])
    config = ran["config"]
    assert config.spaces == (f"gender={tmp_path / 'mine.py'}", str(tmp_path / "other.py"))
    assert (config.data, config.weights_dir) == (str(tmp_path / "d"), str(tmp_path / "w"))


def test_a_run_is_named_after_its_spaces_and_the_time(ran, tmp_path):
    (tmp_path / "mine.py").write_text(SPACE, encoding="utf-8")
    main(["run", "--space", "age", f"gender={tmp_path / 'mine.py'}"])
    assert ran["config"].name.startswith("age-mine-20")


@pytest.mark.parametrize(
    ("space", "start"),
    [
        ("my space.py", "myspace-20"),
        ("\ub098\uc774.py", "run-20"),
        ("a" * 120 + ".py", "a" * 15 + "-20"),
    ],
)
def test_a_run_of_any_space_has_a_plain_name(ran, tmp_path, space, start):
    (tmp_path / space).write_text(SPACE, encoding="utf-8")
    assert main(["run", "--space", str(tmp_path / space)]) == 0
    assert ran["config"].name.startswith(start)
    check_name(ran["config"].name)


@pytest.mark.parametrize(
    "option", ["--data", "--name", "--budget", "--resume", "--weights-dir", "--layout"]
)
def test_an_empty_value_is_not_taken_for_no_option(ran, capsys, option):
    assert main(["run", "--space", "age", option, ""]) == 2
    message = f"headrace: {option} must not be empty; give a value or leave {option} out"
    assert capsys.readouterr().err == f"{message}; see headrace run --help\n"
    assert "config" not in ran


@pytest.mark.parametrize("option", ["--cache", "--results"])
def test_a_folder_that_is_a_file_is_refused_before_anything_is_made(ran, tmp_path, capsys, option):
    (tmp_path / "file").touch()
    assert main(["run", "--space", "age", option, str(tmp_path / "file")]) == 2
    assert f"headrace: {option} must be a folder that can be written" in capsys.readouterr().err
    assert "config" not in ran


@pytest.fixture
def stored(tmp_path, ran):
    """A run to resume, as it was stored."""
    main(["run", "--space", "age", "--trials", "5", "--seed", "3", "--name", "mine"])
    (tmp_path / "mine").mkdir()
    RunStore(tmp_path / "mine").write_study({"config": ran["config"].to_dict()})
    return ran["config"]


def test_a_resumed_run_is_what_it_was(stored, ran, tmp_path):
    assert main(["run", "--resume", "mine", "--results", str(tmp_path)]) == 0
    assert ran["config"] == stored
    assert ran["resume"] is True


def test_a_resumed_run_may_get_another_margin(stored, ran, tmp_path):
    command = ["run", "--resume", "mine", "--results", str(tmp_path)]
    main([*command, "--margin", "0"])
    assert ran["config"] == replace(stored, margin=0.0)


def test_a_resumed_run_may_get_more_trials_or_time(stored, ran, tmp_path):
    command = ["run", "--resume", "mine", "--results", str(tmp_path)]
    main([*command, "--trials", "9", "--budget", "6m"])
    assert (ran["config"].trials, ran["config"].budget_seconds) == (9, 360.0)
    assert ran["config"].seed == 3


@pytest.mark.parametrize(
    "option",
    [
        "--space age",
        "--name other",
        "--data .",
        "--layout manifest",
        "--people 300",
        "--max-epochs 3",
        "--seed 0",
        "--pretrained",
        "--no-pretrained",
    ],
)
def test_what_a_resumed_run_cannot_change_is_refused(stored, tmp_path, capsys, option):
    command = ["run", "--resume", "mine", "--results", str(tmp_path)]
    assert main([*command, *option.split()]) == 2
    name = option.split()[0].replace("--no-", "--")
    assert f"--resume takes the run as it was; leave out {name}" in capsys.readouterr().err


def test_the_cache_lies_where_the_system_wants_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "headrace"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "headrace"


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (["search/run.py", "--help"], "usage: headrace run"),
        (["-m", "search", "run", "--help"], "usage: headrace run"),
        (["-m", "search", "--help"], "usage: headrace"),
    ],
)
def test_help_is_the_same_from_the_script_and_the_package(command, usage):
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith(usage)


def test_the_script_runs_from_any_folder(tmp_path):
    command = [sys.executable, str(ROOT / "search" / "run.py"), "--trials", "0", "--space", "age"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    message = "headrace: --trials must be at least 1, got 0; see headrace run --help\n"
    assert done.stderr == message
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_ends_with_the_exit_code():
    script = "import sys; from search.cli.commands import entry; sys.argv[1:] = ['run']; entry()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("headrace: ")
