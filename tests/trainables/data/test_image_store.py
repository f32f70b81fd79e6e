import errno
import json
import os
import threading
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from tests.trainables.data.folders import colour_table, write_image
from tests.trainables.data.stored import SIZE, open_store, six_photos
from trainables import locks
from trainables.data import image_store
from trainables.data.bounded_arrays import memory_map
from trainables.data.image_store import ImageStore, decode_image
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.drafts import draft_of
from trainables.errors import DataError
from trainables.locks import held


@pytest.fixture
def table(tmp_path: Path) -> SampleTable:
    return six_photos(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _files(cache: Path) -> set[str]:
    return {path.suffix for path in (cache / "images").iterdir()}


def test_every_image_is_decoded_in_the_order_of_the_table(table, cache):
    store, calls = open_store(table, cache)
    assert isinstance(store.array, np.memmap)
    assert store.array.shape == (6, 16, 8, 3)
    assert store.array.dtype == np.uint8
    for row, path in enumerate(table.paths):
        np.testing.assert_array_equal(store.array[row], decode_image(table.root / path, SIZE, ""))
    assert store.array[:, 0, 0, 0].tolist() == [0, 40, 80, 120, 160, 200]
    assert calls == [(done, 6) for done in range(1, 7)]
    assert store.path.name.startswith(f"{table.fingerprint}-")
    assert store.path.match(f"{cache}/images/*-16x8.npy")
    assert _files(cache) == {".npy", ".json", ".lock"}


def test_the_second_time_nothing_is_decoded(table, cache):
    first, _ = open_store(table, cache)
    again, calls = open_store(table, cache)
    assert calls == []
    np.testing.assert_array_equal(again.array, first.array)


def test_another_size_is_another_store(table, cache):
    open_store(table, cache)
    store = ImageStore.open(table, (8, 8), cache, num_threads=1)
    assert store.array.shape == (6, 8, 8, 3)
    assert len(list((cache / "images").glob("*.npy"))) == 2


def test_an_unlabelled_table_has_a_store_as_well(table, cache):
    unlabelled = UnlabelledTable(root=table.root, paths=table.paths, names=table.paths)
    store, calls = open_store(unlabelled, cache)
    assert len(calls) == 6
    assert store.array[5, 0, 0].tolist() == [200, 100, 7]


def _touch(table: SampleTable, stored: Path) -> None:
    os.utime(table.root / table.paths[2], ns=(1, 1))


def _cut_array(table: SampleTable, stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:-1])


def _empty_array(table: SampleTable, stored: Path) -> None:
    stored.write_bytes(b"")


def _other_array(table: SampleTable, stored: Path) -> None:
    np.save(stored, np.zeros((6, 16, 8, 3), dtype=np.float32))


def _remove_array(table: SampleTable, stored: Path) -> None:
    stored.unlink()


def _tear_description(table: SampleTable, stored: Path) -> None:
    description = stored.with_suffix(".json")
    description.write_text(description.read_text()[:20])


def _kinds_of_another_shape(table: SampleTable, stored: Path) -> None:
    description = stored.with_suffix(".json")
    description.write_text(json.dumps({**json.loads(description.read_text()), "kinds": [1]}))


def _torn_header(table: SampleTable, stored: Path) -> None:
    data = stored.read_bytes()
    stored.write_bytes(data.replace(b"}", b" ", 1))


def _older_decoder(table: SampleTable, stored: Path) -> None:
    description = stored.with_suffix(".json")
    description.write_text(json.dumps({**json.loads(description.read_text()), "decoder": 0}))


@pytest.mark.parametrize(
    "spoil",
    [
        _touch,
        _cut_array,
        _empty_array,
        _other_array,
        _remove_array,
        _tear_description,
        _older_decoder,
        _kinds_of_another_shape,
        _torn_header,
    ],
)
def test_a_stale_or_damaged_store_is_made_again(
    table, cache, spoil: Callable[[SampleTable, Path], None]
):
    # No store may stay open here: a mapped file that is cut short kills the process.
    expected = np.array(open_store(table, cache)[0].array)
    (stored,) = (cache / "images").glob("*.npy")
    spoil(table, stored)
    again, calls = open_store(table, cache)
    assert len(calls) == 6
    np.testing.assert_array_equal(again.array, expected)
    assert open_store(table, cache)[1] == []


def test_an_image_that_was_changed_is_seen(table, cache):
    open_store(table, cache)
    path = table.root / table.paths[0]
    write_image(path, size=(20, 20), colour=(255, 255, 255))
    store, _ = open_store(table, cache)
    assert store.array[0, 0, 0].tolist() == [255, 255, 255]


def test_an_unreadable_image_names_file_and_row_and_leaves_nothing_behind(table, cache):
    path = table.root / table.paths[3]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"made up row 3: image .*0003.png cannot be read"):
        open_store(table, cache)
    assert _files(cache) == {".lock"}


def test_an_unreadable_image_leaves_the_store_of_before_untouched(table, cache):
    store, _ = open_store(table, cache)
    before = store.path.read_bytes()
    path = table.root / table.paths[3]
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(DataError, match="made up row 3"):
        open_store(table, cache)
    assert store.path.read_bytes() == before
    assert _files(cache) == {".npy", ".json", ".lock"}


def test_a_missing_image_is_found_before_anything_is_decoded(table, cache):
    (table.root / table.paths[4]).unlink()
    with pytest.raises(DataError, match=r"made up row 4: image '0004.png' is missing"):
        open_store(table, cache)
    assert not cache.exists()


def test_all_unreadable_images_are_found_at_once_ten_are_named(tmp_path, cache):
    many = colour_table(tmp_path / "data", ["a"] * 30)
    for number, path in enumerate(many.paths):
        write_image(many.root / path, size=(8, 8))
        if number % 2:
            (many.root / path).write_bytes(b"no image")
    with pytest.raises(DataError) as raised:
        ImageStore.open(many, (8, 8), cache, num_threads=2)
    said = str(raised.value)
    assert said.startswith("15 of 30 images under ")
    assert [f"made up row {n}: image {n:04}.png cannot be read" in said for n in (1, 19, 21)] == [
        *(True, True, False)
    ]
    assert said.endswith("; and 5 more")
    assert _files(cache) == {".lock"}


def test_what_was_done_to_some_images_is_known_the_second_time_too(table, cache):
    for row in (1, 3):
        Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(table.root / table.paths[row])
    said = ("2 photos have transparent parts, where the colours stored beneath them are seen",)
    assert open_store(table, cache)[0].notes == said
    store, calls = open_store(table, cache)
    assert (store.notes, calls) == (said, [])


def test_a_store_that_another_process_replaces_while_it_is_opened_says_nothing_of_it(
    table, cache, monkeypatch
):
    open_store(table, cache)

    def replaced(path):
        path.with_suffix(".json").write_text("[]")
        return memory_map(path)

    monkeypatch.setattr(image_store, "memory_map", replaced)
    assert open_store(table, cache)[0].notes == ()


def test_a_store_of_before_that_says_nothing_of_its_images_is_used(table, cache):
    store, _ = open_store(table, cache)
    described = store.path.with_suffix(".json")
    old = json.loads(described.read_text(encoding="utf-8"))
    del old["kinds"]
    described.write_text(json.dumps(old), encoding="utf-8")
    again, calls = open_store(table, cache)
    assert (again.notes, calls) == ((), [])


def test_an_error_that_is_not_the_images_cancels_the_others(tmp_path, cache, monkeypatch):
    many = colour_table(tmp_path / "data", ["a"] * 300)
    for path in many.paths:
        write_image(many.root / path, size=(8, 8))
    begun, cancelled = [], threading.Event()

    class Executor(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            cancelled.set()
            super().shutdown(wait=wait)

    def decode_and_wait(path: Path, size: tuple[int, int], where: str, *more) -> np.ndarray:
        begun.append(where)
        if len(begun) == 1:
            raise OSError("the disk is gone")
        cancelled.wait()
        return decode_image(path, size, where, *more)

    monkeypatch.setattr(image_store, "ThreadPoolExecutor", Executor)
    monkeypatch.setattr(image_store, "decode_image", decode_and_wait)
    with pytest.raises(OSError, match="the disk is gone"):
        ImageStore.open(many, (8, 8), cache, num_threads=1)
    assert 1 <= len(begun) <= 2  # the one that had begun by then may end
    assert not [each for each in threading.enumerate() if each.name.startswith("decode")]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interruption_leaves_nothing_behind(table, cache, error):
    def interrupt(done: int, total: int) -> None:
        raise error("stop")

    with pytest.raises(error, match="stop"):
        ImageStore.open(table, SIZE, cache, num_threads=2, progress=interrupt)
    assert _files(cache) == {".lock"}
    assert not [each for each in threading.enumerate() if each.name.startswith("decode")]


def test_what_a_killed_process_left_is_cleared_away(table, cache):
    mine = draft_of(cache / "images" / "other.npy")
    left = mine.with_name(mine.name.replace(f".{os.getpid()}-", ".999999999-"))
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half" * 10_000)
    store, _ = open_store(table, cache)
    assert store.array[5, 0, 0, 0] == 200
    assert _files(cache) == {".npy", ".json", ".lock"}


def test_of_two_that_open_at_once_one_decodes(table, cache, monkeypatch):
    both_found_nothing = threading.Barrier(2)

    def held_once_both_are_here(*given: object) -> AbstractContextManager[None]:
        both_found_nothing.wait()
        return held(*given)

    monkeypatch.setattr(image_store, "held", held_once_both_are_here)
    results: list[tuple[ImageStore, list]] = []
    threads = [
        threading.Thread(target=lambda: results.append(open_store(table, cache))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decoded = [sum(done > 0 for done, _ in calls) for _, calls in results]
    assert sorted(decoded) == [0, 6]
    np.testing.assert_array_equal(results[0][0].array, results[1][0].array)


def test_who_waits_for_another_that_decodes_gives_signs_of_life(table, cache, monkeypatch):
    monkeypatch.setattr(locks, "_BETWEEN_SIGNS_S", 0.01)
    store, _ = open_store(table, cache)
    store.path.unlink()
    lock = FileLock(store.path.with_suffix(".lock"))
    lock.acquire()
    calls = []

    def sign(*call):
        calls.append(call)
        lock.release()

    ImageStore.open(table, SIZE, cache, num_threads=1, progress=sign)
    assert calls[0] == (0, 6)
    assert calls[-1] == (6, 6)


def test_a_full_disk_is_found_before_anything_is_written(table, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 100)
    monkeypatch.setattr(image_store.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"decoded images need .* use another cache folder"):
        open_store(table, cache)
    assert _files(cache) == {".lock"}


def test_a_disk_that_fills_meanwhile_is_an_error_and_leaves_no_draft(table, cache, monkeypatch):
    """Room is taken before the first image: a memory map without it would kill the process."""

    def full(number, start, length):
        assert (start, length) == (0, os.fstat(number).st_size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device"):
        open_store(table, cache)
    assert _files(cache) == {".lock"}


def test_a_store_is_found_again_where_its_photos_are_not_there(table, cache):
    made, _ = open_store(table, cache)
    for path in table.paths:
        (table.root / path).unlink()
    found = ImageStore.found(made.path, made.contents)
    np.testing.assert_array_equal(found.array, made.array)
    assert (found.path, found.contents) == (made.path, made.contents)


@pytest.mark.parametrize("what", ["other contents", "no file", "no note", "torn note"])
def test_a_store_that_is_another_or_gone_is_not_found(table, cache, what):
    made, _ = open_store(table, cache)
    note, contents = made.path.with_suffix(".json"), made.contents
    if what == "other contents":
        contents = contents[::-1]
    elif what == "no file":
        made.path.unlink()
    elif what == "no note":
        note.unlink()
    else:
        note.write_text("[")
    assert ImageStore.found(made.path, contents) is None


@pytest.mark.filterwarnings("error")
def test_images_that_came_from_elsewhere_are_read_without_a_copy(table, cache, tmp_path):
    made, _ = open_store(table, cache)
    images = np.array(made.array)
    images.flags.writeable = False
    store = ImageStore.of_array(tmp_path / "node", made.path.name, made.contents, images)
    tensor = store.tensor(torch.device("cpu"))
    assert tensor.data_ptr() == images.ctypes.data
    assert store.path == tmp_path / "node" / "images" / made.path.name
    assert store.path.parent.is_dir()


def test_another_folder_of_the_same_names_sizes_and_times_is_decoded_anew(tmp_path):
    """As archives unpack them; a BMP of one size always has as many bytes."""
    means = []
    for name, colour in (("a", 10), ("b", 200)):
        table = colour_table(tmp_path / name, ["p0"])
        (tmp_path / name).mkdir()
        path = tmp_path / name / table.paths[0]
        Image.new("RGB", SIZE, (colour,) * 3).save(path, format="BMP")
        os.utime(path, (0, 0))
        store = ImageStore.open(table, SIZE, tmp_path / "cache", num_threads=1)
        means.append(store.array.mean())
    assert means == [10, 200]
    # Both are kept.
    assert len(list((tmp_path / "cache" / "images").glob("*.npy"))) == 2
