"""What a worker works with where it sees no folder of the driver."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from search.ending.faults import Fault
from search.prepare import setting as setting_module
from search.prepare.setting import Away, Decoded, SharedImages
from search.store.outputs import Outputs, ResultsFolder, SentOutputs
from tests.search.builders.people import trial_setting, write_people
from tests.trainables import tiny
from trainables.config import TrialConfig
from trainables.data.image_store import ImageStore
from trainables.data.layouts import flat
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WEIGHTS = b"weights of a network"


class DirectLink(ResultsFolder):
    """The driver's end, without Ray between; notes what is asked of it."""

    def __init__(self, results, images, weights):
        super().__init__(results)
        self._images, self._weights = images, ResultsFolder(weights)
        self.asked = []

    def images(self, contents, on_step):
        self.asked.append("images")
        return self._images[contents]

    def weights(self, name, start):
        self.asked.append(name)
        content = self._weights.read(name, start)
        return content if content is None else content[:8]  # in many parts


@pytest.fixture
def driver(tmp_path):
    """The folders of a driver, its setting and its decoded images."""
    folder = tmp_path / "driver"
    setting = trial_setting(write_people(folder / "data"), folder / "cache", folder / "results")
    (folder / "results").mkdir()
    (folder / "weights").mkdir()
    (folder / "weights" / "test_resnet.safetensors").write_bytes(WEIGHTS)
    store = ImageStore.open(setting.table, setting.stored_size, setting.cache_dir, num_threads=1)
    return replace(setting, weights_dir=folder / "weights"), store


@pytest.fixture
def node(driver, tmp_path, monkeypatch):
    """Returns the images of a worker, and the link; the node has an empty temporary folder."""
    setting, store = driver
    (tmp_path / "node").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "node"))

    def made(*, travels=True, unlabelled=None):
        stores = [store] if unlabelled is None else [store, opened(setting, unlabelled)]
        images = {each.contents: np.array(each.array) if travels else None for each in stores}
        link = DirectLink(setting.results_dir, images, setting.weights_dir)
        away = Away(
            link=link,
            images=Decoded.of(store),
            with_unlabelled=None if unlabelled is None else Decoded.of(stores[1]),
            weights="0123",
        )
        return SharedImages(replace(setting, unlabelled=unlabelled, away=away)), link

    return made


def opened(setting, unlabelled):
    photos = replace(setting, unlabelled=unlabelled).photos
    return ImageStore.open(photos, setting.stored_size, setting.cache_dir, num_threads=1)


def hide(driver, *names):
    folder = driver[0].cache_dir.parent
    for name in names:
        (folder / name).rename(folder / f"hidden {name}")


def config(**changes):
    return TrialConfig.from_flat({**tiny.flat(), **changes})


def test_on_one_machine_nothing_travels(driver):
    images = SharedImages(driver[0])
    assert type(images.outputs) is Outputs
    np.testing.assert_array_equal(images.tensor.numpy(), driver[1].array)
    assert images.weights_for(config()) == driver[0].weights_dir


def test_a_node_that_sees_the_cache_reads_it_and_asks_for_nothing(node, driver):
    hide(driver, "data")
    images, link = node()
    np.testing.assert_array_equal(images.tensor.numpy(), driver[1].array)
    assert link.asked == []


def test_a_node_that_sees_no_folder_gets_the_images_and_keeps_what_it_makes_of_them(
    node, driver, tmp_path
):
    hide(driver, "cache", "data")
    images, link = node()
    wanted = config(**{"input.size": 16}).input
    here = images.training_data(driver[0].split.search_train)
    resized = here.images.at(wanted)
    assert link.asked == ["images"]
    np.testing.assert_array_equal(images.tensor.numpy(), driver[1].array)
    assert resized.shape[1:] == (16, 16, 3)
    own = list((tmp_path / "node").rglob("resized/*.npy"))
    assert len(own) == 1
    assert not driver[0].cache_dir.exists()


def test_where_the_images_have_no_room_a_node_that_sees_the_data_decodes_it(node, driver):
    hide(driver, "cache")
    images, _ = node(travels=False)
    np.testing.assert_array_equal(images.tensor.numpy(), driver[1].array)


@pytest.mark.parametrize(
    ("hidden", "travels"),
    [(["data", "more"], True), (["cache", "data", "more"], True), (["cache"], False)],
    ids=["the cache", "the link", "the photos"],
)
def test_a_node_gets_the_images_with_those_of_unlabelled_photos_in_the_same_ways(
    node, driver, hidden, travels
):
    setting, _ = driver
    unlabelled = flat.read(write_people(setting.cache_dir.parent / "more") / "photos")
    images, link = node(travels=travels, unlabelled=unlabelled)
    both = np.array(opened(setting, unlabelled).array)
    assert len(both) == 2 * 48
    hide(driver, *hidden)
    np.testing.assert_array_equal(images.tensor.numpy(), both)
    assert link.asked == ["images"] * ("cache" in hidden)


def test_a_node_that_has_no_way_to_the_images_says_which_are_missing(node, driver):
    hide(driver, "cache", "data")
    images, _ = node(travels=False)
    with pytest.raises(DataError, match=r"48 of 48 images"):
        _ = images.tensor


def test_weights_come_once_a_node_and_only_where_they_are_wanted(node, driver):
    wanted = config(**{"backbone.pretrained": True})
    images, link = node()
    assert images.weights_for(wanted) == driver[0].weights_dir
    hide(driver, "weights")
    link._weights = ResultsFolder(driver[0].weights_dir.parent / "hidden weights")
    images.weights_for(config())
    assert link.asked == []
    folder = images.weights_for(wanted)
    assert (folder / "test_resnet.safetensors").read_bytes() == WEIGHTS
    asked = len(link.asked)
    assert asked > 1
    assert node()[0].weights_for(wanted) == folder
    images.weights_for(wanted)
    assert len(link.asked) == asked


def test_weights_that_the_driver_lacks_are_none_here(node, driver):
    hide(driver, "weights")
    images, link = node()
    folder = images.weights_for(config(**{"backbone.pretrained": True}))
    assert link.asked == ["test_resnet.safetensors"]
    assert not list(folder.glob("*.safetensors"))


def test_what_a_worker_makes_and_its_signs_of_life_go_to_the_results(node, driver):
    images, _ = node()
    results = driver[0].results_dir
    assert isinstance(images.outputs, SentOutputs)
    path = images.outputs.here(results / "models" / "a.safetensors")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    images.outputs.hand_over(path)
    images.setting.sign(results / "heartbeats" / "a.beat", "node-7", begins=True)
    made = {p.relative_to(results) for p in results.rglob("*") if p.is_file()}
    assert made == {Path("models/a.safetensors"), Path("heartbeats/a.beat")}


@pytest.mark.parametrize("bf16", [False, True])
def test_a_cpu_measures_precisions_where_the_run_asks_for_it(driver, bf16):
    setting, _ = driver
    images = SharedImages(replace(setting, bf16=bf16))
    assert images.precisions.is_measured is bf16


@pytest.mark.parametrize(
    ("share", "held", "is_fault"), [(1.0, 0.05, 0), (1.0, 0.5, 1), (0.5, 0.5, 0), (0.5, 0.7, 1)]
)
def test_memory_that_others_hold_is_no_fault_of_a_config(
    driver, monkeypatch, share, held, is_fault
):
    """With half a GPU, another training has the other half."""
    setting, _ = driver
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    assert SharedImages(setting).crowded(full) is None
    monkeypatch.setattr(setting_module, "limit_memory", lambda *_: None)
    monkeypatch.setattr(setting_module, "held_by_others", lambda _: held)
    images = SharedImages(replace(setting, device="cuda", device_share=share))
    assert images.crowded(ValueError("another")) is None
    found = images.crowded(full)
    assert (found is not None) == is_fault
    if found:
        assert found.kind is Fault.MEMORY
        assert f"other processes hold {held:.0%}" in str(found)


def test_a_gpu_that_has_no_room_even_to_be_asked_fails(driver, monkeypatch):
    def no_room(device):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(setting_module, "held_by_others", no_room)
    images = SharedImages(replace(driver[0], device="cuda", device_share=1.0))
    assert images.crowded(RuntimeError("CUDA error: out of memory")).kind is Fault.MEMORY
