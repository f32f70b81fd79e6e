from base64 import b64decode

import numpy as np
import pytest

from search.errors import ResultsError
from search.store import photos_file
from search.store.photos_file import KeptPhotos, read_photos, write_photos
from search.store.run_store import RunStore
from trainables.data.thumbnails import thumbnail

JPEG = thumbnail(np.zeros((8, 6, 3), np.uint8))


def test_photos_are_read_back_by_their_samples(tmp_path):
    store = RunStore(tmp_path)
    assert read_photos(store) == KeptPhotos()
    write_photos(store, {7: JPEG, 3: JPEG}, {"female <30": JPEG})
    kept = read_photos(store)
    assert {sample: b64decode(text) for sample, text in kept.samples.items()} == {7: JPEG, 3: JPEG}
    assert {cell: b64decode(text) for cell, text in kept.means.items()} == {"female <30": JPEG}


def test_photos_beyond_the_bound_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(photos_file, "MOST_BYTES", 2 * (len(JPEG) * 4 // 3 + 30))
    store = RunStore(tmp_path)
    write_photos(store, dict.fromkeys(range(9), JPEG))
    assert list(read_photos(store).samples) == [0, 1]
    write_photos(store, dict.fromkeys(range(9), JPEG), {"": JPEG})
    assert (list(read_photos(store).means), list(read_photos(store).samples)) == ([""], [0])


def test_a_run_of_before_has_no_means(tmp_path):
    (tmp_path / "photos.json").write_text('{"schema": 1, "photos": {}}')
    assert read_photos(RunStore(tmp_path)) == KeptPhotos()


@pytest.mark.parametrize(
    "parts", ['"photos": {"0": "PHNjcmlwdD4="}', '"photos": {}, "means": {"0": "PHNjcmlwdD4="}']
)
def test_what_is_no_photo_is_refused(tmp_path, parts):
    (tmp_path / "photos.json").write_text(f'{{"schema": 1, {parts}}}')
    with pytest.raises(ResultsError, match=r"must hold JPEG files in base64; delete it"):
        read_photos(RunStore(tmp_path))
