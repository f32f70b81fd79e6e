import numpy as np
import pytest

from search.analysis.data_look import photo_facts
from search.analysis.examples import Example, Examples, Group
from search.report.contents import DataFacts, ReportContents
from search.report.render import render_html
from search.store.photos_file import read_photos
from search.store.run_store import RunStore
from search.verdict.photos import keep_photos, with_photos
from trainables.data.thumbnails import thumbnail

JPEG = thumbnail(np.zeros((8, 6, 3), np.uint8))
FACTS = photo_facts(np.array([[4, 3]]), np.array([9.0]))
EXAMPLES = Examples(
    classes=(Group(title="class", examples=(Example(sample=7, text="seen"),)),),
    errors=(),
    parted=(),
)
CONTENTS = ReportContents(title="", data=DataFacts(name="", num_people=1, num_photos=1))


class Folder:
    """Photos of a run, as long as they are there."""

    def __init__(self, *, is_there=True):
        self.is_there = is_there

    def facts(self):
        return FACTS if self.is_there else None

    def thumbnails(self, samples):
        return dict.fromkeys(samples, JPEG) if self.is_there else None

    def means(self):
        return {"female: 1 person": JPEG} if self.is_there else None


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def shown(store, *, no_photos=False):
    contents = with_photos(store, CONTENTS, no_photos=no_photos)
    return contents.data.photo_facts, list(contents.data.means), list(contents.photos)


def test_what_was_looked_at_is_kept_for_the_next_report(store):
    assert shown(store) == (None, [], [])
    keep_photos(store, Folder(), EXAMPLES, no_photos=False)
    assert shown(store) == (FACTS, ["female: 1 person"], [7])


def test_a_report_without_photos_says_how_they_are_and_shows_none(store):
    keep_photos(store, Folder(), EXAMPLES, no_photos=True)
    assert not (store.root / "photos.json").exists()
    assert shown(store, no_photos=True) == (FACTS, [], [])
    keep_photos(store, Folder(), EXAMPLES, no_photos=False)
    assert shown(store, no_photos=True) == (FACTS, [], [])
    page = render_html(with_photos(store, CONTENTS, no_photos=True))
    assert "Brightness" in page
    assert "<img" not in page


def test_what_was_kept_stays_where_the_photos_are_gone(store):
    keep_photos(store, Folder(), EXAMPLES, no_photos=False)
    keep_photos(store, Folder(is_there=False), EXAMPLES, no_photos=False)
    assert shown(store) == (FACTS, ["female: 1 person"], [7])


def test_sizes_that_are_not_known_any_more_replace_none(store):
    class Decoded(Folder):
        def facts(self):
            return photo_facts(np.empty((0, 2), int), np.array([9.0]))

    keep_photos(store, Decoded(), EXAMPLES, no_photos=False)
    assert shown(store)[0].sized == 0
    keep_photos(store, Folder(), EXAMPLES, no_photos=False)
    keep_photos(store, Decoded(), EXAMPLES, no_photos=False)
    assert shown(store)[0] == FACTS


def test_a_run_without_examples_keeps_the_means_alone(store):
    keep_photos(store, Folder(), None, no_photos=False)
    kept = read_photos(store)
    assert (dict(kept.samples), list(kept.means)) == ({}, ["female: 1 person"])
