from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainables.data.stored import open_store, six_photos
from trainables.data.sample_table import SampleTable


@pytest.fixture
def table(tmp_path: Path) -> SampleTable:
    return six_photos(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_the_tensor_on_the_cpu_shares_the_memory_map(table, cache):
    store, _ = open_store(table, cache)
    images = store.tensor(torch.device("cpu"))
    assert images.dtype == torch.uint8
    assert tuple(images.shape) == (6, 16, 8, 3)
    assert images.data_ptr() == store.array.ctypes.data


def test_writing_to_the_tensor_does_not_change_the_file(table, cache):
    store, _ = open_store(table, cache)
    store.tensor(torch.device("cpu")).zero_()
    again, _ = open_store(table, cache)
    assert again.array[5, 0, 0].tolist() == [200, 100, 7]


def test_images_stay_on_the_cpu_where_they_do_not_fit_the_share(table, cache, monkeypatch):
    store, _ = open_store(table, cache)
    free = store.array.nbytes * 2
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, free))
    assert store.tensor(torch.device("cuda"), share=0.5).device.type == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_images_are_copied_to_a_device_with_room(table, cache):
    store, _ = open_store(table, cache)
    images = store.tensor(torch.device("cuda"))
    assert images.device.type == "cuda"
    np.testing.assert_array_equal(images.cpu().numpy(), store.array)
