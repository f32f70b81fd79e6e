"""Whether exported networks predict what the originals do, by onnxruntime.

Notation: n photos, stored H x W, C joint classes, K classes of a head.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 1e-4
"""Probabilities that differ less are the same prediction."""
_BATCH = 48  # does not divide the usual number of photos: the size of a batch is free

Floats = NDArray[np.float64]
Photos = NDArray[np.uint8]
Heads = Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkParity:
    """How far an exported network, or the ensemble of them, is from the original.

    Attributes:
        name: ONNX file, or "ensemble".
        max_difference: of any probability of any photo.
        same_classes: whether every photo gets the same classes.
    """

    name: str
    max_difference: float
    same_classes: bool

    @property
    def holds(self) -> bool:
        """Whether the predictions are the same; never where a probability is NaN."""
        return self.max_difference < LIMIT and self.same_classes

    def to_dict(self) -> dict[str, Any]:
        """Returns what `parity.json` says of it; a difference that is NaN or infinite is null."""
        return {
            "name": self.name,
            "max_difference": self.max_difference if isfinite(self.max_difference) else None,
            "same_classes": self.same_classes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The comparison of every ONNX file, and of all together, with the original on photos."""

    networks: tuple[NetworkParity, ...]
    ensemble: NetworkParity
    photos: int
    source: str

    @property
    def holds(self) -> bool:
        """Whether every network and the ensemble predict the same."""
        return all(each.holds for each in (*self.networks, self.ensemble))

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of `parity.json`, without versions."""
        return {
            "schema": 1,
            "holds": self.holds,
            "limit": LIMIT,
            "photos": self.photos,
            "source": self.source,
            "ensemble": self.ensemble.to_dict(),
            "networks": [each.to_dict() for each in self.networks],
        }


def served_heads(path: Path, heads: tuple[str, ...], photos: Photos) -> dict[str, Floats]:
    """Returns the probabilities [n, K] that an ONNX network gives, by head.

    Args:
        path: of the network.
        heads: names of its outputs, in order.
        photos: uint8 [n, H, W, 3].
    """
    runtime = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = [photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH)]
    outputs = [session.run(None, {name: batch}) for batch in batches]
    return {
        head: np.concatenate([output[place] for output in outputs]).astype(np.float64)
        for place, head in enumerate(heads)
    }


def compare_heads(name: str, original: Heads, served: Heads) -> NetworkParity:
    """Returns the parity of a network, from probabilities [n, K] by head."""
    return NetworkParity(
        name=name,
        max_difference=max(float(np.abs(original[h] - served[h]).max()) for h in original),
        same_classes=all(
            bool(np.array_equal(original[h].argmax(axis=1), served[h].argmax(axis=1)))
            for h in original
        ),
    )
