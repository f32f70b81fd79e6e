"""Which files of trials stay when the search is over."""

from pathlib import Path

import numpy as np
import pytest

from search.errors import ResultsError
from search.store.records import State
from search.store.run_store import RunStore, running
from tests.search.builders.made import made_record


@pytest.fixture
def store(tmp_path):
    (tmp_path / "mine").mkdir()
    return RunStore(tmp_path / "mine")


def leave(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name, encoding="utf-8")


def test_predictions_of_complete_trials_move_to_where_they_stay(store):
    leave(store.checkpoints, "gender-1.npz")
    arrays = {"indices": np.arange(2), "probabilities": np.eye(2)}
    np.savez(store.checkpoints / "gender-0.npz", **arrays)
    store.keep_predictions([made_record(0), made_record(7)])
    assert [p.name for p in store.predictions.iterdir()] == ["validation.gender.0.npz"]
    assert store.has_predictions(made_record(0))
    assert store.read_validation("gender", 0).indices.tolist() == [0, 1]
    assert not store.has_predictions(made_record(7))


def test_predictions_that_are_torn_are_named(store):
    store.predictions.mkdir()
    path = store.validation_path("gender", 0)
    np.savez(path, indices=np.arange(2), probabilities=np.eye(2))
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    assert not store.has_predictions(made_record(0))
    with pytest.raises(ResultsError, match=r"validation\.gender\.0\.npz cannot be read"):
        store.read_validation("gender", 0)
    path.write_bytes(content.replace(np.eye(2).tobytes(), bytes(32)))
    with pytest.raises(ResultsError, match=r"validation\.gender\.0\.npz cannot be read"):
        store.read_validation("gender", 0)


def test_predictions_that_were_kept_before_stay(store):
    leave(store.checkpoints, "gender-0.npz")
    store.keep_predictions([made_record(0)])
    store.drop_checkpoints()
    store.keep_predictions([made_record(0)])
    assert store.validation_path("gender", 0).read_text(encoding="utf-8") == "gender-0.npz"


def test_checkpoints_go_except_those_of_running_trials(store):
    names = ["gender-0.pt", "gender-1.pt", "gender-1.npz", ".gender-2.pt.123", "gender-3.tmp.npz"]
    leave(store.checkpoints, *names)
    store.drop_checkpoints([made_record(1, state=State.RUNNING)])
    assert sorted(p.name for p in store.checkpoints.iterdir()) == ["gender-1.npz", "gender-1.pt"]
    store.drop_checkpoints()
    assert not store.checkpoints.exists()
    store.drop_checkpoints()


def test_running_records_are_those_an_interruption_left():
    records = [made_record(0), made_record(1, state=State.RUNNING)]
    assert running(records) == (records[1],)
