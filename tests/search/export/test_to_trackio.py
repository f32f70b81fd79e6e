"""Trials in a real trackio store on the disk; without the package there is nothing to test."""

import importlib.util
import sqlite3
from contextlib import closing

import pytest

from search.export.to_trackio import export_trackio
from tests.search.builders.tracked_runs import RECORDS, resumed, tracked

if importlib.util.find_spec("trackio") is None:
    pytest.skip("needs trackio", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of all tests: trackio asks once for the folder, when it is imported."""
    return tmp_path_factory.mktemp("trackio")


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    monkeypatch.delenv("TRACKIO_DIR", raising=False)


def rows(folder, project):
    """Returns run, step and content of everything in the database of a project."""
    (path,) = folder.glob(f"{project}*.db")
    with closing(sqlite3.connect(path)) as database:
        text = "SELECT run_name, step, metrics FROM metrics ORDER BY run_name, step, id"
        return database.execute(text).fetchall()


def storage():
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage


def test_every_trial_is_there_once_however_often_it_is_exported(folder):
    where = export_trackio(folder, "headrace-mine", tracked())
    assert f"TRACKIO_DIR={folder} trackio show --project headrace-mine" in where
    assert set(storage().get_runs("headrace-mine")) == {f"gender-{r.number}" for r in RECORDS}
    logs = storage().get_logs("headrace-mine", "gender-0")
    told = [(entry["step"], entry["macro_f1"]) for entry in logs if "macro_f1" in entry]
    assert told == [(1, 0.25), (2, 0.5)]
    assert [entry["objective"] for entry in logs if "objective" in entry] == [0.5]
    config = storage().get_run_config("headrace-mine", "gender-0")
    assert config["optim.lr"] == 0.01
    assert config["headrace.state"] == "COMPLETE"
    broken = storage().get_logs("headrace-mine", "gender-2")
    assert [(entry["step"], entry["epochs"]) for entry in broken] == [(0, 0)]

    before = rows(folder, "headrace-mine")
    export_trackio(folder, "headrace-mine", tracked())
    assert rows(folder, "headrace-mine") == before

    export_trackio(folder, "headrace-mine", tracked(resumed()))
    assert len(storage().get_runs("headrace-mine")) == len(RECORDS)
    logs = storage().get_logs("headrace-mine", "gender-5")
    assert [(e["step"], e["macro_f1"]) for e in logs if "macro_f1" in e] == [(1, 0.2), (2, 0.6)]
    assert [entry["objective"] for entry in logs if "objective" in entry] == [0.6]
    assert storage().get_run_config("headrace-mine", "gender-5")["headrace.state"] == "COMPLETE"
    others = [row for row in before if row[0] != "gender-5"]
    assert [row for row in rows(folder, "headrace-mine") if row[0] != "gender-5"] == others
