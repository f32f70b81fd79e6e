"""What counts as the device time of a trial: its own steps, and nothing that depends on others."""

import time
from types import SimpleNamespace

import pytest

from search.trial import trial_run
from search.trial.trial_run import TrialRun
from tests.search.builders.people import shared_images
from tests.trainables import tiny
from trainables.data.image_store import ImageStore
from trainables.data.resized_store import ResizedStores

pytestmark = pytest.mark.usefixtures("one_torch_thread")

EPOCHS = int(tiny.FLAT["schedule.epochs"])
HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch):
    """The clock that a trial reads."""
    clock = SimpleNamespace(late=0.0)
    now = time.perf_counter
    monkeypatch.setattr(trial_run.time, "perf_counter", lambda: now() + clock.late)
    return clock


@pytest.fixture
def slow(monkeypatch, clock):
    """Makes a method take an hour on that clock."""

    def slow(owner, name):
        method = getattr(owner, name)

        def late(*given, **named):
            clock.late += HOUR
            return method(*given, **named)

        monkeypatch.setattr(owner, name, late)

    return slow


@pytest.mark.parametrize("writes", ["_write_curves", "_draw", "_save"])
def test_drawing_and_writing_are_no_device_time(start, clock, slow, writes):
    slow(TrialRun, writes)
    run = start()
    results = [run.epoch() for _ in range(EPOCHS)]
    assert clock.late >= HOUR
    assert results[-1]["seconds"] < HOUR


@pytest.mark.parametrize(("owner", "method"), [(ImageStore, "open"), (ResizedStores, "_make")])
def test_decoding_and_resizing_are_no_device_time(people, tmp_path, clock, slow, owner, method):
    slow(owner, method)
    images = shared_images(people, tmp_path / "cache", tmp_path)
    run = TrialRun(images, space="gender", number=3, config=tiny.flat(), seed=1, write=False)
    assert run.epoch()["seconds"] < HOUR
    assert clock.late == HOUR
    run.close()
