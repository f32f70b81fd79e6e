"""One Ray runtime and one folder of photos for all tests of the search."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.search.builders.people import write_people


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos of each of 24 people; nobody may write to it."""
    return write_people(tmp_path_factory.mktemp("people") / "data")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that tests share, so that photos are decoded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def ray_runtime() -> Iterator[None]:
    """A local Ray runtime of two CPUs, bound to the loopback; it ends with the session."""
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=128 * 2**20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that would start Ray."""

    def start(*given: object, **options: object) -> None:
        pytest.fail("Ray was started")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", start)
