"""A run on two machines and in a store between them, with a clock that a test turns."""

import os

import pytest

from search.store.mirror import Mirror
from search.store.remote import RemoteFolder


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return RemoteFolder(f"file://{tmp_path}/store")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine(tmp_path, store, clock):
    """Makes the mirror of a machine of some name, as a new process would."""
    return lambda name: Mirror(tmp_path / name / "run", store, clock)


@pytest.fixture
def aged(tmp_path):
    """Makes the claim of a folder older, as if it had not been renewed for so long."""

    def make(folder, seconds):
        path = tmp_path / "store" / ".drivers" / "run" / folder
        time = path.stat().st_mtime_ns - int(seconds * 1e9)
        os.utime(path, ns=(time, time))

    return make


def write(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_json", ".json").replace("_pt", ".pt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
