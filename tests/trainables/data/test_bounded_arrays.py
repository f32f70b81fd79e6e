"""npz files that claim more than they hold."""

import gc
import io
import sys
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.bounded_arrays import load_arrays, memory_map

ENOUGH = 2**24
"""Bytes that reading a small file may take at most; what the bombs claim is above all memory."""


def _header(shape: str, kind: str = "'<f8'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin1")


def _zip(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_arrays_come_back_as_numpy_wrote_them(tmp_path):
    arrays = {
        "indices": np.arange(5),
        "probs": np.ones((5, 3), dtype=np.float32),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "seconds": np.float64(2.5),
        "note": np.array('{"a": 1}'),
        "none": np.zeros((0, 4)),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    found = load_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype
    assert load_arrays(tmp_path / "a.npz", "note", "absent").keys() == {"note"}


@pytest.mark.parametrize(
    "shape", ["(10**15,)", "(1000000000000000,)", "(1000000, 1000000, 1000)", "(2, -8)"]
)
def test_a_header_that_claims_terabytes_is_refused_before_there_is_room_for_them(tmp_path, shape):
    path = _zip(tmp_path / "a.npz", {"a.npy": _header(shape) + b"\x00" * 16})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"\S"):
            load_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < ENOUGH
    finally:
        tracemalloc.stop()


def test_a_type_that_is_large_by_itself_is_refused(tmp_path):
    path = _zip(tmp_path / "a.npz", {"a.npy": _header("(4,)", "('<f8', (1000000, 100))")})
    with pytest.raises(ValueError, match="claims shape"):
        load_arrays(path)


def test_a_compressed_member_that_grows_is_refused(tmp_path):
    data = _header("(4000000,)") + b"\x00" * 32_000_000
    path = _zip(tmp_path / "a.npz", {"a.npy": data}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"claims 32000128 bytes of arrays and has \d+"):
        load_arrays(path)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    path = _zip(tmp_path / "a.npz", {"a.npy": _header("(1000,)") + b"\x00" * 8_000})
    with zipfile.ZipFile(path, "a") as archive:
        one = archive.infolist()[0]
        archive.filelist += [one] * 50  # the list at the end names the same bytes again
        archive.writestr("end", b"")
    with pytest.raises(ValueError, match="claims"):
        load_arrays(path)


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="Python objects"):
        load_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04\x95", b"\x93NUMPY\x01\x00v\x00{"])
def test_what_is_no_zip_is_a_value_error(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ValueError, match="npz"):
        load_arrays(tmp_path / "a.npz")


def test_a_missing_file_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "a.npz")


@pytest.fixture(scope="module")
def whole() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.arange(4), note=np.array("x"))
    return file.getvalue()


@given(data=st.data())
def test_a_damaged_file_is_read_or_a_value_error(tmp_path_factory, whole, data):
    torn = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        if place < len(torn):
            torn[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(torn)
    with suppress(ValueError):
        load_arrays(path)


class _Finalizer:
    """Garbage that runs Python when it is collected, where threads take turns."""

    def __init__(self):
        self.cycle = self

    def __del__(self):
        for _ in range(20):
            pass


@pytest.fixture
def crowded():
    """Threads that take turns, and garbage that is collected, at every opportunity."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(20, 2, 2)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("crowded")
def test_threads_that_read_at_the_same_time_all_get_whole_arrays(tmp_path):
    array = np.arange(24.0).reshape(2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", a=array)

    def read(_):
        for _ in range(100):
            _Finalizer()
            np.testing.assert_array_equal(memory_map(tmp_path / "a.npy"), array)
            np.testing.assert_array_equal(load_arrays(tmp_path / "a.npz")["a"], array)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(4)))
