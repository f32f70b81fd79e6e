"""Who may decide about whom: choices for the people of a fold come from the other folds.

Notation: N samples, F folds; masks are bool [N].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossFit:
    """Folds of the refit and the people no search saw.

    Every choice, calibration and bias for the search people of fold f is made on the search people
    of the other folds; for held-out people it is made on all search people, never on themselves.

    Attributes:
        folds: int [N], the fold in which the sample is out of fold.
        held_out: bool [N]; all False where the data have no such part.
    """

    folds: Ints
    held_out: Mask

    def __post_init__(self) -> None:
        if self.folds.ndim != 1 or self.folds.shape != self.held_out.shape:
            raise AnalysisError(
                f"folds and held-out marks must be vectors of one length, got shapes "
                f"{self.folds.shape} and {self.held_out.shape}"
            )
        num_folds = len(np.unique(self.folds[~self.held_out]))
        if num_folds < 2:
            raise AnalysisError(
                f"cross-fitting needs search people in at least 2 folds, got {num_folds}; refit "
                "with more folds"
            )

    @classmethod
    def of_people(
        cls, folds: ArrayLike, g: ArrayLike, held_out: ArrayLike | None = None
    ) -> "CrossFit":
        """Returns the rounds; no person crosses a fold or the held-out border.

        Args:
            folds: int [N].
            g: [N] person of every sample.
            held_out: bool [N]; nobody if None.

        Raises:
            AnalysisError: a person in two folds or parts, unequal lengths, fewer than two folds.
        """
        fold = np.asarray(folds, dtype=np.int64)
        held = np.zeros(fold.shape, dtype=bool) if held_out is None else np.asarray(held_out, bool)
        cross_fit = cls(folds=fold, held_out=held)
        people = np.asarray(g)
        if people.shape != fold.shape:
            raise AnalysisError(
                f"people and folds must have one length, got {people.shape} and {fold.shape}"
            )
        _, place = np.unique(2 * fold + held, return_inverse=True)
        names, who = np.unique(people, return_inverse=True)
        seen = np.zeros((len(names), place.max() + 1), dtype=bool)
        seen[who, place] = True
        crossing = np.flatnonzero(seen.sum(axis=1) > 1)
        if crossing.size:
            raise AnalysisError(
                f"a person must be in one fold and one part, got {crossing.size} people in "
                f"several, the first is {names[crossing[0]]!s}; split by person"
            )
        return cross_fit

    def rounds(self) -> Iterator[tuple[Mask, Mask]]:
        """Yields masks (fit, apply); the apply masks are disjoint and cover all samples."""
        search = ~self.held_out
        for fold in np.unique(self.folds[search]):
            yield search & (self.folds != fold), search & (self.folds == fold)
        if self.held_out.any():
            yield search, self.held_out
