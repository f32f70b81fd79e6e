"""Ray itself: a runtime of our own on this machine, or a cluster that is there."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import services

from search.ending.faults import Fault, FaultError, fault_of
from search.ending.signals import Ending, kept, under_way
from search.errors import UsageError
from search.prepare.resources import Node
from search.ray_settings import WORKER_ENV
from search.refit.fleet import alive_nodes
from search.tuning.workplace import clear_leftovers, workplace
from trainables.errors import in_short
from trainables.machine import Machine

logger = logging.getLogger(__name__)

_OBJECT_STORE_BYTES = 256 * 2**20
_KNOCK_S = 5.0
_WATCH_S = 1.0
_KEEP_S = 0.05
_END_S = 4.0
_REFUSED = 3
_NEEDED = ("gcs_server", "raylet")
_Started = tuple[str, "subprocess.Popen[bytes]"]
"""A process of Ray: the name of its program, and itself."""
_LONGEST_SOCKET = "ray/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_ASKED_S = 60
"""How long a process may ask a head without a token; Ray gives up after twenty seconds."""
_WITHOUT_TOKEN = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1]).internal_kv_keys(b"", timeout=60)
"""


@contextmanager
def ray_runtime(address: str) -> Iterator[tuple[Node, ...]]:
    """Connects to Ray and yields the nodes of the cluster.

    Before it starts a runtime, it clears away what killed runs of this user left of theirs. A
    cluster that lets anybody in is joined with a warning.

    Args:
        address: of a running cluster; empty starts a runtime on this machine, bound to the
            loopback, which ends with the context. A runtime that is initialised already is used
            and left running.

    Raises:
        UsageError: no cluster answers at the address, it wants a token, the installed Ray knows
            none, or no folder for Ray's sockets is short enough.
        KeyboardInterrupt: a signal came while Ray started.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    # Of Tune's own state, which nothing reads: it is copied while it is written.
    logging.getLogger("ray.tune.execution.experiment_state").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield alive_nodes()
        return
    with _joined(address) if address else _started(), _beside(_watch_head):
        yield alive_nodes()


@contextmanager
def _started() -> Iterator[None]:
    for note in clear_leftovers():
        logger.warning("a killed run left something behind: %s", note)
    _check_token()
    machine = Machine()
    with workplace(_LONGEST_SOCKET) as folder, _shut_down():
        with (
            _starting(),
            _or_fault(),
            _apart_from_our_group() as started,
            _beside(_watch_start, started),
        ):
            ray.init(
                "local",
                num_cpus=machine.cpus(),
                _memory=machine.memory_bytes(),
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=str(folder / "ray"),  # which Ray opens to every user
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        yield


@contextmanager
def _shut_down() -> Iterator[None]:
    try:
        yield
    finally:
        if not under_way().lost:  # it would wait for its head
            _end_ray()


def _end_ray() -> None:
    """Ends Ray, however a signal comes meanwhile.

    Ray sets SIGTERM back to what ends this process at once, which has still to clear away; and it
    waits for its head, which a signal to all processes has ended, too.
    """
    ending, began = under_way(), time.monotonic()
    with ending.gently(lambda: None):
        end = threading.Thread(target=ray.shutdown, daemon=True)
        end.start()
        runs = True
        while runs:
            runs = end.is_alive()
            with kept():  # once more after its end
                end.join(_KEEP_S)
            if runs and ending.is_asked and time.monotonic() - began > _END_S:
                ending.lose("Ray does not end")
                return


@contextmanager
def _starting() -> Iterator[None]:
    """Keeps signals ours while Ray starts.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    with kept(), _where_workers_find_headrace():
        try:
            yield
        except SystemExit as error:  # Ray's own answer to SIGTERM while it starts
            raise KeyboardInterrupt from error


@contextmanager
def _apart_from_our_group() -> Iterator[list[_Started]]:
    """Starts Ray's processes in process groups of their own, and lists them as they start.

    A signal to ours, as batch systems send it, would end them with this process; and where Ray's
    raylet goes first, Ray's library ends this process at once, with code 1 and nothing saved. It
    keeps only Ctrl-C from them by itself.
    """
    before = services.ConsolePopen
    started: list[_Started] = []

    def start(*given: Any, **options: Any) -> "subprocess.Popen[bytes]":
        """Starts a process in a group of its own and remembers it."""
        process: subprocess.Popen[bytes] = before(*given, process_group=0, **options)
        started.append((Path(given[0][0]).name, process))
        return process

    services.ConsolePopen = start
    try:
        yield started
    finally:
        services.ConsolePopen = before


def _watch_start(ending: Ending, over: threading.Event, started: list[_Started]) -> None:
    """Ends the command where one of Ray's processes ends before Ray has started.

    Ray itself would wait for it, up to a minute, and then may end this process without a word.
    """
    while not over.wait(_WATCH_S):
        for name, process in started:
            if name in _NEEDED and process.poll() is not None:
                if not over.is_set():
                    ending.lose(f"Ray did not start: its process {name} has ended")
                return


@contextmanager
def _or_fault() -> Iterator[None]:
    """Raises FaultError where Ray does not start: one of its processes dies, or takes too long."""
    try:
        yield
    except Exception as error:
        raise fault_of(error) or FaultError(Fault.RAY, in_short(error)) from error


@contextmanager
def _where_workers_find_headrace() -> Iterator[None]:
    # Ray puts the working folder first on the path of its workers, where a `search.py` of the
    # user's own would be taken for this package.
    before = Path.cwd()
    os.chdir(Path(__file__).resolve().parents[2])
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _beside(watch: Callable[..., None], *given: Any) -> Iterator[None]:
    """Lets a thread watch over the block, which ends with it."""
    over = threading.Event()
    arguments = (under_way(), over, *given)
    threading.Thread(target=watch, args=arguments, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch_head(ending: Ending, over: threading.Event) -> None:
    """Ends the command where nothing listens any more at Ray's head, or at its raylet here.

    Ray itself would go on waiting, up to a minute, and then end this process without a word.
    """
    watched = _watched()
    refused = dict.fromkeys(watched, 0)
    while not over.wait(_WATCH_S):
        for what, (host, port) in watched.items():
            try:
                socket.create_connection((host, port), timeout=_WATCH_S).close()
            except ConnectionRefusedError:
                refused[what] += 1
            except OSError:  # a network that is out comes back, and Ray waits for it
                continue
            else:
                refused[what] = 0
            if refused[what] == _REFUSED:
                if not over.is_set():
                    ending.lose(f"{what} has ended")
                return


def _watched() -> dict[str, tuple[str, int]]:
    """Returns the addresses of the processes of Ray without which the driver cannot be."""
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    found = {"the head process of Ray (gcs)": (host.strip("[]"), int(port))}
    for node in ray.nodes():
        if node["NodeID"] == context.get_node_id():
            own = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            found["the process of Ray for this machine (raylet)"] = own
    return found


@contextmanager
def _joined(address: str) -> Iterator[None]:
    try:
        _knock(address)
        with _starting():
            ray.init(
                address,
                # The code travels, so that nodes need its dependencies alone and run this version.
                runtime_env={"env_vars": WORKER_ENV, "py_modules": _packages()},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except ray.exceptions.AuthenticationError as error:
        raise UsageError(
            f"the Ray cluster at --address {address!r} wants its token; set RAY_AUTH_MODE=token "
            "and RAY_AUTH_TOKEN_PATH to a file that holds it (docs/cluster.md)"
        ) from error
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"no Ray cluster answers at --address {address!r}: {error}; "
            "to use this machine: --address local"
        ) from error
    with _shut_down():
        if lets_anybody_in(ray.get_runtime_context().gcs_address):
            logger.warning(
                "the Ray cluster at %s lets in anybody who reaches it, and whoever is in can run "
                "code as its workers; docs/cluster.md says how to give it a token",
                address,
            )
        yield


def _packages() -> list[str]:
    """Returns the folders of all that a worker imports of headrace."""
    root = Path(__file__).resolve().parents[2]
    return [str(root / name) for name in ("search", "spaces", "trainables")]


def _knock(address: str) -> None:
    """Raises Ray's AuthenticationError at once where a head wants another token.

    Ray itself knocks for twenty seconds, says each time that it was refused, and then that nobody
    was there.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # an address that Ray looks up
    with suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
        ray._raylet.GcsClient(address=address)


def _check_token() -> None:
    """Warns where the user has switched tokens off; UsageError where Ray does not know them."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        logger.warning(
            "RAY_AUTH_MODE is %s: every user of this machine can enter the run through Ray and "
            "run code in it; unset it to use a token",
            os.environ.get("RAY_AUTH_MODE", "not set"),
        )
    elif not _knows_tokens():
        raise UsageError(
            f"a run needs a Ray that lets nobody in without a token, got Ray {ray.__version__}; "
            "install ray>=2.60, or set RAY_AUTH_MODE=disabled where nobody else uses the machine"
        )


def _knows_tokens() -> bool:
    raylet = ray._raylet
    if not hasattr(raylet, "get_authentication_mode"):
        return False
    return bool(raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN)


def lets_anybody_in(gcs_address: str) -> bool:
    """Returns whether a cluster's head answers to who brings no token, within a minute."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        return True  # this process is in, and has brought none
    # A process of its own: Ray reads once whether there is a token.
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _WITHOUT_TOKEN, gcs_address],
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},
            capture_output=True,
            check=False,
            timeout=_ASKED_S,
        )
    except subprocess.TimeoutExpired:
        return False  # it answers nothing to such a process
    return asked.returncode == 0
