"""Where Ray is started from and where it keeps its sockets; a lost head. Without Ray."""

import os
import signal
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

import search
from search.errors import UsageError
from search.signals import Ending
from search.tuning import cluster
from search.tuning.cluster import ray_runtime


@pytest.fixture
def begun(monkeypatch):
    """Ray that does not start: returns what it was given, and where it was started."""
    given = {}

    def init(*where, **options):
        given.update(options, cwd=Path.cwd())

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: given.update(shut=True))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(cluster, "_watch_head", lambda *given: None)
    return given


def start():
    with ray_runtime("") as resources:
        return resources


def test_workers_find_this_headrace_and_no_file_of_the_working_folder(
    begun, tmp_path, monkeypatch
):
    (tmp_path / "search.py").write_text("a project of the user's", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert start() == (2, 0)
    assert begun["cwd"] == Path(search.__file__).resolve().parent.parent
    assert Path.cwd() == tmp_path
    assert begun["shut"]


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_temporary_folder_too_deep_for_sockets_is_left_for_a_short_one(
    begun, tmp_path, monkeypatch, variable
):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    deep, short = tmp_path / ("d" * 90), tmp_path / "s"
    deep.mkdir()
    short.mkdir()
    monkeypatch.setenv(variable, str(deep))
    monkeypatch.setattr(cluster.tempfile, "gettempdir", lambda: os.environ["TMPDIR"])
    monkeypatch.setattr(cluster, "_SOCKET_PATH_BYTES", len(str(short)) + 80)
    monkeypatch.setattr(cluster, "_SHORT_FOLDERS", (str(tmp_path / "none"), str(short)))
    start()
    assert begun["_temp_dir"] == str(short / "ray")


def test_a_temporary_folder_that_is_short_enough_is_the_users(begun, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(cluster, "_SOCKET_PATH_BYTES", 4096)
    start()
    assert begun["_temp_dir"] is None


def test_bytes_count_and_not_letters(begun, monkeypatch, tmp_path):
    korean = tmp_path / ("임" * 30)
    korean.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(korean))
    monkeypatch.setattr(cluster, "_SOCKET_PATH_BYTES", len(str(korean)) + 75)
    monkeypatch.setattr(cluster, "_SHORT_FOLDERS", ())
    with pytest.raises(UsageError, match=r"at most \d+ bytes .* set RAY_TMPDIR to a shorter one"):
        start()


def test_a_signal_while_ray_starts_is_an_interruption(monkeypatch, begun):
    before = signal.getsignal(signal.SIGTERM)

    def init(*given, **options):
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Ray does
        raise SystemExit(1)

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def head(monkeypatch):
    """A head that listens, at the address that Ray tells."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        told = SimpleNamespace(gcs_address=address)
        monkeypatch.setattr(ray, "get_runtime_context", lambda: told)
        monkeypatch.setattr(cluster, "_WATCH_S", 0.01)
        yield listening


class Noting(Ending):
    def __init__(self):
        super().__init__()
        self.told = threading.Event()

    def lose(self, what):
        self.lost = what
        self.told.set()


def test_a_head_that_listens_no_more_is_lost(head):
    ending, over = Noting(), threading.Event()
    watch = threading.Thread(target=cluster._watch_head, args=(ending, over))
    watch.start()
    head.accept()[0].close()  # it has looked once
    assert ending.lost == ""
    head.close()
    watch.join()
    assert ending.lost == "the head process of Ray (gcs) has ended"


def test_a_run_that_is_over_watches_no_head(head):
    ending, over = Noting(), threading.Event()
    over.set()
    cluster._watch_head(ending, over)
    assert ending.lost == ""
