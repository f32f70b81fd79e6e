"""Where the commands on a data folder write."""

import shutil
from pathlib import Path

import pytest

from search.audit.finding import Level
from search.cli.commands import main

BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def written(monkeypatch):
    """The folders that audits were told to write, in the place of the audits."""
    folders = []

    def run_audit(*given):
        folders.append(given[3])
        return Level.NOTE

    monkeypatch.setattr("search.audit.stage.run_audit", run_audit)
    return folders


def test_an_audit_of_a_run_leaves_that_of_the_data(people, written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BEGUN, tmp_path / "results" / "begun")
    own = ("--data", str(people))
    for more in ((), ("--run", "begun"), ("--run", "begun", "--out", "here")):
        assert main(["audit", *own, *more, "--cache", str(tmp_path / "cache")]) == 0
    at = (Path("audit"), Path("results", "begun", "audit"), Path("here"))
    assert [folder.resolve() for folder in written] == [tmp_path / each for each in at]
