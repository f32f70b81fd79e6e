"""Units of a refit: one config, one seed, one fold, and how it changes the data."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search.store.records import FlatValue
from trainables.classifier import TrainingData
from trainables.data.sample_table import SampleTable


class Change(Protocol):
    """How a training differs from the plain refit: fewer people, wrong labels, more photos.

    A frozen dataclass that can be pickled; its repr is part of the key of a finished unit.
    """

    def apply(self, data: TrainingData, table: SampleTable) -> TrainingData:
        """Returns the changed data; `data.train` never holds a sample of the out-fold."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One training of a refit.

    Attributes:
        space: name of the space.
        config_id: "1" is the best config of the search, "default" the default config.
        seed: number of the seed, from 0.
        fold: that is predicted and not trained on.
        config: complete config by dotted names.
        change: of the training data; None is the plain refit.
    """

    space: str
    config_id: str
    seed: int
    fold: int
    config: Mapping[str, FlatValue]
    change: Change | None = None

    @property
    def name(self) -> str:
        """File name without ending."""
        return f"{self.space}.{self.config_id}.{self.seed}.{self.fold}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Who is out of fold when: fold of every sample, int [N]."""

    of_sample: NDArray[np.int64]
    num_folds: int

    def train(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` trains on."""
        return np.flatnonzero(self.of_sample != fold)

    def key(self, unit: Unit) -> str:
        """Returns 16 hex digits of a unit's config and change and of these folds."""
        digest = hashlib.sha256(repr(sorted(unit.config.items())).encode())
        if unit.change is not None:
            digest.update(repr(unit.change).encode())
        digest.update(np.ascontiguousarray(self.of_sample, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    def is_done(self, unit: Unit, parts: Path) -> bool:
        """Returns whether a unit's file is there, and of this config and these folds."""
        path = parts / f"{unit.name}.npz"
        if not path.exists():
            return False
        with np.load(path) as part:
            return "key" in part.files and str(part["key"]) == self.key(unit)

    def out(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` predicts."""
        return np.flatnonzero(self.of_sample == fold)
