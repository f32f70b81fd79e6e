"""What the tests of a trial begin with."""

import pytest

from search.trial.trial_run import TrialRun
from tests.search.builders.people import shared_images
from tests.trainables import tiny


@pytest.fixture
def images(people, cache, tmp_path):
    return shared_images(people, cache, tmp_path)


@pytest.fixture
def start(images, monkeypatch):
    """Starts a trial with a checkpoint an epoch; the test ends what it leaves open."""
    monkeypatch.setattr("search.trial.trial_run._CHECKPOINT_SHARE", 1e9)
    runs = []

    def start(*changes, write=True, seed=11, number=3):
        config = tiny.flat(tiny.BUSY, *changes)
        run = TrialRun(
            images, space="gender", number=number, config=config, seed=seed, write=write
        )
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.close()
