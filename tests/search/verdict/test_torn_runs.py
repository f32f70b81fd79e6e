"""Files of a run that are torn or gone: one sentence that names the file, never a traceback."""

import pytest

from search.errors import ResultsError
from search.prepare.saved_run import load_run
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.store.journal_file import read_records
from search.store.run_store import RunStore
from search.tuning.journal import read_trials
from tests.search.builders.made_refit import LINEUP, write_refit


@pytest.fixture
def store(tmp_path):
    return write_refit(tmp_path / "run", dict.fromkeys(LINEUP.blocks, 0.5))


def test_a_torn_truth(store):
    path = store.predictions / "truth.csv"
    path.write_text("sample,group\na,b\n")
    with pytest.raises(ResultsError, match=r"truth\.csv is not a whole truth\.csv: .*; copy"):
        Truth.read(store.predictions)


def test_torn_predictions(store):
    path = store.predictions / "joint.1.0.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ResultsError, match=r"joint\.1\.0\.npz cannot be read: .*; resume"):
        Refitted.read(store, LINEUP)


def test_a_journal_without_the_study(tmp_path):
    with pytest.raises(ResultsError, match=r"holds no study 'age-1'; copy the run whole"):
        read_trials(tmp_path / "optuna.journal", "age-1")
    (tmp_path / "empty.journal").touch()
    with pytest.raises(ResultsError, match=r"holds no study 'age-1'; copy the run whole"):
        read_records(tmp_path / "empty.journal", {"age": "age-1"}, ["age"])


def test_a_journal_that_is_torn_or_gone(tmp_path):
    journal = tmp_path / "optuna.journal"
    with pytest.raises(ResultsError, match=r"optuna\.journal cannot be read: .*; copy"):
        read_records(journal, {}, [])
    journal.write_text('{"op_code": 0\n{"op_code": 0}\n', encoding="utf-8")
    with pytest.raises(
        ResultsError, match=r"optuna\.journal line 1 cannot be read: it is not JSON: .*; copy"
    ):
        read_records(journal, {}, [])


def test_a_study_file_without_its_keys(tmp_path):
    RunStore(tmp_path).write_study({"config": {}, "data": {}})
    with pytest.raises(ResultsError, match=r"study\.json lacks studies, blocks; copy"):
        load_run(RunStore(tmp_path))


def test_a_run_without_a_study_file(tmp_path):
    with pytest.raises(ResultsError, match=r"study\.json cannot be read"):
        load_run(RunStore(tmp_path))
