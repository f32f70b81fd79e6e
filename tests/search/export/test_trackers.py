"""`headrace export NAME --to trackio|mlflow|wandb`: what is refused, and what is said."""

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from search.cli.commands import main
from search.errors import UsageError
from search.export import trackers
from search.export.formats import FORMATS, TRACKERS
from search.export.own_settings import settings

BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def command(tmp_path):
    shutil.copytree(BEGUN, tmp_path / "begun", ignore=shutil.ignore_patterns("predictions"))
    return ["export", "begun", "--results", str(tmp_path), "--to"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_package_that_is_missing_is_named_with_the_command(
    tracker, command, monkeypatch, tmp_path, capsys
):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == tracker else found(name)
    )
    assert main([*command, tracker]) == 2
    said = capsys.readouterr().err
    assert f"needs the package {tracker}, which is not installed" in said
    own = f"{shlex.quote(sys.executable)} -m venv .venv-{tracker}"
    source = Path(trackers.__file__).resolve().parents[2]
    assert f"{own} && .venv-{tracker}/bin/python -m pip install '{source}[{tracker}]'" in said
    assert f"then export with .venv-{tracker}/bin/headrace" in said
    # What the docs warn of is not what is advised: an installation beside the packages in use.
    assert f"{shlex.quote(sys.executable)} -m pip" not in said
    assert not (tmp_path / "begun" / tracker).exists()


def test_without_the_source_the_wheel_is_to_be_installed_again(monkeypatch, tmp_path):
    monkeypatch.setattr(trackers, "__file__", str(tmp_path / "search" / "export" / "trackers.py"))
    wanted = r"HEADRACE\.whl being the wheel.*'HEADRACE\.whl\[gone\]'"
    with pytest.raises(UsageError, match=wanted):
        trackers.check_tracker("gone")


def test_a_folder_of_exported_runs_is_no_package(monkeypatch, tmp_path):
    (tmp_path / "headrace_tracker").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="needs the package headrace_tracker"):
        trackers.check_tracker("headrace_tracker")


@pytest.mark.parametrize("tracker", TRACKERS)
def test_every_tracker_gets_every_trial_and_the_folder_of_the_run(
    tracker, command, monkeypatch, tmp_path, capsys
):
    given = []
    monkeypatch.setattr(trackers, "check_tracker", lambda name: None)
    monkeypatch.setitem(trackers._EXPORTS, tracker, lambda *a: given.append(a) or "there")
    assert main([*command, tracker]) == 0
    ((folder, project, runs),) = given
    assert (folder, project) == (tmp_path / "begun" / tracker, "headrace-begun")
    assert len(runs) == 10
    assert "10 trials in there" in capsys.readouterr().out
    assert main([*command, tracker, "--space", "age"]) == 2
    assert "exports every trial of the run" in capsys.readouterr().err


def test_formats_are_those_of_the_command_line():
    assert set(TRACKERS) == set(trackers._EXPORTS)
    assert set(TRACKERS) < set(FORMATS)


def test_settings_are_put_back(monkeypatch):
    import os

    monkeypatch.setenv("HEADRACE_ONE", "before")
    with settings(HEADRACE_ONE="in", HEADRACE_TWO="in"):
        assert (os.environ["HEADRACE_ONE"], os.environ["HEADRACE_TWO"]) == ("in", "in")
    assert os.environ["HEADRACE_ONE"] == "before"
    assert "HEADRACE_TWO" not in os.environ
