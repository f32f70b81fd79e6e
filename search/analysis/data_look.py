"""What a data set looks like: who has which class, who is near a cut, how photos are.

Notation: N photos, G people, K classes of an attribute. A code below 0 is an unknown class.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np
from numpy.typing import NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints

Classes = Mapping[str, Sequence[str]]
"""Names of the classes of every attribute, in code order."""

NEAR = 3
"""Units of a number, years of an age, within which people are near a cut."""
_LEAST_RANGE = 4 * NEAR
"""Of a number, below which nearly everybody would be near a cut."""
_BINS, _LIGHTEST = 12, 256
_MOST_SIZES = 8
_MOST_CELLS, _IN_A_CELL = 24, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What becomes of the two classes beside a cut: people `below` it and `above` it."""

    name: str
    below: int
    above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The cut between two neighbouring classes of a number.

    Attributes:
        name: of the cut, such as "age 60".
        classes: of the class below and the one above.
        below: people at most `NEAR` below it.
        above: people at it or less than `NEAR` above it.
        options: what moving it or leaving people out does, as it is first.
    """

    name: str
    classes: tuple[str, str]
    below: int
    above: int
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """How large and how bright photos are.

    Attributes:
        photos: that were looked at.
        sizes: (width, height, photos) of the most frequent sizes, the most frequent first.
        num_sizes: different sizes; 0 where none is known.
        brightness: photos by mean luma, in equal steps from 0 to 255.
        middle: mean luma that a quarter of the photos lies below, and a quarter above.

    Raises:
        AnalysisError: there is no photo, or a size of none.
    """

    photos: int
    sizes: tuple[tuple[int, int, int], ...]
    num_sizes: int
    brightness: tuple[int, ...]
    middle: tuple[float, float]

    def __post_init__(self) -> None:
        counted = (self.photos, *(photos for _, _, photos in self.sizes))
        if min(counted) < 1 or not any(self.brightness):
            raise AnalysisError(
                f"photos must be counted, got {self.photos} of them, brightness "
                f"{list(self.brightness)[:3]} and sizes {list(self.sizes)[:3]}"
            )

    @property
    def brightness_names(self) -> tuple[str, ...]:
        """The steps of `brightness`."""
        edges = np.linspace(0, _LIGHTEST, len(self.brightness) + 1)
        return tuple(f"{low:.0f} to {high - 1:.0f}" for low, high in pairwise(edges))


def is_called(name: str, word: str) -> bool:
    """Returns whether a word is part of a name: "age" of "age_band" and not of "language"."""
    return word in re.split(r"[^a-z]+", name.lower())


def two_of_people(names: Sequence[str]) -> tuple[str, ...]:
    """Returns gender and age where there are such, else the first two attributes, or the one."""
    wanted = [name for word in ("gender", "sex", "age") for name in names if is_called(name, word)]
    return tuple(dict.fromkeys([*wanted, *names]))[:2]


def people_of_classes(codes: Ints, person: Ints, num_classes: int) -> Ints:
    """Returns how many people have a photo of each class.

    Args:
        codes: int [N], the class of each photo.
        person: int [N] in [0, G).
        num_classes: K.
    """
    pairs = np.unique(np.stack([codes, person])[:, codes >= 0], axis=1)
    return np.bincount(pairs[0], minlength=num_classes)


def people_of_pairs(first: Ints, second: Ints, person: Ints, sizes: tuple[int, int]) -> Ints:
    """Returns how many people have a photo of each pair of classes, int64 `sizes`."""
    codes = np.where((first < 0) | (second < 0), -1, first * sizes[1] + second)
    return people_of_classes(codes, person, sizes[0] * sizes[1]).reshape(sizes)


def cells_of(classes: Classes, labels: Ints) -> Iterator[tuple[str, Ints, Ints]]:
    """Yields the cells of two attributes, or of one where they have too many.

    Args:
        classes: of the attributes.
        labels: int [N, attributes].

    Yields:
        What a cell holds, its photos, and some of them, spread evenly, for a mean; none of a cell
        without photos.
    """
    pair = two_of_people(tuple(classes))
    choices = dict.fromkeys((pair, *((name,) for name in pair)))
    names = next((n for n in choices if prod(len(classes[k]) for k in n) <= _MOST_CELLS), ())
    own = [classes[name] for name in names]
    columns = labels[:, [list(classes).index(name) for name in names]]
    for cell in product(*(range(len(each)) for each in own)) if names else ():
        rows = np.flatnonzero((columns == cell).all(axis=1))
        if rows.size:
            caption = " ".join(each[code] for each, code in zip(own, cell, strict=True))
            yield caption, rows, rows[spread(len(rows), _IN_A_CELL)]


def spread(count: int, most: int) -> Ints:
    """Returns `most` places of `count`, or all, spread evenly: people are sorted in many data."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.int64)


def cuts_of(
    classes: Classes,
    edges: Mapping[str, Sequence[float]],
    raw: Mapping[str, NDArray[np.float64]],
    person: Ints,
) -> tuple[Cut, ...]:
    """Returns the cuts between classes of numbers, and who lies near them.

    Args:
        classes: of the attributes.
        edges: where the second class and each after it begin, of every attribute with numbers.
        raw: number of each photo by attribute, float [N]; NaN where it is not known.
        person: int [N] in [0, G); the first known number of a person counts.
    """
    found = []
    for name, values in raw.items():
        known = np.flatnonzero(~np.isnan(values))
        own = values[known[np.unique(person[known], return_index=True)[1]]]
        if not own.size or np.ptp(own) < _LEAST_RANGE:
            continue
        ends = (-np.inf, *edges[name], np.inf)
        for place, two in enumerate(pairwise(classes[name])):
            found.append(_cut(name, two, own, ends[place : place + 3]))
    return tuple(found)


def _cut(
    name: str,
    classes: tuple[str, str],
    own: NDArray[np.float64],
    ends: Sequence[float],
) -> Cut:
    """Returns the cut where the second class begins; `ends` are three: also of the two classes."""
    start, edge, end = ends

    def people(low: float, high: float) -> int:
        """Returns the people from `low` to below `high`."""
        return int(((own >= low) & (own < high)).sum())

    def moved(by: int) -> Option:
        """Returns the two classes with the cut lower by so much."""
        at = max(edge - by, start)
        told = f"cut at {at:g}" if by else "as it is"
        return Option(name=told, below=people(start, at), above=people(at, end))

    near = max(edge - NEAR, start)
    without = Option(
        name=f"without {near:g} to below {edge:g}",
        below=people(start, near),
        above=people(edge, end),
    )
    return Cut(
        name=f"{name} {edge:g}",
        classes=classes,
        below=people(edge - NEAR, edge),
        above=people(edge, edge + NEAR),
        options=(*(moved(by) for by in range(NEAR + 1)), without),
    )


def photo_facts(size: Ints, brightness: NDArray[np.floating]) -> PhotoFacts | None:
    """Returns how large and how bright photos are; None where there are none.

    Args:
        size: int [M, 2], (H, W) of the photos whose size is known.
        brightness: float [N], mean luma of each photo in [0, 255].
    """
    if not len(brightness):
        return None
    # An empty array has no rows to tell apart.
    sizes, times = np.unique(size.reshape(-1, 2), axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")[:_MOST_SIZES]
    counts = np.histogram(brightness, bins=_BINS, range=(0, _LIGHTEST))[0]
    low, high = np.quantile(brightness, (0.25, 0.75))
    return PhotoFacts(
        photos=len(brightness),
        sizes=tuple((int(sizes[k][1]), int(sizes[k][0]), int(times[k])) for k in order),
        num_sizes=len(sizes),
        brightness=tuple(counts.tolist()),
        middle=(float(low), float(high)),
    )
