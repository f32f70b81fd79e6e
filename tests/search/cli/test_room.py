"""What there is for arrays of classes, asked before a run starts or goes on."""

from collections import namedtuple

from search.cli import run
from search.store.run_store import RunStore


def test_a_run_needs_no_room_for_what_it_has_stored(tmp_path, monkeypatch):
    store = RunStore(tmp_path / "mine")
    store.predictions.mkdir(parents=True)
    (store.predictions / "age.1.0.npz").write_bytes(b"8 bytes.")
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(run.shutil, "disk_usage", lambda folder: usage(1000))
    assert run._room((), store).disk == 1008
