"""The door that every file of a run is read through: what is no file, and what nobody may read."""

import os
from pathlib import Path

import pytest

from search.errors import ResultsError, UsageError
from search.store.reading import is_there, read_arrays, reading
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "a.npz"
    os.mkfifo(path)
    return path


@pytest.fixture
def closed(monkeypatch):
    """Returns what makes a path one that this user may not look at."""

    def close(path):
        stat = Path.stat

        def refused(self, **more):
            if self == path or path in self.parents:
                raise PermissionError(13, "Permission denied", str(self))
            return stat(self, **more)

        monkeypatch.setattr(Path, "stat", refused)

    return close


def test_a_pipe_is_refused_before_anybody_waits_for_it(pipe):
    with (
        pytest.raises(UsageError, match=r"a\.npz cannot be read: .*must be a plain file; do so"),
        reading(pipe, "do so", UsageError),
    ):
        raise AssertionError("the block was entered")
    with pytest.raises(OSError, match="must be a plain file"):
        read_arrays(pipe)


def test_a_pipe_is_there_and_so_is_no_file_that_is_missing(pipe):
    assert is_there(pipe)
    assert not is_there(pipe / "below")
    assert not is_there(pipe.with_name("b.npz"))
    assert not is_there(pipe.with_name("a\0b"))


def test_predictions_that_are_a_pipe_are_none(tmp_path):
    store, record = RunStore(tmp_path), _record()
    path = store.validation_path(record.space, record.number)
    path.parent.mkdir()
    os.mkfifo(path)
    assert not store.has_predictions(record)


def test_a_file_that_nobody_may_look_at_is_not_called_missing(tmp_path, closed):
    closed(tmp_path / "before")
    with pytest.raises(ResultsError, match=r"study\.json cannot be read: .*denied.*; make it and"):
        RunStore.open(tmp_path, "before")


def test_a_block_may_read_a_folder_or_what_is_not_there_yet(tmp_path):
    for path in (tmp_path, tmp_path / "none", tmp_path / "none" / "below"):
        with reading(path, "do so"):
            pass


def _record():
    return TrialRecord(
        space="age",
        number=0,
        state=State.COMPLETE,
        cause=Cause.NONE,
        objective=0.5,
        values={1: 0.5},
        params={},
        config={},
        seed=1,
        seconds=1.0,
        device_seconds=1.0,
        started=0.0,
        gap=None,
        error="",
    )
