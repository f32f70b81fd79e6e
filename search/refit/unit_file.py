"""What one training of a refit leaves: its probabilities and notes, as arrays of an npz file.

Names of heads are the user's, so they are told from our own keys by a prefix: `head:<name>` and,
of mirrored images, `mirrored:<name>`. Older runs wrote `<name>` and `mirrored.<name>`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.store.files import write_arrays
from search.store.names import as_key, columns_of, from_key
from search.store.reading import read_arrays, reading
from trainables.data.bounded_files import load_json

Heads = Mapping[str, NDArray[np.float32]]

_HEAD, _MIRRORED = "head:", "mirrored:"
_OWN = frozenset({"indices", "seconds", "key", "note"})
_BARE_MIRRORED = "mirrored."
_SUM_TOLERANCE = 1e-3  # as `headrace compare` has it
_SHOWN = 4
_WAY_OUT = "resume the run, which trains it again"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedUnit:
    """What one training left.

    Attributes:
        indices: samples that it predicted, int [n].
        seconds: that it took on its device.
        key: of its config, change and folds (`Folds.key`).
        note: what it noted about itself: parameters, normalisation, gradients.
        heads: probabilities [n, K] by head.
        mirrored: those of the mirrored images.

    Raises:
        ValueError: an array has another shape, or holds no probabilities.
    """

    indices: NDArray[np.int64]
    seconds: float
    key: str
    note: Mapping[str, Any]
    heads: Heads
    mirrored: Heads = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {n: p.shape for h in (self.heads, self.mirrored) for n, p in h.items()}
        if self.indices.ndim != 1 or self.indices.dtype.kind not in "iu":
            raise ValueError(f"indices must be whole numbers [n], got {self.indices.shape}")
        if any(len(each) != 2 or each[0] != len(self.indices) for each in shapes.values()):
            raise ValueError(
                f"heads must have probabilities [{len(self.indices)}, K], got {shapes}"
            )
        for heads in (self.heads, self.mirrored):
            check_heads(heads)
        _check_seconds(self.seconds)

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        own = {"indices": self.indices, "seconds": self.seconds, "key": self.key}
        note = json.dumps(dict(self.note))
        write_arrays(path, {**own, "note": note, **head_arrays(self.heads, self.mirrored)})

    @classmethod
    def read(cls, path: Path) -> "TrainedUnit":
        """Reads the file; ResultsError where it cannot be read."""
        with reading(path, _WAY_OUT):
            arrays = read_arrays(path)
            heads, mirrored = heads_in({n: a for n, a in arrays.items() if n not in _OWN})
            return cls(
                indices=arrays["indices"],
                seconds=float(arrays["seconds"]),
                key=str(arrays.get("key", "")),
                note=_note(arrays),
                heads=heads,
                mirrored=mirrored,
            )


def read_note(path: Path) -> dict[str, Any] | None:
    """Returns what a training noted about itself, if it did; raises as `TrainedUnit.read`."""
    with reading(path, _WAY_OUT):
        arrays = read_arrays(path, "note")
        return _note(arrays) if arrays else None


def read_seconds(path: Path) -> float:
    """Returns what a training took on its device; raises as `TrainedUnit.read`."""
    with reading(path, _WAY_OUT):
        return _check_seconds(float(read_arrays(path, "seconds")["seconds"]))


def read_heads(path: Path) -> tuple[Heads, Heads]:
    """Returns the probabilities by head of all folds together, and those of mirrored images.

    Rows of folds that were not trained are NaN, as `RefitFiles.merge` writes them.

    Raises:
        ResultsError: the file is missing or torn, or holds no probabilities.
    """
    with reading(path, "resume the run, which puts it together again"):
        arrays = read_arrays(path)
        for name, probs in arrays.items():
            if probs.ndim != 2 or probs.dtype.kind != "f":
                raise ValueError(f"{name!r} must be probabilities [N, K], got {probs.shape}")
            check_probabilities(name, probs, partly=True)
        return heads_in(arrays)


def together(trained: Iterable[TrainedUnit], num_photos: int) -> tuple[Heads, Heads]:
    """Returns the probabilities [N, K] of trainings by head, NaN where none of them predicts.

    Beside them those of the mirrored images.
    """
    found: tuple[dict[str, NDArray[np.float32]], ...] = ({}, {})
    for unit in trained:
        for rows_of, heads in zip(found, (unit.heads, unit.mirrored), strict=True):
            for head, probs in heads.items():
                shape = (num_photos, probs.shape[1])
                rows = rows_of.setdefault(head, np.full(shape, np.nan, dtype=probs.dtype))
                rows[unit.indices] = probs
    return found[0], found[1]


def check_heads(heads: Heads) -> None:
    """Raises ValueError where a row of a head is none of probabilities."""
    for head, probs in heads.items():
        check_probabilities(head, probs)


def check_probabilities(name: str, probs: NDArray[Any], *, partly: bool = False) -> None:
    """Raises ValueError where rows are no probabilities, which are numbers from 0 that sum to 1.

    Args:
        name: of the head, for the message.
        probs: [n, K].
        partly: whether a row may be NaN as a whole.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        right = (probs >= 0).all(axis=1)
        right &= np.abs(probs.sum(axis=1, dtype=np.float64) - 1) <= _SUM_TOLERANCE
    if partly:
        right |= np.isnan(probs).all(axis=1)
    if not right.all():
        row = int(np.flatnonzero(~right)[0])
        raise ValueError(
            f"the probabilities of {name!r} must be numbers from 0 that sum to 1, got "
            f"{probs[row, :_SHOWN].tolist()}{' ...' if probs.shape[1] > _SHOWN else ''} in row "
            f"{row}"
        )


def head_arrays(heads: Heads, mirrored: Heads) -> dict[str, NDArray[np.float32]]:
    """Returns probabilities by their names in a file."""
    of_both = ((_HEAD, heads), (_MIRRORED, mirrored))
    return {prefix + as_key(n): probs for prefix, each in of_both for n, probs in each.items()}


def heads_in(arrays: Heads) -> tuple[Heads, Heads]:
    """Returns the probabilities by head, and those of mirrored images."""
    if all(name.startswith((_HEAD, _MIRRORED)) for name in arrays):
        found = [columns_of(arrays, prefix) for prefix in (_HEAD, _MIRRORED)]
        shown, turned = ({from_key(n): arrays[key] for n, key in each.items()} for each in found)
        return shown, turned
    mirrored = columns_of(arrays, _BARE_MIRRORED)
    bare = {name: probs for name, probs in arrays.items() if name not in mirrored.values()}
    return bare, {name: arrays[key] for name, key in mirrored.items()}


def _check_seconds(seconds: float) -> float:
    if not 0 <= seconds < np.inf:
        raise ValueError(f"seconds must be a number from 0, got {seconds}")
    return seconds


def _note(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    return dict(load_json(str(arrays["note"]))) if "note" in arrays else {}
