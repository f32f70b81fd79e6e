"""Where the commands on a data folder write."""

import json
import shutil
from pathlib import Path

import pytest

from search.audit.finding import Level
from search.cli.commands import main

BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def written(monkeypatch):
    """The folders that audits were told to write, and without photos, in their place."""
    folders = []

    def run_audit(*given, no_photos):
        folders.append((given[3].resolve(), no_photos))
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
    assert written == [(tmp_path / each, False) for each in at]


@pytest.mark.parametrize(
    ("more", "hides"),
    [((), True), (("--no-photos",), True), (("--out", "here"), False)],
)
def test_the_folder_of_a_run_without_photos_gets_none_from_an_audit(
    more, hides, people, written, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BEGUN, tmp_path / "results" / "begun")
    path = tmp_path / "results" / "begun" / "study.json"
    study = json.loads(path.read_text(encoding="utf-8"))
    study["config"]["no_photos"] = True
    path.write_text(json.dumps(study), encoding="utf-8")
    command = ["audit", "--data", str(people), "--run", "begun", *more]
    assert main([*command, "--cache", str(tmp_path / "cache")]) == 0
    assert [no_photos for _, no_photos in written] == [hides]
