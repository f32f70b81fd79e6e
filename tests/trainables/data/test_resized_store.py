import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.data.folders import colour_table, write_image
from trainables.config import Input
from trainables.data import resized_store
from trainables.data.image_store import ImageStore
from trainables.data.resized_store import ResizedStores, resized_on
from trainables.drafts import ENDING
from trainables.preprocess import CROPS, resized

SMALL = Input(size=16, crop="full")
OTHER = Input(size=16, crop="face")
BYTES = 6 * 16 * 16 * 3 * 4
HEADER = 128


@pytest.fixture
def store(tmp_path):
    table = colour_table(tmp_path / "data", list("aabbcc"))
    for path in table.paths:
        write_image(table.root / path, size=(32, 40), colour=(1, 2, 3))
    made = ImageStore.open(table, (40, 32), tmp_path / "cache", num_threads=1)
    made.array[:] = np.random.default_rng(0).integers(0, 256, made.array.shape)
    return made


@pytest.fixture
def stores(store):
    return ResizedStores(store=store, room=10**9)


def _files(store):
    return sorted((store.path.parent / "resized").glob("*.npy"))


def _crops(store):
    return [file.name.split("-")[-3] for file in _files(store)]


def _used(store, **when):
    """Says when the crops were last used, in nanoseconds of 1970."""
    for file, crop in zip(_files(store), _crops(store), strict=True):
        os.utime(file, ns=(when[crop], when[crop]))


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("size", [16, 32, 48])
def test_they_are_bit_for_bit_what_a_batch_would_be_resized_to(store, stores, crop, size):
    wanted = Input(size=size, crop=crop)
    batch = torch.from_numpy(store.array[[4, 1, 1]])
    found = stores.tensor(wanted)[[4, 1, 1]].permute(0, 3, 1, 2)
    assert torch.equal(found, resized(batch, wanted))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_they_are_made_once_and_shared_by_those_who_ask(store, stores, monkeypatch):
    first = stores.tensor(SMALL)
    monkeypatch.setattr(resized_store, "resized", lambda *given: pytest.fail("made again"))
    again = ResizedStores(store=store, room=10**9).tensor(SMALL)
    assert torch.equal(again, first)
    assert len(_files(store)) == 1


def test_of_several_that_ask_at_once_one_resizes(store):
    steps = []
    with ThreadPoolExecutor(4) as threads:
        asked = [
            threads.submit(
                ResizedStores(store=store, room=10**9, on_step=lambda: steps.append(1)).tensor,
                SMALL,
            )
            for _ in range(4)
        ]
    assert all(future.result().shape == (6, 16, 16, 3) for future in asked)
    assert len(steps) == 1


def test_those_of_other_files_are_others(store, stores):
    stores.tensor(SMALL)
    ResizedStores(store=replace(store, contents="changed"), room=10**9).tensor(SMALL)
    assert len(_files(store)) == 2


def test_what_has_no_room_is_not_kept(store):
    assert ResizedStores(store=store, room=BYTES - 1).tensor(SMALL) is None
    assert _files(store) == []


def test_the_least_recently_used_go_first(store):
    stores = ResizedStores(store=store, room=2 * (BYTES + HEADER))
    kept, _ = stores.tensor(SMALL), stores.tensor(OTHER)
    _used(store, full=10, face=5)
    stores.tensor(Input(size=16, crop="lower"))
    assert _crops(store) == ["full", "lower"]
    _used(store, full=5, lower=10)
    stores.tensor(SMALL)
    stores.tensor(OTHER)
    assert _crops(store) == ["face", "full"]
    assert torch.equal(kept, stores.tensor(SMALL))


def test_one_that_is_deleted_stays_with_who_has_it_open(store, stores):
    found = stores.tensor(SMALL)
    before = found.clone()
    _files(store)[0].unlink()
    assert torch.equal(found, before)


@pytest.mark.parametrize(
    "spoil", [lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"x" * 9)]
)
def test_a_file_that_is_not_whole_is_made_again(store, stores, spoil):
    first = stores.tensor(SMALL).clone()
    spoil(_files(store)[0])
    assert torch.equal(stores.tensor(SMALL), first)


def test_a_full_disk_costs_time_and_nothing_else(store, stores, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert stores.tensor(SMALL) is None
    assert not list((store.path.parent / "resized").glob(f".*{ENDING}"))


def test_the_room_is_a_part_of_memory_and_disk(store):
    room = ResizedStores.of(store).room
    assert 0 < room < 2**50


def test_a_gpu_that_holds_the_images_resizes_them_itself(store):
    on_gpu = torch.empty(0, device="meta")
    assert resized_on(on_gpu, store, lambda: None)(SMALL) is None
    assert resized_on(torch.from_numpy(store.array), store, lambda: None)(SMALL) is not None
