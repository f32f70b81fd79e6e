"""Where Ray is started from, a signal meanwhile, and a lost head. Without Ray."""

import ctypes
import logging
import os
import re
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

import search
from search.ending import signals
from search.ending.faults import Fault, FaultError
from search.ending.signals import Ending, ending_on_signals
from search.prepare.resources import Node
from search.tuning import cluster, workplace
from search.tuning.cluster import ray_runtime

NODE = Node(name="one", cpus=2)
DEAD = SimpleNamespace(poll=lambda: 1)


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Ray that does not start: returns what it was given, and where it was started."""
    given = {}

    def init(*where, **options):
        given.update(options, cwd=Path.cwd())

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: given.update(shut=True))
    monkeypatch.setattr(cluster, "alive_nodes", lambda: (NODE,))
    monkeypatch.setattr(cluster, "_check_token", lambda: None)
    monkeypatch.setattr(cluster, "_watch_head", lambda *given: None)
    monkeypatch.setattr(workplace, "_bases", lambda: (tmp_path,))
    monkeypatch.setattr(workplace, "_SOCKET_BYTES", 4096)
    return given


def start():
    with ray_runtime("") as resources:
        return resources


def test_workers_find_this_headrace_and_no_file_of_the_working_folder(
    begun, tmp_path, monkeypatch
):
    (tmp_path / "search.py").write_text("a project of the user's", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert start() == (NODE,)
    assert begun["cwd"] == Path(search.__file__).resolve().parent.parent
    assert Path.cwd() == tmp_path
    assert begun["shut"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("timed out\nduring startup"), Fault.RAY),
        (OSError(28, "full"), Fault.DISK_FULL),
    ],
)
def test_ray_that_does_not_start_is_a_fault_of_the_machine(begun, monkeypatch, error, kind):
    def init(*given, **options):
        raise error

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(FaultError) as raised:
        start()
    assert raised.value.kind is kind
    assert begun["shut"]


def test_what_tune_says_of_its_own_state_is_not_shown(begun):
    """It copies it while it writes it, and would show a traceback where a file is gone."""
    start()
    said_by = logging.getLogger("ray.tune.execution.experiment_state")
    assert not said_by.isEnabledFor(logging.ERROR)


def test_a_signal_while_ray_starts_is_an_interruption(monkeypatch, begun):
    before = signal.getsignal(signal.SIGTERM)

    def init(*given, **options):
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Ray does
        raise SystemExit(1)

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert signal.getsignal(signal.SIGTERM) is before


def test_ray_that_ends_takes_no_handler_away(begun, monkeypatch):
    """It sets SIGTERM to its default where Python does not see it."""
    libc = ctypes.CDLL(None)
    monkeypatch.setattr(ray, "shutdown", lambda: libc.signal(signal.SIGTERM, None))
    with ending_on_signals():
        start()
        assert is_caught(signal.SIGTERM)


def is_caught(number):
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


def test_a_signal_while_ray_ends_leaves_nothing_behind(begun, monkeypatch, tmp_path):
    def shutdown():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        begun.update(shut=True)

    monkeypatch.setattr(ray, "shutdown", shutdown)
    with ending_on_signals():
        start()
    assert begun["shut"]
    assert list(tmp_path.iterdir()) == []


def test_ray_that_does_not_end_after_a_signal_is_left(begun, monkeypatch, tmp_path):
    left, hangs = [], threading.Event()
    monkeypatch.setattr(signals, "Ending", lambda: Ending(leave=left.append))
    monkeypatch.setattr(ray, "shutdown", hangs.wait)
    monkeypatch.setattr(cluster, "_END_S", 0.0)
    with ending_on_signals(), suppress(KeyboardInterrupt), ray_runtime(""):
        signal.raise_signal(signal.SIGTERM)
    hangs.set()
    assert left == [130]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def head(monkeypatch):
    """The head and the raylet of this machine, which listen at the addresses that Ray tells."""
    with socket.socket() as gcs, socket.socket() as raylet:
        for listening in (gcs, raylet):
            listening.bind(("127.0.0.1", 0))
            listening.listen()
        told = SimpleNamespace(
            gcs_address=f"127.0.0.1:{gcs.getsockname()[1]}", get_node_id=lambda: "here"
        )
        nodes = [
            {"NodeID": name, "NodeManagerAddress": "127.0.0.1", "NodeManagerPort": port}
            for name, port in (("there", 1), ("here", raylet.getsockname()[1]))
        ]
        monkeypatch.setattr(ray, "get_runtime_context", lambda: told)
        monkeypatch.setattr(ray, "nodes", lambda: nodes)
        monkeypatch.setattr(cluster, "_WATCH_S", 0.01)
        yield {"gcs": gcs, "raylet": raylet}


class Noting(Ending):
    def __init__(self):
        super().__init__()
        self.told = threading.Event()

    def lose(self, what):
        self.lost = what
        self.told.set()


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("gcs", "the head process of Ray (gcs) has ended"),
        ("raylet", "the process of Ray for this machine (raylet) has ended"),
    ],
)
def test_what_listens_no_more_is_lost(head, lost, said):
    ending, over = Noting(), threading.Event()
    watch = threading.Thread(target=cluster._watch_head, args=(ending, over))
    watch.start()
    head[lost].accept()[0].close()  # it has looked once
    assert ending.lost == ""
    head[lost].close()
    watch.join()
    assert ending.lost == said


def test_a_run_that_is_over_watches_no_head(head):
    ending, over = Noting(), threading.Event()
    over.set()
    cluster._watch_head(ending, over)
    assert ending.lost == ""


@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_a_process_of_ray_that_ends_while_ray_starts_ends_the_command(name, endings_told):
    started = [("monitor.py", DEAD), (name, DEAD)]
    cluster._watch_start(endings_told, threading.Event(), started)
    assert endings_told.told == [f"Ray did not start: its process {name} has ended"]


def test_ray_that_has_started_is_watched_no_more(endings_told):
    over = threading.Event()

    def ends():
        over.set()
        return 1

    cluster._watch_start(endings_told, over, [("raylet", SimpleNamespace(poll=ends))])
    assert endings_told.told == []
    cluster._watch_start(endings_told, over, [("raylet", DEAD)])
    assert endings_told.told == []


@pytest.fixture
def endings_told(monkeypatch):
    monkeypatch.setattr(cluster, "_WATCH_S", 0.0)
    told = []
    return SimpleNamespace(told=told, lose=told.append)


def test_processes_of_ray_are_started_in_groups_of_their_own_and_known(begun):
    before = cluster.services.ConsolePopen
    with cluster._apart_from_our_group() as started:
        process = cluster.services.ConsolePopen([sys.executable, "-c", ""], stdout=None)
        group = os.getpgid(process.pid)
        process.wait()
    assert started == [(Path(sys.executable).name, process)]
    assert group == process.pid
    assert group != os.getpgrp()
    assert cluster.services.ConsolePopen is before
