"""Files of a run that are torn or gone: one sentence that names the file, never a traceback."""

import pytest

from search.errors import ResultsError
from search.refit.files import read_predictions, read_truth
from search.store.run_store import RunStore
from search.tuning.journal import read_trials
from search.tuning.saved_run import load_run
from tests.search.builders.made_refit import APPROACHES, write_refit


@pytest.fixture
def store(tmp_path):
    return write_refit(tmp_path / "run", dict.fromkeys(APPROACHES, 0.5))


def test_a_torn_truth(store):
    path = store.predictions / "truth.csv"
    path.write_text("sample,group\na,b\n")
    with pytest.raises(ResultsError, match=r"truth\.csv is not a whole truth\.csv: .*; copy"):
        read_truth(path)


def test_torn_predictions(store):
    path = store.predictions / "joint.1.0.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ResultsError, match=r"joint\.1\.0\.npz cannot be read: .*; resume"):
        read_predictions(store.predictions, ["joint"])


def test_a_journal_without_the_study(tmp_path):
    with pytest.raises(ResultsError, match=r"holds no study 'age-1'; copy the run whole"):
        read_trials(tmp_path / "optuna.journal", "age-1")


def test_a_study_file_without_its_keys(tmp_path):
    RunStore(tmp_path).write_study({"config": {}, "data": {}})
    with pytest.raises(ResultsError, match=r"study\.json lacks approaches, studies; copy"):
        load_run(RunStore(tmp_path))


def test_a_run_without_a_study_file(tmp_path):
    with pytest.raises(ResultsError, match=r"study\.json cannot be read"):
        load_run(RunStore(tmp_path))
