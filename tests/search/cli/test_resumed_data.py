"""The data of a run that goes on is the same as when it began."""

import shutil

import pytest

from search.cli.resumed_data import open_same
from search.errors import ResultsError
from search.prepare.dataset import open_dataset
from search.store.run_store import RunStore
from tests.search.builders.made import made_config


def quiet(text):
    return lambda done, total: None


@pytest.fixture
def data(people, tmp_path):
    return shutil.copytree(people, tmp_path / "data")


@pytest.fixture
def stored(data, cache, tmp_path):
    """A run that began with the data."""
    config, store = made_config(str(data)), RunStore(tmp_path / "mine")
    store.root.mkdir()
    began = open_dataset(config, cache, quiet)
    data = {"fingerprint": began.table.fingerprint, "content": began.content}
    store.write_study({"config": config.to_dict(), "data": data})
    return store, config


def test_the_same_data_is_opened_once(stored, cache):
    dataset = open_same(*stored, cache, quiet)
    assert dataset.table.num_samples > 0


def test_data_that_was_moved_is_told_with_its_place(stored, cache, data):
    data.rename(data.with_name("elsewhere"))
    with pytest.raises(ResultsError, match=r"it was, .*/data, .* there is no 'data' in .*; put"):
        open_same(*stored, cache, quiet)


def write_over(data):
    """Writes other bytes into a photo, as many as there were."""
    photo = sorted((data / "photos").iterdir())[0]
    content = bytearray(photo.read_bytes())
    content[-1] ^= 1  # of a PNG's last checksum
    photo.write_bytes(content)


def test_photos_that_were_written_over_are_refused(stored, cache, data):
    before = stored[0].read_study()["data"]
    write_over(data)
    with pytest.raises(ResultsError, match=r"needs the photos it began with .*put them back"):
        open_same(*stored, cache, quiet)
    # A run of before knows the sizes of its files alone.
    study = stored[0].read_study()
    stored[0].write_study({**study, "data": {"fingerprint": before["fingerprint"]}})
    open_same(*stored, cache, quiet)


def test_other_data_is_refused(stored, cache, data):
    manifest = data / "manifest.csv"
    lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    manifest.write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"needs the data it began with .*put them back, or st"):
        open_same(*stored, cache, quiet)
