"""Two approaches that differ on a rare kind of person alone: are they called equivalent?

Notation:
    P people, C = 18 joint classes, q: float [6], share of the people of every gender and age that
    is of the kind.

On a person of the kind the first approach is right on all photos and the second takes the wrong
gender on all of them; on everybody else both predict the same. So where no such person was drawn
the predictions are identical, and a few people say nothing of the many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from search.analysis.approaches.approach import Approach
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.judging import estimates_of
from tests.search.builders.simulated_errors import (
    AGE,
    CELLS,
    GENDER,
    MASK,
    MASKS,
    NUM_CLASSES,
    factor_of_score,
    scaled,
)
from tests.search.builders.simulated_people import Sample
from tests.search.builders.verdict_grid import Place, samples

Floats = NDArray[np.float64]

ANYBODY: Floats = np.ones(6)
RAREST: Floats = np.eye(6)[np.argmin(CELLS)]
_PRIOR = np.kron(np.bincount(MASKS) / 7, CELLS)
_OTHER_GENDER = np.array([(c + 3) % 6 + c // 6 * 6 for c in range(NUM_CLASSES)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Whether a difference larger than the margin was called equivalence, one a data set.

    Attributes:
        with_floor: as `PairEstimate.is_equivalent` has it.
        without: by the interval alone.
        share: of all people that is of the kind.
    """

    with_floor: tuple[bool, ...]
    without: tuple[bool, ...]
    share: float


def equivalence_cell(
    place: Place,
    difference: float,
    num_sets: int,
    *,
    seed: int,
    margin: float,
    among: Floats = ANYBODY,
    num_seeds: int = 3,
) -> Equivalence:
    """Returns how often two approaches are called equivalent.

    Args:
        place: world and people.
        difference: the true one of macro-F1.
        num_sets: data sets.
        seed: of everything.
        margin: of equivalence.
        among: float [6] in [0, 1], how the kind is spread over genders and ages.
        num_seeds: of both.
    """
    share = _share(place, difference, among)
    world = place.world((0.0,), num_seeds=num_seeds, seed_sd=0.005)
    rng = np.random.default_rng([seed, round(1e6 * difference), place.num_people])
    floored, plain = [], []
    for sample in samples(world, num_sets, seed):
        estimate = _estimate(sample, rng, share * among)
        floored.append(estimate.is_equivalent(place.num_people, margin))
        plain.append(abs(estimate.difference) + estimate.reach <= margin)
    return Equivalence(
        with_floor=tuple(floored), without=tuple(plain), share=float(share * (among @ CELLS))
    )


def true_difference(place: Place, share: Floats) -> float:
    """Returns the true difference of macro-F1 where `share`, float [6], is of the kind."""
    factor = factor_of_score(place.score())
    plain = np.kron(MASK, np.kron(scaled(GENDER, factor), scaled(AGE, factor)))
    of_class = np.tile(share, 3)[:, None]
    right = np.eye(NUM_CLASSES)
    one, two = ((1 - of_class) * plain + of_class * kind for kind in (right, right[_OTHER_GENDER]))
    return _macro_f1(one) - _macro_f1(two)


def _share(place: Place, difference: float, among: Floats) -> float:
    """Returns the share of the people of `among` that makes a true difference."""
    return float(
        brentq(lambda share: true_difference(place, share * among) - difference, 0.0, 1.0)
    )


def _macro_f1(table: Floats) -> float:
    return float(np.mean(2 * _PRIOR * table.diagonal() / (_PRIOR + _PRIOR @ table)))


def _estimate(sample: Sample, rng: np.random.Generator, share: Floats) -> PairEstimate:
    first = np.unique(sample.g, return_index=True)[1]
    cell = sample.y[first] % 6
    of_kind = (rng.random(len(cell)) < share[cell])[sample.g]
    rows: Sequence[NDArray[np.int64]] = [
        np.where(of_kind, classes, sample.predicted[0])
        for classes in (sample.y, _OTHER_GENDER[sample.y])
    ]
    parts = [Approach(name=str(i), predicted=each) for i, each in enumerate(rows)]
    return estimates_of(parts, sample.people)["0", "1"]
