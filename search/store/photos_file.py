"""`photos.json`: small pictures for the report, so that it can be written again without the data.

Who must not have photos of people in the results starts with `--no-photos`, or deletes the file.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping

from search.store.files import write_json
from search.store.reading import check_schema, is_there, reading, typed
from search.store.run_store import RunStore

PHOTOS_FILE = "photos.json"
MOST_BYTES = 4_000_000
"""Of the file, so that the page that holds it stays below 5 MB."""
_SCHEMA = 1
_WAY_OUT = "delete it: the report then shows no photos"
_JPEG = b"\xff\xd8\xff"


def write_photos(store: RunStore, photos: Mapping[int, bytes]) -> None:
    """Writes JPEG files by their samples; those beyond `MOST_BYTES` are left out."""
    found, room = {}, MOST_BYTES
    for sample, jpeg in photos.items():
        text = b64encode(jpeg).decode("ascii")
        room -= len(text) + 20
        if room < 0:
            break
        found[str(sample)] = text
    write_json(store.root / PHOTOS_FILE, {"schema": _SCHEMA, "photos": found})


def read_photos(store: RunStore) -> dict[int, str]:
    """Returns the JPEG files in base64 by their samples; none where a run keeps none.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = store.root / PHOTOS_FILE
    if not is_there(path):
        return {}
    with reading(path, _WAY_OUT):
        values = store.read_json(PHOTOS_FILE, _WAY_OUT)
        check_schema(path, values, _SCHEMA, _WAY_OUT)
        found: dict[str, str] = typed(dict[str, str], values["photos"])
        for text in found.values():
            if not b64decode(text, validate=True).startswith(_JPEG):
                raise ValueError("it must hold JPEG files in base64")
        return {int(sample): text for sample, text in found.items()}
