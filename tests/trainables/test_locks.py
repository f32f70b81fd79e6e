"""A lock is waited for with signs of life, and what cannot be locked is an error of the disk."""

import threading

import pytest
from filelock import FileLock

from trainables import locks
from trainables.locks import held


def test_a_lock_is_held_for_the_block_and_then_free(tmp_path):
    path = tmp_path / "a.lock"
    with held(path, lambda: pytest.fail("nobody has it")), pytest.raises(TimeoutError):
        FileLock(path).acquire(timeout=0)
    FileLock(path).acquire(timeout=0).lock.release()


def test_who_waits_gives_a_sign_of_life_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_BETWEEN_SIGNS_S", 0.01)
    path = tmp_path / "a.lock"
    taken, signs, enough = threading.Event(), [], threading.Event()

    def other():
        with FileLock(path):
            taken.set()
            enough.wait()

    def sign():
        signs.append(1)
        if len(signs) == 3:
            enough.set()

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait()
    with held(path, sign):
        thread.join()
    assert len(signs) >= 3


def test_an_error_in_the_block_frees_the_lock(tmp_path):
    path = tmp_path / "a.lock"
    with pytest.raises(KeyError), held(path, lambda: None):
        raise KeyError
    with held(path, lambda: pytest.fail("it is free")):
        pass


def test_a_file_system_without_locks_is_an_error_of_the_disk(tmp_path, monkeypatch):
    def refused(self, **given):
        raise NotImplementedError("no flock")

    monkeypatch.setattr(FileLock, "acquire", refused)
    with pytest.raises(OSError, match="no locks"), held(tmp_path / "a.lock", lambda: None):
        pass
