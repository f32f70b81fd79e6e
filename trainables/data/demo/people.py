"""Who is in the demo data: people whose ages and genders follow the competition's own counts."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from trainables.errors import DataError

Gender = Literal["male", "female"]
GENDERS: Final[tuple[Gender, Gender]] = ("male", "female")
MIN_PEOPLE: Final = 18
OLD_AGE: Final = 60
OLD_SHARE: Final = 0.12
"""People of 60 among all; more than the competition's 7 %, so that a small set can be judged."""

AGE_HISTOGRAM: Final[dict[int, int]] = dict(
    enumerate(
        [
            *(192, 407, 267, 41, 58, 72, 62, 82, 44, 15, 25, 16),  # 18 to 29
            *(17, 3, 7, 5, 13, 19, 8, 3, 14, 6),  # 30 to 39
            *(20, 7, 13, 18, 13, 27, 14, 10, 39, 31),  # 40 to 49
            *(80, 63, 78, 64, 82, 100, 123, 106, 159, 85, 192),  # 50 to 60
        ],
        start=18,
    )
)
"""People per year of age in the competition."""
_BANDS: Final = ((18, 29), (30, 59), (OLD_AGE, OLD_AGE))
_CELL_COUNTS: Final = {"male": (549, 410, 83), "female": (732, 817, 109)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of the demo data; `seed` alone decides how the person looks."""

    number: int
    gender: Gender
    age: int
    seed: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(f"`number >= 1` must hold, got {self.number}")
        if self.age not in AGE_HISTOGRAM:
            raise ValueError(f"`18 <= age <= 60` must hold, got {self.age}")

    @property
    def age_class(self) -> int:
        """0 below 30, 1 from 30 to 59, 2 from 60."""
        return int(self.age >= 30) + int(self.age >= OLD_AGE)

    @property
    def folder(self) -> str:
        """The competition's folder name: id, gender, race, age."""
        return f"{self.number:06d}_{self.gender}_Asian_{self.age}"


def plan_people(num_people: int, seed: int, old_share: float = OLD_SHARE) -> list[Person]:
    """Returns `num_people` people in shuffled order; every gender x age band is present.

    Raises:
        DataError: fewer than 18 people, or a share of old people outside (0, 0.5].
    """
    # Late: the drawing workers import this module and would pay for torch.
    from trainables.seeding import derive_seed, numpy_generator

    check_request(num_people, old_share)
    rng = numpy_generator(seed, "people")
    cells = [(gender, band) for gender in GENDERS for band in range(len(_BANDS))]
    rows: list[tuple[Gender, int]] = []
    for (gender, band), count in zip(cells, _cell_sizes(num_people, old_share), strict=True):
        rows += [(gender, int(age)) for age in _ages(band, int(count), rng)]
    order = rng.permutation(len(rows))
    return [
        Person(
            number=position + 1,
            gender=rows[row][0],
            age=rows[row][1],
            seed=derive_seed(seed, "person", position),
        )
        for position, row in enumerate(order)
    ]


def check_request(num_people: int, old_share: float) -> None:
    """Refuses sets that cannot hold every gender x age band.

    Raises:
        DataError: fewer than 18 people, or a share of old people outside (0, 0.5].
    """
    if num_people < MIN_PEOPLE:
        raise DataError(
            f"demo data needs at least {MIN_PEOPLE} people in each part (three per gender and "
            f"age band on average), got {num_people}; ask for {MIN_PEOPLE} or more"
        )
    if not 0.0 < old_share <= 0.5:
        raise DataError(
            f"`0 < old_share <= 0.5` must hold, got {old_share}; the default is {OLD_SHARE}"
        )


def _cell_sizes(num_people: int, old_share: float) -> NDArray[np.int64]:
    """People of each cell [6] (male <30, 30-59, 60, then female), by largest remainder."""
    counts = np.array([_CELL_COUNTS[gender] for gender in GENDERS], dtype=np.float64)
    counts[:, :2] *= (1.0 - old_share) / counts[:, :2].sum()
    counts[:, 2] *= old_share / counts[:, 2].sum()
    ideal = counts.ravel() * num_people
    sizes = np.maximum(np.floor(ideal).astype(np.int64), 1)
    while sizes.sum() < num_people:
        sizes[np.argmax(ideal - sizes)] += 1
    while sizes.sum() > num_people:
        sizes[np.argmax(np.where(sizes > 1, sizes - ideal, -np.inf))] -= 1
    return sizes


def _ages(band: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ages [count] of one band: systematic draws, so that a small set spans the band too."""
    low, high = _BANDS[band]
    years = np.arange(low, high + 1)
    share = np.array([AGE_HISTOGRAM[int(year)] for year in years], dtype=np.float64)
    position = (np.arange(count) + rng.random()) / count
    index = np.searchsorted(np.cumsum(share / share.sum()), position, side="right")
    return np.asarray(years[np.minimum(index, len(years) - 1)], dtype=np.int64)
