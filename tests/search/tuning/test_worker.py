"""The warm worker, without Ray: one trial after another in one process."""

import gc
import time

import pytest

from search.trial.trial_run import TrialRun
from search.tuning.worker import Worker
from tests.search.builders.people import shared_images
from tests.search.builders.scripted import Clock
from tests.trainables import tiny

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def images(people, cache, tmp_path):
    return shared_images(people, cache, tmp_path)


def asked(number, **config):
    flat = {**tiny.flat(), **config}
    return {"space": "gender", "number": number, "config": flat, "seed": number}


@pytest.fixture
def kept(monkeypatch):
    """The devices that freed memory is kept for: of this process it is given back."""
    found = []
    monkeypatch.setattr("search.tuning.worker.keep_freed", found.append)
    return found


@pytest.fixture
def worker(images, kept, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    # Every CPU trains in the same precision here.
    monkeypatch.setattr("trainables.precision._INSTRUCTIONS", set())
    # Ray's constructor makes a folder for its logs and then calls setup.
    worker = Worker.__new__(Worker)
    worker.setup(asked(0), setting=images.setting)
    yield worker
    worker.cleanup()
    gc.unfreeze()


def test_a_warm_worker_takes_the_next_trial_and_tells_the_gap(worker, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    worker.step()
    clock.now += 7.0
    images = worker._images.tensor
    assert worker.reset_config(asked(1))
    result = worker.step()
    assert result["epoch"] == 1
    assert result["gap"] == 7.0
    assert "gap" not in worker.step()
    assert worker._images.tensor is images


def test_a_worker_keeps_freed_memory(worker, kept):
    assert kept == [worker._images.device]


def test_the_checkpoint_of_a_stopped_trial_goes_when_its_worker_goes_on(worker, tmp_path):
    worker.reset_config(asked(1))
    worker.step()
    worker.reset_config(asked(2))
    worker.step()
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["gender-2.pt"]


def test_a_trial_after_a_broken_one_is_what_it_would_be_alone(worker, images):
    alone = TrialRun(
        images, space="gender", number=2, config=asked(2)["config"], seed=2, write=False
    )
    expected = alone.epoch()["value"]
    worker.reset_config(asked(1, **{"backbone.name": "no_such_model"}))
    assert worker.step()["cause"] == "error"
    worker.reset_config(asked(2))
    assert worker.step()["value"] == expected


def test_what_is_alive_after_the_first_trial_is_not_looked_at_between_later_ones(worker):
    worker.step()
    before = len(gc.get_objects())
    worker.reset_config(asked(1))
    settled = len(gc.get_objects())
    worker.step()
    worker.reset_config(asked(2))
    assert settled < before / 4
    assert len(gc.get_objects()) < before / 4
