"""Labelled people: true classes, who is on each sample, and how people are resampled.

Notation:
    N samples, C classes, P people, H strata, B resamples, M additive figures of a person.
    counts: float [..., P, 3, C]: true positives, predicted and actual samples of every class.
    weights: float [B, P]: how much of a person is in a resample; a row sums to P.

Resampled are people, never photos: the seven photos of a person share that person's errors. A
stratum is the set of people with the same label vector (the sorted classes of their samples), so
every resample has the class counts of the data. Of the n people of a stratum n - 1 are drawn with
replacement and weigh n / (n - 1): drawing n would understate the variance by (n - 1) / n, a tenth
in a stratum of ten (Rao and Wu 1988, Resampling inference with complex survey data, section 2).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError
from search.analysis.exact import weighted_sums
from search.analysis.metrics import Floats, Ints, as_classes, person_index

CHUNK_CELLS = 2_000_000  # weights held at a time: 16 MB
_SUMS = 10_000_000  # sums over people held at a time: 80 MB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """The true class and the person of every sample.

    Attributes:
        label: int [N] true classes, N >= 1.
        person: int or str [N] as given; int [N] in [0, P) afterwards, in their sorted order.
        num_classes: C.
        fold: int [N] >= 0, where every fold's samples were predicted by a model of its own,
            trained by itself; a person is in one fold. None where that is not so, or not known.
        strata: int [P] from `person_strata`.

    Raises:
        AnalysisError: no sample, unequal lengths, a class outside [0, C), or a person in two
            folds.
    """

    label: Ints
    person: NDArray[Any]
    num_classes: int
    fold: Ints | None = None
    strata: Ints = field(init=False)

    def __post_init__(self) -> None:
        label = as_classes(self.label, self.num_classes, "true classes")
        person, num_people = person_index(self.person)
        if label.ndim != 1 or not label.size or person.shape != label.shape:
            raise AnalysisError(
                f"labels and people must be vectors of one length >= 1, got shapes {label.shape} "
                f"and {person.shape}"
            )
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "person", person)
        object.__setattr__(self, "strata", person_strata(label, person, num_people))
        if self.fold is not None:
            object.__setattr__(self, "fold", np.asarray(self.fold))
            self._check_folds(self.fold)

    def _check_folds(self, fold: Ints) -> None:
        if fold.shape != self.label.shape or fold.min() < 0:
            raise AnalysisError(
                f"folds must be one number from 0 a sample, got shape {fold.shape} for "
                f"{self.label.shape} labels"
            )
        first = fold[np.unique(self.person, return_index=True)[1]]
        if np.any(fold != first[self.person]):
            raise AnalysisError("a person must be in one fold with all samples; split by person")

    def __len__(self) -> int:
        """N."""
        return len(self.label)

    @property
    def num_people(self) -> int:
        """P."""
        return len(self.strata)

    @property
    def fold_of_person(self) -> Ints | None:
        """Fold of every person, int [P]; None where there are none."""
        if self.fold is None:
            return None
        return self.fold[np.unique(self.person, return_index=True)[1]]

    @property
    def largest_move(self) -> float:
        """How far one person moves a difference of macro-F1 at most, all samples changing sides.

        A sample of a class of n samples that one side had right and now the other has moves it by
        2 / (C n); the mean over people is 2 / P, the people of the rarest classes weigh most.
        """
        of_class = np.bincount(self.label, minlength=self.num_classes)
        moves = 2 / (self.num_classes * of_class[self.label])
        return float(np.bincount(self.person, moves).max())

    def num_in(self, samples: ArrayLike) -> int:
        """Returns how many people some samples, bool [N], are of."""
        return len(np.unique(self.person[np.asarray(samples)]))

    def part(self, samples: ArrayLike) -> "People":
        """Returns the people of some samples, bool [N] or int [n]."""
        rows = np.asarray(samples)
        return People(
            label=self.label[rows],
            person=self.person[rows],
            num_classes=self.num_classes,
            fold=None if self.fold is None else self.fold[rows],
        )

    def counts(self, predicted: ArrayLike) -> Floats:
        """Returns the counts of every person, float [..., P, 3, C].

        Args:
            predicted: int [..., N]; the leading axes are sets of predictions.

        Raises:
            AnalysisError: not one prediction per sample, or a class outside [0, C).
        """
        chosen = as_classes(predicted, self.num_classes, "predicted classes")
        if chosen.shape[-1:] != self.label.shape:
            raise AnalysisError(
                f"true and predicted classes must be vectors of one length, got shapes "
                f"{self.label.shape} and {chosen.shape}"
            )
        counts = np.empty((*chosen.shape[:-1], 3, self.num_people, self.num_classes))
        for place in np.ndindex(chosen.shape[:-1]):
            row = chosen[place]
            right = row == self.label
            counts[place][0] = self._tally(self.person[right], row[right])
            counts[place][1] = self._tally(self.person, row)
        counts[..., 2, :, :] = self._tally(self.person, self.label)
        return np.moveaxis(counts, -3, -2)

    def _tally(self, person: Ints, classes: Ints) -> Ints:
        """Returns how often every person has every class, int [P, C]."""
        shape = (self.num_people, self.num_classes)
        cells = np.bincount(person * self.num_classes + classes, minlength=shape[0] * shape[1])
        return cells.reshape(shape)

    def resample(
        self,
        columns: Floats,
        statistic: Callable[[Floats], Floats],
        num_resamples: int,
        rng: np.random.Generator,
    ) -> Floats:
        """Returns a statistic of sums over people in every resample, float [B, ...].

        Equal columns have equal sums, to the last bit.

        Args:
            columns: float [P, M], additive figures of every person.
            statistic: float [b, M] sums -> float [b, ...].
            num_resamples: B >= 1.
            rng: source of the draws.

        Raises:
            AnalysisError: a single person, or B < 1.
        """
        most = max(1, _SUMS // columns.shape[1])
        weights = resample_weights(self.strata, num_resamples, rng, most)
        return np.concatenate([statistic(sums) for sums in weighted_sums(weights, columns)])


def person_strata(y: ArrayLike, person: Ints, num_people: int) -> Ints:
    """Returns the stratum of every person: people with equal sorted labels are together.

    People whose label vector nobody shares form one stratum; if that is a single person, it joins
    the smallest other stratum.

    Args:
        y: int [N] true classes.
        person: int [N] in [0, P), each at least once.
        num_people: P.

    Returns:
        int [P] in [0, H); every stratum has two people or more unless P is 1.
    """
    labels = np.asarray(y, dtype=np.int64)
    order = np.lexsort((labels, person))
    bounds = np.searchsorted(person[order], np.arange(num_people + 1))
    labels = labels[order]
    vectors = [labels[low:high].tobytes() for low, high in pairwise(bounds.tolist())]
    index: dict[bytes, int] = {}
    stratum = np.array([index.setdefault(vector, len(index)) for vector in vectors])
    sizes = np.bincount(stratum)
    alone = sizes[stratum] < 2
    if alone.sum() == 1 and num_people > 1:
        shared = np.where(sizes < 2, num_people + 1, sizes)
        stratum[alone] = int(np.argmin(shared))
    else:
        stratum[alone] = len(index)
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def resample_weights(
    strata: Ints, num_resamples: int, rng: np.random.Generator, most: int | None = None
) -> Iterator[Floats]:
    """Yields person weights [b, P] in chunks whose rows add up to `num_resamples`.

    The draws are the same however many rows a chunk has.

    Args:
        strata: int [P] from `person_strata`; at least two people in each.
        num_resamples: B >= 1.
        rng: source of the draws.
        most: rows of a chunk at most; None is what `CHUNK_CELLS` has room for.

    Raises:
        AnalysisError: a stratum has a single person, or B < 1.
    """
    sizes = np.bincount(strata)
    if num_resamples < 1 or sizes.min() < 2:
        raise AnalysisError(
            f"resampling needs `num_resamples >= 1` and two people in every stratum, got "
            f"num_resamples={num_resamples}, smallest stratum {sizes.min()}; merge strata"
        )
    num_people = len(strata)
    order = np.argsort(strata, kind="stable")  # people stratum by stratum
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    slots = np.repeat(np.arange(len(sizes)), sizes - 1)  # the stratum each draw is made from
    first, width = starts[slots], sizes[slots]
    scale = (sizes / (sizes - 1))[strata]
    step = max(1, CHUNK_CELLS // num_people)
    step = step if most is None else min(step, most)
    for done in range(0, num_resamples, step):
        rows = min(step, num_resamples - done)
        drawn = order[first + (rng.random((rows, len(slots))) * width).astype(np.int64)]
        yield tally(drawn, num_people) * scale


def tally(drawn: Ints, num: int) -> Ints:
    """Returns how often each of `num` people is drawn in every row of `drawn` [b, k], [b, num]."""
    cells = drawn + np.arange(len(drawn))[:, None] * num
    return np.bincount(cells.ravel(), minlength=len(drawn) * num).reshape(-1, num)
