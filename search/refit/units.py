"""Units of a refit: one config, one seed, one fold, and how it changes the data."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from search.store.names import as_file
from trainables.blocks import FlatValue, as_before_blocks
from trainables.data.sample_table import SampleTable

if TYPE_CHECKING:
    from search.store.outputs import Outputs
    from trainables.classifier import TrainingData

DEFAULT_CONFIG = "default"
BEST_CONFIG = "1"


class Change(Protocol):
    """How a training differs from the plain refit: fewer people, wrong labels, more photos.

    A frozen dataclass that can be pickled; its repr is part of the key of a finished unit.
    """

    def apply(
        self, data: "TrainingData", table: SampleTable, outputs: "Outputs", /
    ) -> "TrainingData":
        """Returns the changed data; `data.train` never holds a sample of the out-fold.

        Args:
            data: of the plain refit.
            table: of its samples.
            outputs: that files of the results come from and go to.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One training of a refit.

    Attributes:
        space: name of the space.
        config_id: "default" is the default config, "1" the best other one: that of the search,
            unless it chose the default.
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
        return f"{self.merged_name}.{self.fold}"

    @property
    def merged_name(self) -> str:
        """File name without ending of the predictions of all folds together."""
        return f"{config_file(self.space, self.config_id)}.{self.seed}"

    @property
    def config_name(self) -> str:
        """What the config is called among those of all spaces."""
        return config_name(self.space, self.config_id)


def config_name(space: str, config_id: str) -> str:
    """Returns what a config is called among those of all spaces: `<space>.<config_id>`."""
    return f"{space}.{config_id}"


def config_file(space: str, config_id: str) -> str:
    """Returns how the files of a config begin."""
    return f"{as_file(space)}.{config_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Who is out of fold when: fold of every sample, int [N]."""

    of_sample: NDArray[np.int64]
    num_folds: int

    def train(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` trains on."""
        return np.flatnonzero(self.of_sample != fold)

    def out(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` predicts."""
        return np.flatnonzero(self.of_sample == fold)

    def key(self, unit: Unit) -> str:
        """Returns 16 hex digits of a unit's config and change and of these folds."""
        return self._key(unit, unit.config)

    def is_key(self, key: str, unit: Unit) -> bool:
        """Returns whether a finished training is this unit, on these folds.

        Runs before blocks spelled the target another way; what they finished stays finished.
        """
        return key in (self.key(unit), self._key(unit, as_before_blocks(unit.config)))

    def _key(self, unit: Unit, config: Mapping[str, FlatValue]) -> str:
        digest = hashlib.sha256(repr(sorted(config.items())).encode())
        if unit.change is not None:
            digest.update(repr(unit.change).encode())
        digest.update(np.ascontiguousarray(self.of_sample, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]
