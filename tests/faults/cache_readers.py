"""Every reader of what the cache keeps and can make again, with a valid file to begin with."""

from pathlib import Path

import numpy as np
import torch

from tests.faults import mutations
from tests.faults.mutations import BYTES, TEXT
from tests.faults.reader import Made, Read, Reader
from tests.trainables import tiny
from tests.trainables.data.folders import colour_table, write_image
from trainables.config import Input
from trainables.data.image_store import ImageStore
from trainables.data.resized_store import ResizedStores
from trainables.precision import Precisions


def precision(folder: Path) -> Made:
    """The measured ratio of a backbone."""
    cpuinfo = folder / "cpuinfo"
    cpuinfo.write_text("model name: one\nflags: avx512_bf16\n", encoding="utf-8")
    precisions = Precisions(
        folder=folder / "precision",
        is_measured=True,
        cpuinfo=cpuinfo,
        measure=lambda config, on_step: 0.5,
    )
    config = tiny.config()
    precisions.of(config)
    (path,) = precisions.folder.glob("*.json")
    return path, lambda: precisions.of(config)


def resized(folder: Path) -> Made:
    """The images at a crop and size."""
    array = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    path = folder / "photos.npy"
    np.save(path, array)
    store = ImageStore(path=path, contents="three", array=np.load(path, mmap_mode="c"))
    stores = ResizedStores(store=store, room=lambda folder: 10**6)
    wanted = Input(size=16, crop="full")
    whole = stores.tensor(wanted).clone()
    (kept,) = (folder / "resized").glob("*.npy")

    def read() -> None:
        # Bytes that only changed are the disk's fault, and nobody's to notice.
        if stores.tensor(wanted).shape != whole.shape:
            raise AssertionError("they are other images")

    return kept, read


def _stored(folder: Path) -> tuple[Path, Read]:
    table = colour_table(folder / "data", ["a"])
    write_image(table.root / table.paths[0], size=(8, 8))

    def read() -> None:
        found = ImageStore.open(table, (8, 8), folder / "cache", num_threads=1)
        if found.tensor(torch.device("cpu")).shape != (1, 8, 8, 3):
            raise AssertionError("they are other images")

    read()
    (path,) = (folder / "cache" / "images").glob("*.npy")
    return path, read


def stored(folder: Path) -> Made:
    """The decoded images."""
    return _stored(folder)


def stored_about(folder: Path) -> Made:
    """What the decoded images were made of."""
    path, read = _stored(folder)
    return path.with_suffix(".json"), read


KEPT = {
    "precision": Reader(make=precision, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "resized": Reader(make=resized, mutations=BYTES),
    "stored": Reader(make=stored, mutations=BYTES),
    "stored_about": Reader(make=stored_about, mutations=(*TEXT, *[mutations.json_value] * 3)),
}
