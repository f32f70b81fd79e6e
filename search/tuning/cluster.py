"""Ray itself: a runtime of our own on this machine, or a cluster that is there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from search.errors import UsageError
from search.prepare.resources import Node
from search.ray_settings import WORKER_ENV
from search.refit.fleet import alive_nodes
from trainables.machine import Machine

_OBJECT_STORE_BYTES = 256 * 2**20


@contextmanager
def ray_runtime(address: str) -> Iterator[tuple[Node, ...]]:
    """Connects to Ray and yields the nodes of the cluster.

    Args:
        address: of a running cluster; empty starts a runtime on this machine, bound to the
            loopback, which ends with the context. A runtime that is initialised already is used
            and left running.

    Raises:
        UsageError: no cluster answers at the address.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    own = not ray.is_initialized()
    if own:
        _start(address)
    try:
        yield alive_nodes()
    finally:
        if own:
            ray.shutdown()


def _start(address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        machine = Machine()
        ray.init(
            "local",
            num_cpus=machine.cpus(),
            _memory=machine.memory_bytes(),
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
