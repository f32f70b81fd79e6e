"""What every layout keeps, whichever it is: the modules are found, not listed."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.trainables.data.folders import (
    write_flat,
    write_image,
    write_manifest,
    write_profiles,
)
from trainables.data import layouts
from trainables.data.image_store import ImageStore, stored_size
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.errors import DataError


def _profiles(root: Path) -> Path:
    return write_profiles(root, [("000001", "male", "20"), ("000002", "female", "60")])


def _manifest(root: Path) -> Path:
    for name in ("1.jpg", "2.jpg"):
        write_image(root / name)
    return write_manifest(root, ("path,group,x", "1.jpg,p,a", "2.jpg,q,b"))


def _flat(root: Path) -> Path:
    return write_flat(root, ("b.jpg", "a.jpg"))


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "profiles": _profiles,
    "manifest": _manifest,
    "flat": _flat,
}
"""A tiny valid folder of each layout; a new layout adds its own."""


@pytest.fixture(params=layouts.names())
def name(request: pytest.FixtureRequest) -> str:
    assert request.param in BUILDERS, f"layout {request.param!r} has no builder in this file"
    return request.param


@pytest.fixture
def module(name: str) -> ModuleType:
    return import_module(f"trainables.data.layouts.{name}")


@pytest.fixture
def root(name: str, tmp_path: Path) -> Path:
    return BUILDERS[name](tmp_path / "data")


def test_there_is_no_builder_without_its_layout():
    assert sorted(BUILDERS) == list(layouts.names())


def test_it_says_what_it_looks_for_in_one_line(module):
    assert module.LOOKS_FOR
    assert "\n" not in module.LOOKS_FOR


def test_it_detects_its_own_folder_and_no_other_does_as_well(name, root):
    assert layouts.detect(root) == name


def test_it_does_not_detect_an_empty_or_missing_folder(module, tmp_path):
    assert module.detect(tmp_path) is False
    assert module.detect(tmp_path / "absent") is False


def test_reading_an_empty_folder_is_a_data_error(module, tmp_path):
    with pytest.raises(DataError, match=r"cannot be read|holds no images"):
        module.read(tmp_path)


def test_it_reads_the_kind_of_table_it_says(module, root):
    kinds = {True: SampleTable, False: UnlabelledTable}
    assert type(module.read(root)) is kinds[module.LABELLED]


def test_the_table_names_files_that_exist_and_reads_the_same_twice(module, root):
    table = module.read(root)
    table.check_files()
    assert len(table.source_rows) == table.num_samples == len(table.paths) > 0
    again = module.read(root)
    assert again.paths == table.paths
    assert again.fingerprint == table.fingerprint


def test_a_missing_image_is_a_data_error_and_not_another_sample(module, root):
    table = module.read(root)
    (table.root / table.paths[-1]).unlink()
    with pytest.raises(DataError, match=r"missing|no image for"):
        module.read(root).check_files()


def test_its_images_are_stored_in_the_order_of_the_table(module, root, tmp_path):
    table = module.read(root)
    size = stored_size(table, 64)
    store = ImageStore.open(table, size, tmp_path / "cache", num_threads=1)
    assert store.array.shape == (table.num_samples, *size, 3)
    assert np.all(np.abs(store.array.astype(int) - [200, 100, 50]) <= 4)
