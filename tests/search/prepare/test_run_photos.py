"""What the report looks at, on photos that can be seen through."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from search.prepare import run_photos
from search.prepare.run_photos import RunPhotos
from tests.search.builders.people import SIDE, trial_setting, write_people

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def setting(tmp_path):
    return trial_setting(write_people(tmp_path / "data"), tmp_path / "cache", tmp_path / "results")


def pixels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=float)


def test_facts_are_of_the_photos_as_they_lie_in_the_folder(setting):
    facts = RunPhotos(setting).facts()
    assert facts.sizes == ((SIDE, SIDE, 48),)
    photos = [Image.open(setting.table.root / path).convert("L") for path in setting.table.paths]
    light = [np.asarray(photo, dtype=float).mean() for photo in photos]
    np.testing.assert_allclose(facts.middle, np.quantile(light, (0.25, 0.75)), atol=1.0)
    assert sum(facts.brightness) == facts.photos == 48


def test_of_many_photos_some_are_looked_at(setting, monkeypatch):
    monkeypatch.setattr(run_photos, "_MOST", 5)
    facts = RunPhotos(setting).facts()
    assert (facts.photos, facts.of) == (5, 48)


def test_only_photos_that_the_verdict_is_about_are_looked_at(setting):
    look = RunPhotos(replace(setting, table=replace(setting.table, added=24)))
    assert look.facts().of == 24
    assert [cell.partition(": ")[2] for cell in look.means()] == ["6 people"] * 4


def test_the_mean_of_a_cell_is_that_of_its_photos(setting):
    means = RunPhotos(setting).means()
    assert list(means) == [
        "female normal: 12 people",
        "female wear: 12 people",
        "male normal: 12 people",
        "male wear: 12 people",
    ]
    mean = {cell.partition(":")[0]: pixels(jpeg) for cell, jpeg in means.items()}
    top, bottom = slice(0, SIDE // 2), slice(SIDE // 2, None)
    lighter = mean["male normal"][top].mean() - mean["female normal"][top].mean()
    bluer = mean["male wear"][bottom, :, 2].mean() - mean["male normal"][bottom, :, 2].mean()
    assert lighter == pytest.approx(120, abs=12)
    assert bluer == pytest.approx(120, abs=12)


def test_thumbnails_are_those_of_the_samples_that_were_asked_for(setting):
    found = RunPhotos(setting).thumbnails((3, 0))
    assert list(found) == [3, 0]
    files = [setting.table.root / path for path in setting.table.paths]
    apart = [
        np.abs(pixels(found[3]) - np.asarray(Image.open(f), dtype=float)).mean() for f in files
    ]
    assert np.argmin(apart) == 3


def test_without_the_data_there_is_nothing_to_show(setting, caplog):
    shutil.rmtree(setting.table.root)
    look = RunPhotos(setting)
    assert (look.facts(), look.thumbnails((1, 2)), look.means()) == (None, None, None)
    assert caplog.text.count("the report does not look at the photos: ") == 1


def test_sizes_are_left_out_where_only_the_decoded_images_are_left(setting):
    look = RunPhotos(setting)
    look.thumbnails((0,))  # they are open now
    for path in setting.table.paths:
        (setting.table.root / path).unlink()
    facts = look.facts()
    assert (facts.photos, facts.sized, facts.sizes) == (48, 0, ())
