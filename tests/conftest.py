"""What every test gets: no leaks, one seed, and torch on one thread where it asks for it."""

import os
from collections.abc import Iterator

import pytest

from tests.leaks import leak_guard

SEED_VARIABLE = "HEADRACE_TEST_SEED"


def pytest_report_header() -> str:
    """Says how to repeat the tests with the same seed."""
    return f"{SEED_VARIABLE}={os.environ.get(SEED_VARIABLE, '42')}"


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
