"""Checkpoints: whole or not at all, and readable without running code."""

import os
import pickle

import pytest
import torch

from trainables import checkpoint
from trainables.checkpoint import SCHEMA, load_checkpoint, save_checkpoint
from trainables.errors import CheckpointError

STATE = {
    "epoch": 3,
    "best": 0.5,
    "name": "a",
    "none": None,
    "weights": {"w": torch.arange(2000, dtype=torch.float32)},
    "groups": [{"lr": 0.1, "params": [0, 1]}],
}


def test_what_was_saved_is_read_back(tmp_path):
    path = tmp_path / "deep" / "age-3.pt"
    save_checkpoint(path, STATE)
    state = load_checkpoint(path)
    assert torch.equal(state["weights"].pop("w"), STATE["weights"]["w"])
    expected = {**STATE, "weights": {}, "schema": SCHEMA}
    assert state == expected


def test_only_the_checkpoint_is_left_in_the_folder(tmp_path):
    save_checkpoint(tmp_path / "a.pt", STATE)
    save_checkpoint(tmp_path / "a.pt", {**STATE, "epoch": 4})
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    assert load_checkpoint(tmp_path / "a.pt")["epoch"] == 4


def test_a_save_that_breaks_leaves_the_old_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save_checkpoint(path, STATE)
    before = path.read_bytes()

    def torn(state, file):
        file.write_bytes(before[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", torn)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(path, {**STATE, "epoch": 4})
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
def test_a_torn_checkpoint_is_an_error_that_names_it(tmp_path, share):
    path = tmp_path / "a.pt"
    save_checkpoint(path, STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"a\.pt cannot be read.*delete it to restart"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"\x80\x02.", pickle.dumps({"schema": 0}, protocol=2), b"\x00" * 1000, b"cabc\n"],
)
def test_a_file_of_something_else_is_an_error(tmp_path, content):
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pt (cannot be read|must have schema)"):
        load_checkpoint(path)


def test_a_missing_checkpoint_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"a\.pt cannot be read"):
        load_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("state", [{"schema": 99}, {}, [1, 2], torch.zeros(2), 3], ids=str)
def test_another_schema_is_an_error(tmp_path, state):
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt must have schema 1, got"):
        load_checkpoint(tmp_path / "a.pt")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"schema": SCHEMA, "x": Evil(tmp_path / "ran")}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "a.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
