"""Work on a slot of the cluster: its answer, its own error, and a worker that is lost."""

import os
import signal

import pytest

from search.ending.faults import Fault, fault_of
from search.errors import StalledError
from search.prepare.resources import Resources
from search.refit.on_worker import on_worker

ONE = Resources(slots=1, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=1, num_gpus=0)

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]


def add(on_step, one, two):
    on_step()
    return one + two


def refuse(on_step):
    raise ValueError("not this one")


def fill_the_disk(on_step, tries, until=3):
    with tries.open("a") as file:
        file.write("x")
    if tries.stat().st_size < until:
        raise OSError(28, "No space left on device")
    return "written"


def die_once(on_step, marker):
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "lived"


def always_die(on_step):
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_on_a_worker_is_answered_and_leaves_nothing(tmp_path):
    assert on_worker(ONE, tmp_path / "x.beat", add, 2, 3) == 5
    assert list(tmp_path.iterdir()) == []


def test_what_the_work_raises_is_raised(tmp_path):
    with pytest.raises(ValueError, match="not this one"):
        on_worker(ONE, tmp_path / "x.beat", refuse)


def test_work_that_the_machine_fails_begins_again_twice(tmp_path):
    tries = tmp_path / "tries"
    assert on_worker(ONE, tmp_path / "x.beat", fill_the_disk, tries) == "written"


def test_a_machine_that_goes_on_failing_is_named(tmp_path):
    tries = tmp_path / "tries"
    with pytest.raises(OSError, match="No space left") as caught:
        on_worker(ONE, tmp_path / "x.beat", fill_the_disk, tries, 9)
    assert fault_of(caught.value).kind is Fault.DISK_FULL
    assert tries.read_text() == "xxx"


def test_work_whose_worker_dies_begins_again(tmp_path):
    assert on_worker(ONE, tmp_path / "x.beat", die_once, tmp_path / "died") == "lived"


def test_work_whose_workers_always_die_ends_the_run(tmp_path):
    with pytest.raises(StalledError, match="the workers of always_die die"):
        on_worker(ONE, tmp_path / "x.beat", always_die)
