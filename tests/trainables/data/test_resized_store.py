import errno
import os
import shutil
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from tests.trainables.data.folders import colour_table, write_image
from trainables import locks
from trainables.config import Input
from trainables.data import resized_store
from trainables.data.image_store import ImageStore
from trainables.data.resized_store import ResizedStores, room_in
from trainables.data.training_images import TrainingImages
from trainables.drafts import ENDING
from trainables.machine import Machine
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
    return ResizedStores(store=store, room=lambda folder: 10**9)


@pytest.fixture
def folder(store):
    found = store.path.parent / "resized"
    found.mkdir()
    return found


def _read(store, device="cpu"):
    """Returns the images, which are on the host, as a training on a device reads them."""
    stored = torch.from_numpy(store.array)
    return TrainingImages.of(store, stored, torch.device(device), lambda: None).at(SMALL)


def _of(count):
    """Returns the room for so many crops of `SMALL`'s size."""
    return lambda folder: count * (BYTES + HEADER)


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
    again = ResizedStores(store=store, room=_of(9)).tensor(SMALL)
    assert torch.equal(again, first)
    assert len(_files(store)) == 1


def test_of_several_that_ask_at_once_one_resizes(store):
    steps = []
    with ThreadPoolExecutor(4) as threads:
        asked = [
            threads.submit(
                ResizedStores(store=store, room=_of(9), on_step=lambda: steps.append(1)).tensor,
                SMALL,
            )
            for _ in range(4)
        ]
    assert all(future.result().shape == (6, 16, 16, 3) for future in asked)
    assert len(steps) == 1


def test_those_of_other_files_are_others(store, stores):
    stores.tensor(SMALL)
    ResizedStores(store=replace(store, contents="changed"), room=_of(9)).tensor(SMALL)
    assert len(_files(store)) == 2


def test_what_has_no_room_is_not_kept(store):
    assert ResizedStores(store=store, room=lambda folder: BYTES - 1).tensor(SMALL) is None
    assert _files(store) == []


def test_the_least_recently_used_go_first(store):
    stores = ResizedStores(store=store, room=_of(2))
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


def test_the_room_is_a_quarter_of_memory_and_a_fifth_of_what_the_disk_has_for_it(
    folder, monkeypatch
):
    (folder / "a.npy").write_bytes(b"x" * 700)
    (folder / f".b{ENDING}").write_bytes(b"x" * 300)
    (folder / "c.lock").write_bytes(b"x" * 50)
    memory, disk = 10**9, namedtuple("Disk", "free")(free=4000)
    monkeypatch.setattr(Machine, "memory_bytes", lambda self: memory)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    assert room_in(folder) == (4000 + 1000) // 5
    memory = 400
    assert room_in(folder) == 100
    memory = None
    assert room_in(folder) == 0


def test_what_others_rename_and_delete_meanwhile_stops_no_training(store, folder, monkeypatch):
    there = Path.iterdir
    gone = [folder / "gone.npy", folder / f".gone{ENDING}"]
    monkeypatch.setattr(Path, "iterdir", lambda self: iter([*there(self), *gone]))
    assert _read(store).dtype == torch.float32


def test_a_folder_that_cannot_be_read_has_no_room(store, folder, monkeypatch):
    def refused(self):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "iterdir", refused)
    assert _read(store).dtype == torch.uint8


def test_a_file_that_cannot_be_touched_is_used_all_the_same(store, stores, monkeypatch):
    def refused(*given, **named):
        raise PermissionError(errno.EPERM, "of another user")

    stores.tensor(SMALL)
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(resized_store, "resized", lambda *given: pytest.fail("made again"))
    assert stores.tensor(SMALL) is not None


def test_another_frame_under_the_name_of_a_crop_makes_other_images(store, stores, monkeypatch):
    before = stores.tensor(SMALL).clone()
    monkeypatch.setitem(CROPS, "full", (0.5, 0.5, 0.6, 0.6))
    assert not torch.equal(stores.tensor(SMALL), before)


def test_the_room_is_asked_when_images_are_to_be_kept(store):
    asked = []
    stores = ResizedStores(store=store, room=lambda folder: asked.append(folder) or 10**9)
    assert asked == []
    stores.tensor(SMALL)
    stores.tensor(SMALL)
    assert asked == [store.path.parent / "resized"]


def test_what_is_being_written_counts(store, folder):
    (folder / f".of.another.machine.1-2{ENDING}").write_bytes(b"x" * BYTES)
    stores = ResizedStores(store=store, room=_of(2))
    stores.tensor(SMALL)
    stores.tensor(OTHER)
    assert _crops(store) == ["face"]


def test_a_draft_that_nobody_has_written_to_for_a_day_goes(store, folder):
    old, new = (folder / f".{name}.another.1-2{ENDING}" for name in ("old", "new"))
    for draft in (old, new):
        draft.write_bytes(b"x")
    os.utime(old, (0, 0))
    ResizedStores(store=store, room=_of(2)).tensor(SMALL)
    assert not old.exists()
    assert new.exists()


def test_the_lock_of_a_crop_goes_with_it(store):
    stores = ResizedStores(store=store, room=_of(1))
    for wanted in (SMALL, OTHER):
        stores.tensor(wanted)
    (file,) = _files(store)
    assert file.with_suffix(".lock") in (there := list(file.parent.glob("*-*.lock")))
    assert len(there) == 1


def test_a_crop_that_is_being_made_again_stays_with_its_lock(store):
    stores = ResizedStores(store=store, room=_of(1))
    stores.tensor(SMALL)
    (file,) = _files(store)
    with FileLock(file.with_suffix(".lock")):
        stores.tensor(OTHER)
        assert file.exists()
        assert file.with_suffix(".lock").exists()


def test_a_crop_of_another_user_stays(store, monkeypatch):
    stores = ResizedStores(store=store, room=_of(1))
    stores.tensor(SMALL)

    def refused(self, missing_ok=False):
        raise PermissionError(errno.EPERM, "of another user")

    theirs = _files(store)[0]
    real = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda self, **o: (refused if self == theirs else real)(self, **o)
    )
    assert stores.tensor(OTHER) is not None
    assert _crops(store) == ["face", "full"]


def test_who_waits_for_another_that_resizes_gives_signs_of_life(store, folder, monkeypatch):
    monkeypatch.setattr(locks, "_BETWEEN_SIGNS_S", 0.01)
    stores = ResizedStores(store=store, room=_of(1))
    lock = FileLock(stores._path(SMALL).with_suffix(".lock"), thread_local=False)
    lock.acquire()
    signs = []

    def sign():
        signs.append(lock.is_locked)
        lock.release()

    assert replace(stores, on_step=sign).tensor(SMALL) is not None
    assert signs[0]


def test_a_gpu_resizes_the_images_itself_wherever_they_are(store):
    assert _read(store, "cuda").dtype == torch.uint8
    assert _read(store, "cpu").dtype == torch.float32
