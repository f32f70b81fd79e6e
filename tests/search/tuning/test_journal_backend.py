import errno
import json
import os

import pytest
from optuna.storages.journal import JournalFileBackend

from search.tuning.journal_backend import BatchedFileBackend
from tests.search.builders.scripted import Script


@pytest.fixture
def synced(monkeypatch):
    """Bytes of the file at every time that it is brought to the disk."""
    found = []

    def sync(handle):
        found.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", sync)
    return found


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_alone_is_brought_to_the_disk(tmp_path, synced):
    backend = BatchedFileBackend(str(tmp_path / "journal"))
    backend.append_logs([{"a": 1}])
    backend.append_logs([{"a": 2}])
    assert synced == [8, 16]


def test_lines_of_a_block_are_read_at_once_and_brought_to_the_disk_together(tmp_path, synced):
    path = tmp_path / "journal"
    backend = BatchedFileBackend(str(path))
    with backend.together(), backend.together():
        for number in range(3):
            backend.append_logs([{"a": number}])
            other = JournalFileBackend(str(path))
            assert list(other.read_logs(0)) == [{"a": n} for n in range(number + 1)]
        assert synced == []
    assert synced == [24]
    assert _lines(path) == [{"a": 0}, {"a": 1}, {"a": 2}]


def test_a_block_without_lines_costs_nothing(tmp_path, synced):
    with BatchedFileBackend(str(tmp_path / "journal")).together():
        pass
    assert synced == []


def test_lines_before_an_error_in_the_block_are_kept(tmp_path, synced):
    backend = BatchedFileBackend(str(tmp_path / "journal"))

    def broken():
        with backend.together():
            backend.append_logs([{"a": 1}])
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert synced == [8]


def test_a_new_trial_an_epoch_and_an_end_are_one_write_to_the_disk_each(tmp_path, synced):
    script = Script(tmp_path / "journal")
    calls = (
        script.start,
        lambda: script.report("ray1", 1, 0.3, gap=0.1),
        lambda: script.finish("ray1", 3, 0.5),
    )
    for call in calls:
        synced.clear()
        call()
        assert synced == [(tmp_path / "journal").stat().st_size]


def test_a_disk_that_refuses_the_end_of_a_block_stops_the_search(tmp_path, monkeypatch):
    script = Script(tmp_path / "journal")
    trial = script.start()

    def refuse(handle):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", refuse)
    script.finish(trial, 3, 0.5)
    assert script.searcher.fault is not None
    assert script.searcher.is_over()
