"""A table of six small photos and the store of their pixels."""

from pathlib import Path

from tests.trainables.data.folders import colour_table, write_image
from trainables.data.image_store import ImageStore
from trainables.data.sample_table import SampleTable

SIZE = (16, 8)


def six_photos(root: Path) -> SampleTable:
    """Returns a table of photos of 20 x 20 pixels in six colours."""
    made = colour_table(root, list("aabbcc"))
    for row, path in enumerate(made.paths):
        write_image(made.root / path, size=(20, 20), colour=(40 * row, 100, 7))
    return made


def open_store(
    table: SampleTable, cache: Path, **options: object
) -> tuple[ImageStore, list[tuple[int, int]]]:
    """Returns the store, and every call of its progress."""
    calls: list[tuple[int, int]] = []
    store = ImageStore.open(
        table, SIZE, cache, num_threads=2, progress=lambda *call: calls.append(call), **options
    )
    return store, calls
