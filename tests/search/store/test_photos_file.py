from base64 import b64decode

import numpy as np
import pytest

from search.errors import ResultsError
from search.store import photos_file
from search.store.photos_file import read_photos, write_photos
from search.store.run_store import RunStore
from trainables.data.thumbnails import thumbnail

JPEG = thumbnail(np.zeros((8, 6, 3), np.uint8))


def test_photos_are_read_back_by_their_samples(tmp_path):
    store = RunStore(tmp_path)
    assert read_photos(store) == {}
    write_photos(store, {7: JPEG, 3: JPEG})
    assert {sample: b64decode(text) for sample, text in read_photos(store).items()} == {
        7: JPEG,
        3: JPEG,
    }


def test_photos_beyond_the_bound_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(photos_file, "MOST_BYTES", 2 * (len(JPEG) * 4 // 3 + 30))
    store = RunStore(tmp_path)
    write_photos(store, dict.fromkeys(range(9), JPEG))
    assert list(read_photos(store)) == [0, 1]


def test_what_is_no_photo_is_refused(tmp_path):
    (tmp_path / "photos.json").write_text('{"schema": 1, "photos": {"0": "PHNjcmlwdD4="}}')
    with pytest.raises(ResultsError, match=r"must hold JPEG files in base64; delete it"):
        read_photos(RunStore(tmp_path))
