"""Ray itself: a runtime of our own on this machine, or a cluster that is there."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from search.errors import UsageError
from search.ray_settings import WORKER_ENV

_OBJECT_STORE_BYTES = 256 * 2**20


@contextmanager
def ray_runtime(address: str) -> Iterator[tuple[int, int]]:
    """Connects to Ray and yields the cluster's numbers of CPUs and GPUs.

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
        total = ray.cluster_resources()
        yield int(total.get("CPU", 0)), int(total.get("GPU", 0))
    finally:
        if own:
            ray.shutdown()


def _start(address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        ray.init(
            "local",
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
