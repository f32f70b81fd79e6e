"""`photos.json`: small pictures for the report, so that it can be written again without the data.

Who must not have photos of people in the results starts with `--no-photos`, or deletes the file.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from search.store.files import write_json
from search.store.reading import check_schema, is_there, reading, typed
from search.store.run_store import RunStore

PHOTOS_FILE = "photos.json"
MOST_BYTES = 4_000_000
"""Of the file, so that the page that holds it stays below 5 MB."""
_SCHEMA = 1
_WAY_OUT = "delete it: the report then shows no photos"
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPhotos:
    """JPEG files in base64: of `samples`, and the `means` of cells by what each cell holds."""

    samples: Mapping[int, str] = field(default_factory=dict)
    means: Mapping[str, str] = field(default_factory=dict)


def write_photos(
    store: RunStore, photos: Mapping[int, bytes], means: Mapping[str, bytes] | None = None
) -> None:
    """Writes JPEG files: the means of cells, then samples; those beyond `MOST_BYTES` are not.

    Args:
        store: of the run.
        photos: of samples.
        means: of cells, by what each cell holds.
    """
    kept: dict[str, dict[str, str]] = {"means": {}, "photos": {}}
    room = MOST_BYTES
    named = [("means", cell, jpeg) for cell, jpeg in (means or {}).items()]
    for part, name, jpeg in (*named, *(("photos", str(n), jpeg) for n, jpeg in photos.items())):
        text = b64encode(jpeg).decode("ascii")
        room -= len(text) + len(name) + 20
        if room < 0:
            break
        kept[part][name] = text
    write_json(store.root / PHOTOS_FILE, {"schema": _SCHEMA, **kept})


def read_photos(store: RunStore) -> KeptPhotos:
    """Returns what a run keeps of its photos; a run of before has no means.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = store.root / PHOTOS_FILE
    if not is_there(path):
        return KeptPhotos()
    with reading(path, _WAY_OUT):
        values = store.read_json(PHOTOS_FILE, _WAY_OUT)
        check_schema(path, values, _SCHEMA, _WAY_OUT)
        samples = typed(dict[str, str], values["photos"])
        means = typed(dict[str, str], values.get("means", {}))
        for text in (*samples.values(), *means.values()):
            if not b64decode(text, validate=True).startswith(_JPEG):
                raise ValueError("it must hold JPEG files in base64")
        return KeptPhotos(samples={int(n): text for n, text in samples.items()}, means=means)
