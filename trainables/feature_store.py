"""Frozen features in the cache: computed once, batch by batch, and mapped from the disk.

Notation: N photos, F features.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.bounded_arrays import memory_map
from trainables.data.bounded_files import load_json, read_text
from trainables.data.image_decoding import DECODER_VERSION
from trainables.data.image_store import files_digest, sample_digest
from trainables.data.sample_table import SampleTable
from trainables.drafts import clear_drafts, written
from trainables.errors import DataError
from trainables.frozen import CROP, FrozenBackbone
from trainables.locks import held

_VERSION = 1
"""Of how features are computed from stored photos."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureStore:
    """The features of all photos by one backbone.

    Attributes:
        array: float32 memory map [N, F].
        seconds: that computing them took, now or when it was done.
        was_cached: whether they lay in the cache.
    """

    array: NDArray[np.float32] = field(repr=False)
    seconds: float
    was_cached: bool

    @classmethod
    def open(
        cls,
        table: SampleTable,
        images: Tensor,
        backbone: FrozenBackbone,
        cache_dir: Path,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    ) -> "FeatureStore":
        """Returns the features of a table's photos, computing them if that has not been done.

        They are used again for the same photos (labels, paths, sizes and modification times), at
        the same stored size, by the same weights, input size and preprocessing. A batch at a time
        is held in memory; a file is in the cache whole or not at all. Of several processes that
        ask at once, one computes and the others wait.

        Args:
            table: of the photos.
            images: the stored photos, uint8 [N, H, W, 3].
            backbone: frozen.
            cache_dir: the store is in its folder `features`.
            progress: called with (photos done, N) after every batch.

        Raises:
            OutOfMemoryError, NonFiniteLossError: as `FrozenBackbone.features`.
            DataError: the store was changed while it was opened.
        """
        described = _described(table, images, backbone)
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]
        path = cache_dir / "features" / f"{digest}.npy"
        found = _load(path, described)
        if found is not None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_suffix(".lock"), lambda: progress(0, len(images))):
            found = _load(path, described)  # another process may have been first
            if found is not None:
                return found
            clear_drafts(path.parent, held=False)
            began = time.perf_counter()
            _write(path, images, backbone, progress)
            seconds = time.perf_counter() - began
            with written(path.with_suffix(".json")) as draft:
                text = json.dumps({"of": described, "seconds": seconds}, indent=2)
                draft.write_text(text, encoding="utf-8")
        found = _load(path, described)
        if found is None:
            raise DataError(f"the features {path} were changed while they were opened; try again")
        return cls(array=found.array, seconds=found.seconds, was_cached=False)


def _described(table: SampleTable, images: Tensor, backbone: FrozenBackbone) -> dict[str, Any]:
    preprocess = backbone.preprocess
    return {
        "version": _VERSION,
        "data": table.fingerprint,
        "files": files_digest(table),
        "sample": sample_digest(table),
        "decoder": DECODER_VERSION,
        "stored": list(images.shape[:3]),
        "backbone": backbone.name,
        "weights": backbone.weights,
        "features": backbone.num_features,
        "input": preprocess.input.size,
        "crop": CROP,
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "device": backbone.device.type,
    }


def _write(
    path: Path,
    images: Tensor,
    backbone: FrozenBackbone,
    progress: Callable[[int, int], None],
) -> None:
    shape = (len(images), backbone.num_features)
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    # Written, not mapped: a disk that fills raises an error then, and kills no process.
    with written(path) as draft, draft.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        done = 0
        for part in backbone.features(images):
            file.write(np.ascontiguousarray(part, dtype="<f4").tobytes())
            done += len(part)
            progress(done, len(images))


def _load(path: Path, described: Mapping[str, Any]) -> FeatureStore | None:
    """Returns the stored features; None where there are none, or they are of something else."""
    try:
        about = load_json(read_text(path.with_suffix(".json")))
        seconds, of = float(about["seconds"]), about["of"]
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError):
        return None
    array = memory_map(path)
    shape = (described["stored"][0], described["features"])
    if of != described or array is None or array.shape != shape or array.dtype != np.float32:
        return None
    return FeatureStore(array=array, seconds=seconds, was_cached=True)
