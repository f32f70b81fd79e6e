"""Labelled and unlabelled photos as one table of the image store."""

import pytest

from tests.search.builders.people import write_people
from trainables.data import layouts
from trainables.data.both_tables import BothTables
from trainables.data.image_store import ImageStore
from trainables.data.layouts import flat
from trainables.errors import DataError


def test_both_tables_are_one_for_the_image_store(tmp_path):
    labelled = layouts.load(write_people(tmp_path / "data"), None)
    unlabelled = flat.read(write_people(tmp_path / "more", num_people=5) / "photos")
    both = BothTables(labelled=labelled, unlabelled=unlabelled)
    assert len(both.paths) == len(both.source_rows) == 48 + 10
    assert all((both.root / path).is_file() for path in both.paths)
    assert both.fingerprint not in (labelled.fingerprint, unlabelled.fingerprint)
    both.check_files()
    (unlabelled.root / unlabelled.paths[0]).unlink()
    with pytest.raises(DataError):
        both.check_files()


def test_their_paths_are_made_a_few_times_however_many_photos_are_decoded(tmp_path, monkeypatch):
    labelled = layouts.load(write_people(tmp_path / "data"), None)
    unlabelled = flat.read(write_people(tmp_path / "more", num_people=5) / "photos")
    both, made, asked = BothTables(labelled=labelled, unlabelled=unlabelled), BothTables.paths, []

    def paths(self):
        asked.append(1)
        return made.fget(self)

    monkeypatch.setattr(BothTables, "paths", property(paths))
    store = ImageStore.open(both, (16, 16), tmp_path / "cache", num_threads=1)
    assert len(asked) < 10 < len(store.array)
