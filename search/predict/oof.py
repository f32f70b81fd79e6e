"""The ensemble folder's `oof.npz`: what the ensemble says of people it was not trained on.

Notation: N photos of the run, C joint classes.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.errors import ResultsError
from search.predict.spec import OOF_FILE, way_out
from search.store.files import write_arrays
from search.store.reading import read_arrays, reading


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFold:
    """Nested out-of-fold predictions: neither training nor selection saw the person.

    Attributes:
        label: true joint class, int64 [N].
        person: number of the person, int64 [N].
        probs: float32 [N, C], rows sum to 1.
        predicted: joint class with the biases of the other folds, int64 [N].

    Raises:
        ResultsError: lengths differ, there is no photo, or a class is outside [0, C).
    """

    label: NDArray[np.int64]
    person: NDArray[np.int64]
    probs: NDArray[np.float32]
    predicted: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {field.name: getattr(self, field.name).shape for field in fields(self)}
        lengths = {shape[:1] for shape in shapes.values()}
        if len(lengths) != 1 or not len(self.label) or self.probs.ndim != 2:
            raise ResultsError(
                f"out-of-fold predictions need arrays [N] and probs [N, C], N >= 1, got {shapes}"
            )
        for name in ("label", "predicted"):
            classes = getattr(self, name)
            if classes.min() < 0 or classes.max() >= self.probs.shape[1]:
                raise ResultsError(
                    f"{name} of out-of-fold predictions must be in [0, {self.probs.shape[1]}), "
                    f"got {classes.min()} to {classes.max()}"
                )

    def check_classes(self, num_classes: int) -> None:
        """Raises ResultsError where the predictions are not of so many joint classes."""
        if self.probs.shape[1] != num_classes:
            raise ResultsError(
                f"the out-of-fold predictions must have the ensemble's {num_classes} classes, got "
                f"{self.probs.shape[1]}; copy the ensemble's folder whole, or build it again"
            )

    def write(self, folder: Path) -> None:
        """Writes `oof.npz` into the ensemble's folder, whole or not at all."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        write_arrays(folder / OOF_FILE, arrays)

    @classmethod
    def read(cls, folder: Path) -> "OutOfFold":
        """Reads `oof.npz`.

        Raises:
            ResultsError: it is missing, torn or not what it should be.
        """
        path = folder / OOF_FILE
        with reading(path, way_out(folder)):
            file = read_arrays(path)
            return cls(
                label=file["label"].astype(np.int64),
                person=file["person"].astype(np.int64),
                probs=file["probs"].astype(np.float32),
                predicted=file["predicted"].astype(np.int64),
            )
