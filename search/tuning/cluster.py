"""Ray itself: a runtime of our own on this machine, or a cluster that is there."""

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from search.errors import UsageError
from search.ray_settings import WORKER_ENV
from search.signals import Ending, kept, under_way

_OBJECT_STORE_BYTES = 256 * 2**20
_WATCH_S = 1.0
_REFUSED = 3
_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET = "session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


@contextmanager
def ray_runtime(address: str) -> Iterator[tuple[int, int]]:
    """Connects to Ray and yields the cluster's numbers of CPUs and GPUs.

    Args:
        address: of a running cluster; empty starts a runtime on this machine, bound to the
            loopback, which ends with the context. A runtime that is initialised already is used
            and left running.

    Raises:
        UsageError: no cluster answers at the address, or no folder for Ray's sockets is short
            enough.
        KeyboardInterrupt: a signal came while Ray started.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield _resources()
        return
    with kept(), _where_workers_find_headrace():
        try:
            _start(address)
        except SystemExit as error:  # Ray's own answer to SIGTERM while it starts
            raise KeyboardInterrupt from error
    over = threading.Event()
    watch = threading.Thread(target=_watch_head, args=(under_way(), over), daemon=True)
    watch.start()
    try:
        yield _resources()
    finally:
        over.set()
        if not under_way().lost:  # it would wait for its head
            ray.shutdown()


def _resources() -> tuple[int, int]:
    total = ray.cluster_resources()
    return int(total.get("CPU", 0)), int(total.get("GPU", 0))


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


def _watch_head(ending: Ending, over: threading.Event) -> None:
    """Ends the command where nothing listens at the address of Ray's head any more.

    Ray itself would go on waiting for a minute, and then abort.
    """
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    refused = 0
    while refused < _REFUSED and not over.wait(_WATCH_S):
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_WATCH_S).close()
        except ConnectionRefusedError:
            refused += 1
        except OSError:  # a network that is out comes back, and Ray waits for it
            continue
        else:
            refused = 0
    if not over.is_set():
        ending.lose("the head process of Ray (gcs) has ended")


def _temporary_folder() -> str | None:
    """Returns a folder for Ray's sockets where the user's is too deep for them, else None.

    Raises:
        UsageError: there is no other.
    """
    wanted = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()).absolute()
    for folder in (wanted, *map(Path, _SHORT_FOLDERS)):
        fits = len(os.fsencode(folder / "ray" / _LONGEST_SOCKET)) <= _SOCKET_PATH_BYTES
        if fits and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return None if folder == wanted else str(folder / "ray")
    raise UsageError(
        f"the folder for temporary files must have a path of at most "
        f"{_SOCKET_PATH_BYTES - len(_LONGEST_SOCKET) - len('/ray/')} bytes for Ray's sockets, got "
        f"{wanted}; set RAY_TMPDIR to a shorter one"
    )


def _start(address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        ray.init(
            "local",
            _temp_dir=_temporary_folder(),
            num_cpus=len(os.sched_getaffinity(0)),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            **quiet,
        )
        return
    try:
        ray.init(address, runtime_env={"env_vars": WORKER_ENV}, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"no Ray cluster answers at --address {address!r}: {error}; "
            "leave --address out to use this machine"
        ) from error
