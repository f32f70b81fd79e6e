"""Workers that reach the driver through Ray alone: files, images, weights, errors."""

import gc
import os
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import ray

from search.ending.faults import Fault, fault_of
from search.refit import transfer
from search.refit.transfer import Depot, fits_on, linked
from search.store import outputs
from search.store.outputs import ResultsFolder

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]

LARGE = 300_000  # more than goes into a message


@pytest.fixture
def depot(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "weights").mkdir()
    return Depot(
        results=ResultsFolder(tmp_path / "results"),
        weights_dir=tmp_path / "weights",
        images={"few": images(4), "all": images(6)},
    )


def images(number):
    return np.arange(number * 3 * 3 * 3, dtype=np.uint8).reshape(number, 3, 3, 3)


def on_node(link, work, *given):
    """Returns what a worker returns that has nothing but the link."""
    return ray.get(ray.remote(num_cpus=1, max_retries=0)(_work).remote(link, work, given))


def _work(link, work, given):
    return work(link, *given)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_goes_to_the_driver_and_comes_back(depot, tmp_path, size):
    content = os.urandom(size)

    def put(link, content):
        link.put("checkpoints/a.pt", 0, content, last=True, transfer="x")
        link.grow("tensorboard/a", 0, content)
        link.grow("tensorboard/a", len(content), b"more")
        return link.read("checkpoints/a.pt", 0)

    def remove(link):
        link.remove("checkpoints/a.pt")
        return link.read("checkpoints/a.pt", 0)

    with linked(depot) as link:
        assert on_node(link, put, content) == content
        assert (tmp_path / "results/checkpoints/a.pt").read_bytes() == content
        assert (tmp_path / "results/tensorboard/a").read_bytes() == content + b"more"
        assert on_node(link, remove) is None
        assert not (tmp_path / "results/checkpoints/a.pt").exists()


def test_what_the_disk_of_the_driver_refuses_is_a_fault_of_the_machine_at_the_worker(
    depot, monkeypatch
):
    def full(path, start, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(outputs, "_write_at", full)

    def grow(link):
        try:
            link.grow("tensorboard/a", 0, b"x")
        except OSError as error:
            return error
        return None

    with linked(depot) as link:
        error = on_node(link, grow)
        assert fault_of(error).kind is Fault.DISK_FULL
        assert error.filename.endswith("tensorboard/a")
        with pytest.raises(ray.exceptions.RayTaskError, match="must lie in the results folder"):
            on_node(link, lambda link: link.remove("../x"))


def test_a_slow_file_does_not_hold_up_the_others(depot, monkeypatch):
    free, put = threading.Event(), ResultsFolder.put

    def slow(self, name, *given, **named):
        if name == "slow":
            free.wait()
        put(self, name, *given, **named)

    monkeypatch.setattr(ResultsFolder, "put", slow)

    def send(link, name):
        link.put(name, 0, b"x", last=True, transfer="x")
        return name

    with linked(depot) as link:
        task = ray.remote(num_cpus=0.5, max_retries=0)(_work)
        waits = task.remote(link, send, ("slow",))
        assert on_node_beside(link, send, "quick") == "quick"
        assert ray.wait([waits], timeout=0)[0] == []
        free.set()
        assert ray.get(waits) == "slow"


def on_node_beside(link, work, *given):
    return ray.get(ray.remote(num_cpus=0.5, max_retries=0)(_work).remote(link, work, given))


def test_signs_of_life_arrive_without_being_waited_for(depot, tmp_path):
    def sign(link):
        link.sign("heartbeats/a.beat", "node-7", begins=True)
        link.remove("nothing")  # is answered: what was said before it has been taken out

    with linked(depot) as link:
        on_node(link, sign)
    assert (tmp_path / "results/heartbeats/a.beat").read_text() == "node-7"


def test_the_images_are_one_read_only_copy_for_all_workers_of_a_node(depot):
    with linked(depot) as link:
        assert on_node(link, look, "few") == (images(4).sum(), False, False)
        first = depot.shared
        on_node(link, look, "few")
        assert depot.shared is first


def look(link, contents):
    found = link.images(contents, lambda: None)
    return found.sum(), found.flags.writeable, found.flags.owndata


def test_whoever_waits_for_images_shows_signs_of_life(depot, monkeypatch):
    wait, not_yet, signs = ray.wait, iter([([], []), ([], [])]), []
    monkeypatch.setattr(
        ray, "wait", lambda *given, **named: next(not_yet, None) or wait(*given, **named)
    )
    with linked(depot) as link:
        found = link.images("few", lambda: signs.append("alive"))
    assert found.sum() == images(4).sum()
    assert signs == ["alive", "alive"]


def test_images_that_do_not_come_are_a_fault_of_the_machine(depot, monkeypatch):
    monkeypatch.setattr("search.refit.transfer._IMAGES_S", -1.0)
    monkeypatch.setattr(ray, "wait", lambda *given, **named: ([], []))
    with linked(depot) as link, pytest.raises(OSError, match="do not come") as caught:
        link.images("few", lambda: None)
    assert fault_of(caught.value).kind is Fault.SYSTEM


def test_the_object_store_holds_the_images_of_one_stage(depot):
    with linked(depot) as link:
        on_node(link, look, "few")
        first = depot.shared[1].hex()
        assert on_node(link, look, "all") == (images(6).sum(), False, False)
        assert depot.shared[0] == "all"
        held = gc.get_objects()
        assert first not in [each.hex() for each in held if isinstance(each, ray.ObjectRef)]
        assert on_node(link, look, "few") == (images(4).sum(), False, False)


def test_images_without_room_in_the_object_store_do_not_travel(depot, monkeypatch):
    monkeypatch.setattr("search.refit.transfer.object_store_bytes", lambda: {})
    with linked(depot) as link:
        assert on_node(link, lambda link: link.images("few", lambda: None)) is None
    assert depot.shared == ("", None)


def test_images_need_room_on_the_node_and_on_that_of_the_driver():
    own = ray.get_runtime_context().get_node_id()
    assert fits_on(80, "other", {own: 100, "other": 100})
    assert not fits_on(81, "other", {own: 100, "other": 1000})
    assert not fits_on(81, "other", {own: 1000, "other": 100})
    assert not fits_on(1, "gone", {own: 1000})


def test_weights_come_from_their_folder_and_from_nowhere_else(depot, tmp_path):
    (tmp_path / "weights" / "resnet18.safetensors").write_bytes(b"weights")
    (tmp_path / "secret").write_bytes(b"secret")

    def read(link, name):
        return link.weights(name, 0)

    with linked(depot) as link:
        assert on_node(link, read, "resnet18.safetensors") == b"weights"
        assert on_node(link, read, "other.safetensors") is None
        with pytest.raises(ray.exceptions.RayTaskError, match="must lie in the"):
            on_node(link, read, "../secret")
        depot.weights_dir = None
        assert on_node(link, read, "resnet18.safetensors") is None


def test_a_mailbox_that_dies_is_no_configs_fault_and_ends_the_run(depot, monkeypatch):
    lost, told = [], threading.Event()

    def lose(what):
        lost.append(what)
        told.set()

    monkeypatch.setattr(transfer, "under_way", lambda: SimpleNamespace(lost="", lose=lose))

    def remove(link):
        try:
            link.remove("a")
        except OSError as error:
            return error
        return None

    with linked(depot) as link:
        ray.kill(link.mailbox)
        assert fault_of(on_node(link, remove)).kind is Fault.SYSTEM
        told.wait()
        assert lost == ["the process of Ray that brings the files of workers has ended"]


@contextmanager
def _nothing_left(before):
    yield
    assert {thread.name for thread in threading.enumerate()} <= before


def test_nothing_is_left_of_a_link(depot):
    before = {thread.name for thread in threading.enumerate()}
    with _nothing_left(before), linked(depot) as link:
        on_node(link, lambda link: link.remove("nothing"))
