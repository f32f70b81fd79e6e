"""Files are whole or not at all, on the disk, and what killed processes left is cleared away."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.store.run_store import RunStore
from trainables import drafts
from trainables.drafts import clear_drafts, draft_of, make_folder, sync_folder, written

ROOT = Path(drafts.__file__).resolve().parents[1]
WRITER = """
import sys
from pathlib import Path
from search.store.files import replaced, write_arrays
from trainables.drafts import written
root = Path(sys.argv[1])
with replaced(root / "ensemble") as folder, written(root / "deep" / "a.txt") as draft:
    draft.write_text("half")
    (folder / "member").write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writer(root):
    """Runs a process that is held in the middle of writing a file and a folder."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def names(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_a_draft_of_a_living_process_stays_and_one_of_a_killed_process_goes(tmp_path):
    with writer(tmp_path) as process:
        there = names(tmp_path)
        assert len(there) == 4
        assert clear_drafts(tmp_path, held=True) == ()
        assert names(tmp_path) == there
        process.kill()
        process.wait()
        assert clear_drafts(tmp_path, held=True) == ()
    assert names(tmp_path) == ["deep"]


def test_whoever_holds_a_run_clears_away_what_a_killed_one_was_writing(tmp_path):
    with writer(tmp_path) as process:
        process.kill()
        process.wait()
    with RunStore(tmp_path).lock():
        assert names(tmp_path) == [".lock", "deep"]


def test_a_process_of_the_same_number_is_another_one(tmp_path):
    draft = draft_of(tmp_path / "a.txt")
    number, _, start = draft.name.split(".")[3].partition("-")
    assert (int(number), int(start) > 0) == (os.getpid(), True)
    earlier = draft.with_name(draft.name.replace(f"-{start}", f"-{int(start) - 1}"))
    for path in (draft, earlier):
        path.touch()
    clear_drafts(tmp_path, held=True)
    assert names(tmp_path) == [draft.name]


def test_a_draft_of_another_machine_goes_only_where_the_folder_is_held(tmp_path):
    (tmp_path / ".0123.4567.999999999-1.draft").touch()
    clear_drafts(tmp_path, held=False)
    assert len(names(tmp_path)) == 1
    clear_drafts(tmp_path, held=True)
    assert names(tmp_path) == []


def test_a_folder_that_others_use_is_not_looked_through(tmp_path):
    mine = draft_of(tmp_path / "a")
    ended = mine.name.replace(f".{os.getpid()}-", ".999999999-")
    (tmp_path / "images").mkdir()
    for folder in (tmp_path, tmp_path / "images"):
        (folder / ended).touch()
    clear_drafts(tmp_path, held=False)
    assert names(tmp_path) == ["images", f"images/{ended}"]


def test_a_draft_of_another_user_stays(tmp_path, monkeypatch):
    (tmp_path / ".0123.4567.999999999-1.draft").touch()
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert clear_drafts(tmp_path, held=True) == ()
    assert len(names(tmp_path)) == 1


def test_a_draft_that_cannot_be_deleted_is_told(tmp_path, monkeypatch):
    draft = tmp_path / ".0123.4567.999999999-1.draft"
    draft.touch()

    def refuse(self, missing_ok=False):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert clear_drafts(tmp_path, held=True) == (draft,)


def test_no_other_file_is_taken_for_a_draft(tmp_path):
    others = ["a.draft", "first.draft", "draft", ".lock", ".study.json.123"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / "link.draft").symlink_to(tmp_path)
    clear_drafts(tmp_path, held=True)
    assert len(names(tmp_path)) == len(others) + 1


def test_a_link_with_the_name_of_a_draft_goes_and_what_it_leads_to_stays(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".0123.4567.999999999-1.draft").symlink_to(kept)
    clear_drafts(tmp_path / "run", held=True)
    assert names(tmp_path) == ["kept", "kept/file", "run"]


def test_the_longest_name_that_a_file_can_bear_has_a_draft(tmp_path):
    path = tmp_path / ("x" * 255)
    with written(path) as draft:
        draft.write_text("whole")
    assert names(tmp_path) == [path.name]


def test_an_error_of_the_disk_names_the_file_and_not_its_draft(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"), written(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as of a file that is open
    with pytest.raises(FileNotFoundError, match=f"'{path}'"), written(path):
        pass  # nothing was written
    with pytest.raises(FileNotFoundError, match="'elsewhere'"), written(path):
        Path("elsewhere").read_text()


@pytest.fixture
def synced(monkeypatch):
    """The files and folders that are brought to the disk, and renames, in their order."""
    steps = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(handle):
        target = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append(f"sync {target.name}")
        fsync(handle)

    def note_rename(self, target):
        steps.append(f"rename {self.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    return steps


def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_end(tmp_path, synced):
    path = tmp_path / "a" / "b" / "c.txt"
    with written(path) as draft:
        draft.write_text("whole")
    assert synced == [
        *(f"sync {tmp_path.name}", "sync a"),  # the names of the two new folders
        *(f"sync {draft.name}", f"rename {draft.name}", "sync b"),
    ]


def test_a_folder_that_is_there_is_not_made(tmp_path, synced):
    make_folder(tmp_path)
    assert synced == []


@pytest.mark.parametrize(("number", "is_told"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_without_sync_of_folders_is_enough_and_a_broken_disk_is_not(
    tmp_path, monkeypatch, number, is_told
):
    def fail(handle):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    if is_told:
        with pytest.raises(OSError, match="no"):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)
