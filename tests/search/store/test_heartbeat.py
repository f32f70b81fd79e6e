"""Signs of life, with a clock of our own."""

import os

import pytest

from search.store.heartbeat import EVERY_S, Heartbeat, Pulse, heartbeat_path
from tests.search.builders.scripted import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return heartbeat_path(tmp_path / "heartbeats", "age-3")


def touched(path):
    """Moves the file's time on, as a later touch does."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def test_a_training_that_no_worker_took_up_is_silent_since_it_was_handed_out(path, clock):
    pulse = Pulse(path, clock)
    clock.now += 90
    assert pulse.silent_s() == 90
    assert not pulse.has_begun
    assert pulse.node == ""


def test_a_step_ends_the_silence_and_the_node_is_known(path, clock):
    pulse = Pulse(path, clock)
    clock.now += 90
    Heartbeat("node-7").begin(path)
    assert pulse.silent_s() == 0
    assert (pulse.has_begun, pulse.node) == (True, "node-7")
    clock.now += 40
    assert pulse.silent_s() == 40
    touched(path)
    assert pulse.silent_s() == 0


def test_steps_that_follow_quickly_touch_the_file_once(path, clock):
    beat = Heartbeat("node", clock)
    beat.begin(path)
    os.utime(path, (0, 0))
    beat()
    assert path.stat().st_mtime == 0
    clock.now += EVERY_S
    beat()
    assert path.stat().st_mtime > 0


def test_the_file_of_an_earlier_training_says_nothing_of_a_new_one(path, clock):
    Heartbeat("old").begin(path)
    pulse = Pulse(path, clock)
    clock.now += 7
    assert pulse.silent_s() == 7
    assert pulse.node == ""


def test_a_file_that_somebody_deleted_comes_back(path, clock):
    beat = Heartbeat("node", clock)
    beat.begin(path)
    path.unlink()
    clock.now += EVERY_S
    beat()
    assert path.read_text() == "node"


def test_a_worker_that_cannot_write_trains_on(tmp_path, clock):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    beat = Heartbeat("node", clock)
    beat.begin(in_the_way / "x.beat")
    clock.now += EVERY_S
    beat()


def test_names_that_no_file_can_bear_have_files(tmp_path):
    names = ["a/b-1", "a" * 400, "[x]-1", "a\\b-1"]
    paths = {heartbeat_path(tmp_path, name) for name in names}
    assert len(paths) == len(names)
    for path in paths:
        Heartbeat("node").begin(path)
        assert path.read_text() == "node"
