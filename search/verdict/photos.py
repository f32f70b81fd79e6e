"""What a report shows of the photos: it is kept in the run, so that it needs the data once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol

from search.analysis.data_look import PhotoFacts
from search.analysis.examples import Examples
from search.analysis.plain import from_plain
from search.report.contents import ReportContents
from search.store.files import write_json
from search.store.photos_file import read_photos, write_photos
from search.store.reading import check_schema, is_there, reading
from search.store.run_store import RunStore

PHOTO_FACTS_FILE = "photo_facts.json"
_SCHEMA = 1
_WAY_OUT = "delete it: the report then does not say how large and how bright the photos are"


class Look(Protocol):
    """Looks at the photos of a run; what cannot be had any more is None."""

    def facts(self) -> PhotoFacts | None:
        """Returns how large and how bright they are."""
        ...

    def thumbnails(self, samples: Sequence[int]) -> Mapping[int, bytes] | None:
        """Returns small JPEG files of samples."""
        ...

    def means(self) -> Mapping[str, bytes] | None:
        """Returns the mean photos of cells of people, as small JPEG files."""
        ...


def keep_photos(
    store: RunStore, look: Look, examples: Examples | None, *, no_photos: bool
) -> None:
    """Keeps what the photos look like, and some of them; what was kept stays where they are gone.

    Args:
        store: of the run.
        look: at its photos.
        examples: those worth looking at.
        no_photos: whether none may be kept, of whomever.
    """
    facts, path = look.facts(), store.root / PHOTO_FACTS_FILE
    # Where the folder is gone and the decoded images are left, no size is known any more.
    if facts is not None and (facts.sized or not is_there(path)):
        write_json(path, {"schema": _SCHEMA, **asdict(facts)})
    if no_photos:
        return
    photos = look.thumbnails(() if examples is None else examples.samples)
    if photos is not None:
        write_photos(store, photos, look.means())


def with_photos(store: RunStore, contents: ReportContents, *, no_photos: bool) -> ReportContents:
    """Returns contents with what is kept of the photos; raises as `read_photo_facts`."""
    data = contents.data
    if data is not None:
        data = replace(data, photo_facts=read_photo_facts(store))
    if no_photos:
        return replace(contents, data=data)
    kept = read_photos(store)
    if data is not None:
        data = replace(data, means=kept.means)
    return replace(contents, data=data, photos=kept.samples)


def read_photo_facts(store: RunStore) -> PhotoFacts | None:
    """Returns how large and how bright the photos of a run are; None where it does not say.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = store.root / PHOTO_FACTS_FILE
    if not is_there(path):
        return None
    with reading(path, _WAY_OUT):
        values = store.read_json(PHOTO_FACTS_FILE, _WAY_OUT)
        check_schema(path, values, _SCHEMA, _WAY_OUT)
        return from_plain(PhotoFacts, values)
