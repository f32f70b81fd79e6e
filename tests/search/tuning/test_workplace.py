"""Temporary folders: whose they are, and which of them the next start may delete."""

import os
import subprocess
import sys

import pytest

from search.errors import UsageError
from search.tuning import workplace as module
from search.tuning.workplace import clear_leftovers, workplace
from tests.search.builders.runs import is_alive

SLEEPER = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch):
    """The only folder for temporary files."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(module, "_bases", lambda: (tmp_path,))
    return tmp_path


def leftover(base, name="headrace-abcdefgh"):
    """Returns the folder of a run that has ended."""
    folder = base / name
    folder.mkdir()
    (folder / "held").touch()
    (folder / "session").mkdir()
    return folder


def sleeping(**more: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        SLEEPER,
        env={**os.environ, **more},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_folder_is_closed_to_others_and_ends_with_its_processes(base):
    with workplace() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert clear_leftovers() == ()
        assert folder.is_dir()
        process = sleeping()
    assert process.wait() == -9
    process.communicate()
    assert list(base.iterdir()) == []
    assert "HEADRACE_WORKPLACE" not in os.environ


def test_what_a_killed_run_left_goes_with_its_processes_alone(base):
    folder = leftover(base)
    its, other = sleeping(HEADRACE_WORKPLACE=str(folder)), sleeping(LOG=str(folder / "session"))
    assert clear_leftovers() == ()
    assert its.wait() == -9
    assert is_alive(other.pid)
    for process in (its, other):
        process.communicate("")
    assert list(base.iterdir()) == []


def test_the_folder_of_another_user_stays(base, monkeypatch):
    folder = leftover(base)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert clear_leftovers() == ()
    assert (folder / "session").is_dir()


def test_no_link_and_no_other_folder_is_taken_for_one(base):
    kept = leftover(base, "mine")
    (base / "headrace-linkedto").symlink_to(kept)
    others = [base / "headrace-tune-12345678", base / "headrace-12345678"]
    for folder in others:
        folder.mkdir()
        (folder / "results").touch()
    assert clear_leftovers() == ()
    assert (kept / "session").is_dir()
    assert all((folder / "results").exists() for folder in others)


def test_a_lock_that_is_a_link_is_not_followed(base):
    folder = leftover(base)
    (folder / "held").unlink()
    (base / "secret").touch()
    (folder / "held").symlink_to(base / "secret")
    assert clear_leftovers() == ()
    assert (folder / "session").is_dir()


def test_what_cannot_be_deleted_is_told(base, monkeypatch):
    folder = leftover(base)
    monkeypatch.setattr("shutil.rmtree", lambda path, ignore_errors: None)
    assert clear_leftovers() == (f"{folder} cannot be deleted",)


def test_a_path_that_is_too_long_for_sockets_gives_way_to_a_shorter_one(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 90)
    for folder in (deep, tmp_path / "s"):
        folder.mkdir()
    monkeypatch.setattr(module, "_bases", lambda: (deep, tmp_path / "s"))
    monkeypatch.setattr(module, "_SOCKET_BYTES", len(str(tmp_path)) + 40)
    with workplace("socket") as folder:
        assert folder.parent == tmp_path / "s"
    monkeypatch.setattr(module, "_bases", lambda: (deep,))
    with (
        pytest.raises(UsageError, match=r"at most \d+ bytes.*set RAY_TMPDIR"),
        workplace("socket"),
    ):
        pass


def test_a_folder_whose_lock_a_cleaner_deleted_goes_once_nothing_was_written_for_a_day(base):
    folder = leftover(base)
    (folder / "held").unlink()
    assert clear_leftovers() == ()
    assert folder.exists()
    for path in (folder / "session", folder):
        os.utime(path, (0, 0))
    assert clear_leftovers() == ()
    assert not folder.exists()


def test_a_folder_whose_lock_a_cleaner_deleted_stays_as_long_as_its_run_lives(base):
    with workplace() as folder:
        (folder / "session").mkdir()
        (folder / "held").unlink()
        for path in (folder / "session", folder):
            os.utime(path, (0, 0))
        assert clear_leftovers() == ()
        assert folder.exists()
