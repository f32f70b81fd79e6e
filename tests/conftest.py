"""What every test gets: no leaks, one seed, no deadline, a Ray of its own, threads on demand."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from search import ray_settings
from tests.leaks import leak_guard
from tests.signals_heard import hear_signals

SEED_VARIABLE = "HEADRACE_TEST_SEED"

# Processes of `-n` share the machine: none of them computes on all its cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# At Ray's low priority its workers would get next to nothing of a busy machine.
os.environ.setdefault("RAY_worker_niceness", "0")
# Ray reads them when any test module imports it, and sets one of its own then.
ray_settings.apply(one_machine=True)

# Where CI runs under `nohup`, say.
hear_signals()

# No test may depend on how fast or how busy the machine is. Loaded before any test module is
# imported, so that it is also the base of their own @settings.
settings.register_profile("headrace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("headrace")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps all tests of Ray in one process of `-n`: there is one runtime a test session."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))


def pytest_report_header() -> str:
    """Says how to repeat the tests with the same seed."""
    return f"{SEED_VARIABLE}={os.environ.get(SEED_VARIABLE, '42')}"


def pytest_collection_finish() -> None:
    """Keeps all that was imported out of every later garbage collection, which then is quick."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Lets the end of the process collect everything."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with leak_guard():
        yield


@pytest.fixture
def seed() -> int:
    """A test that takes it passes for every seed from 0 to 99."""
    return int(os.environ.get(SEED_VARIABLE, "42"))


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Runs the test on one torch thread: tiny networks are faster so, sums keep their order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
