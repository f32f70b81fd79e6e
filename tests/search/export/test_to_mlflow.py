"""Trials in a real MLflow store on the disk; without the package there is nothing to test."""

import warnings

import pytest

from search.errors import ResultsError, UsageError
from search.export.own_settings import settings
from search.export.to_mlflow import export_mlflow
from tests.search.builders.tracked_runs import RECORDS, resumed, tracked

# What the package says about its own dependencies fails no test of ours, and it counts no use.
with warnings.catch_warnings(), settings(MLFLOW_DISABLE_TELEMETRY="true"):
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def stored(uri, project="headrace-mine"):
    """Returns the runs of an experiment by their names."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(project).experiment_id
    found = client.search_runs([experiment])
    runs = {run.info.run_name: run for run in found}
    assert len(runs) == len(found)
    return client, runs


def test_every_trial_is_there_once_however_often_it_is_exported(tmp_path):
    """One store for all: making one takes long."""
    folder = tmp_path / "mlflow"
    where = export_mlflow(folder, "headrace-mine", tracked())
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    assert where.endswith(f"mlflow ui --backend-store-uri {uri}")
    client, runs = stored(uri)
    assert set(runs) == {f"gender-{record.number}" for record in RECORDS}
    states = {name: run.info.status for name, run in runs.items()}
    assert states == {
        "gender-0": "FINISHED",
        "gender-1": "FINISHED",
        "gender-2": "FAILED",
        "gender-3": "FAILED",
        "gender-4": "KILLED",
        "gender-5": "RUNNING",
    }
    first, broken = runs["gender-0"], runs["gender-2"]
    assert first.data.params["optim.lr"] == "0.01"
    assert first.data.params["target.attributes"] == "나이, a|b[c]"
    assert first.data.params["task_weight.나이_2f_a_5b_b_5d_"] == "0.5"
    assert first.data.metrics["objective"] == 0.5
    assert first.data.tags["headrace.space"] == "gender"
    assert (first.info.start_time, first.info.end_time) == (100_000, 110_000)
    history = client.get_metric_history(first.info.run_id, "macro_f1")
    assert sorted((point.step, point.value) for point in history) == [(1, 0.25), (2, 0.5)]
    assert "macro_f1" not in broken.data.metrics
    assert broken.data.tags["headrace.error"] == "no\nphoto"

    export_mlflow(folder, "headrace-mine", tracked())
    client, again = stored(uri)
    assert {n: r.info.run_id for n, r in again.items()} == {
        n: r.info.run_id for n, r in runs.items()
    }
    for name in ("macro_f1", "objective", "device_seconds"):
        history = client.get_metric_history(first.info.run_id, name)
        assert len(history) == (2 if name == "macro_f1" else 1)

    export_mlflow(folder, "headrace-mine", tracked(resumed()))
    client, later = stored(uri)
    assert len(later) == len(RECORDS)
    ended = later["gender-5"]
    assert (ended.info.run_id, ended.info.status) == (runs["gender-5"].info.run_id, "FINISHED")
    history = client.get_metric_history(ended.info.run_id, "macro_f1")
    assert sorted((point.step, point.value) for point in history) == [(1, 0.2), (2, 0.6)]
    assert ended.data.metrics["objective"] == 0.6
    assert ended.data.tags["headrace.state"] == "COMPLETE"


def test_the_store_that_the_user_names_is_taken(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'theirs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    where = export_mlflow(tmp_path / "mlflow", "headrace-mine", tracked(RECORDS[:1]))
    assert where == "the store of MLFLOW_TRACKING_URI, experiment headrace-mine"
    assert list(stored(uri)[1]) == ["gender-0"]
    assert not (tmp_path / "mlflow").exists()


def test_a_store_that_there_is_none_of_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://here")
    with pytest.raises(ResultsError, match=r"MLflow refuses the trials in the store of MLFL"):
        export_mlflow(tmp_path, "headrace-mine", tracked())


def test_a_folder_that_no_address_can_name_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"must not have # % \?, got .*; name another store"):
        export_mlflow(tmp_path / "what?", "headrace-mine", tracked())
