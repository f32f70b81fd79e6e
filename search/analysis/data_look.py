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
_MOST_SIZES, _MOST_PHOTOS = 8, 10**9
_MOST_CELLS = 24
MOST_IN_A_MEAN = 200
"""Photos of a cell that its mean photo is of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeopleTable:
    """People by two attributes.

    Attributes:
        row_name: one attribute.
        column_name: the other.
        rows: classes of the one.
        columns: classes of the other.
        counts: int [rows, columns], people with such a photo.
        num_people: who have a photo with both labels.

    Raises:
        AnalysisError: counts are not [rows, columns].
    """

    row_name: str
    column_name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: Ints
    num_people: int

    def __post_init__(self) -> None:
        expected = (len(self.rows), len(self.columns))
        if self.counts.shape != expected:
            raise AnalysisError(
                f"people by {self.row_name} and {self.column_name} must be {list(expected)}, got "
                f"{list(self.counts.shape)}"
            )

    @property
    def has_sums(self) -> bool:
        """Whether each person is counted once."""
        return int(self.counts.sum()) == self.num_people


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
        options: what moving it or leaving people out does, as it is first, none twice.
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
        of: photos that there are; those that were looked at are spread evenly.
        sized: photos whose size is known.
        sizes: (width, height, photos) of the most frequent sizes, the most frequent first.
        num_sizes: different sizes.
        brightness: photos by mean luma, in equal steps from 0 to 255.
        middle: mean luma that a quarter of the photos lies below, and a quarter above.

    Raises:
        AnalysisError: figures contradict each other, or are out of their range.
    """

    photos: int
    of: int
    sized: int
    sizes: tuple[tuple[int, int, int], ...]
    num_sizes: int
    brightness: tuple[int, ...]
    middle: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.middle
        listed = sum(photos for _, _, photos in self.sizes)
        is_cut = self.num_sizes > len(self.sizes)
        rules = {
            f"photos must be 1 to {_MOST_PHOTOS:,}, of as many or more": (
                0 < self.photos <= self.of <= _MOST_PHOTOS
            ),
            f"brightness must be {_BINS} counts of all photos": (
                len(self.brightness) == _BINS
                and min(self.brightness) >= 0
                and sum(self.brightness) == self.photos
            ),
            "sizes must be above 0 and of the photos whose size is known": (
                all(0 < side <= _MOST_PHOTOS for size in self.sizes for side in size)
                and listed <= self.sized <= self.photos
            ),
            f"num_sizes must count the sizes, of which {_MOST_SIZES} are listed": (
                len(self.sizes) <= self.num_sizes <= self.sized
                and (len(self.sizes) == _MOST_SIZES if is_cut else listed == self.sized)
            ),
            "middle must be two numbers in [0, 255], in order": 0 <= low <= high < _LIGHTEST,
        }
        for rule, holds in rules.items():
            if not holds:
                raise AnalysisError(rule)

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
    kinds = (("gender", "sex"), ("age",))
    found = [next((n for n in names if any(is_called(n, w) for w in ws)), None) for ws in kinds]
    return tuple(dict.fromkeys([*(name for name in found if name is not None), *names]))[:2]


def people_of_classes(codes: Ints, person: Ints, num_classes: int) -> Ints:
    """Returns how many people have a photo of each class.

    Args:
        codes: int [N], the class of each photo.
        person: int [N] in [0, G).
        num_classes: K.
    """
    pairs = np.unique(np.stack([codes, person])[:, codes >= 0], axis=1)
    return np.bincount(pairs[0], minlength=num_classes)


def crossed(classes: Classes, labels: Ints, person: Ints) -> PeopleTable | None:
    """Returns people by gender and age, or by the first two attributes; None of one attribute.

    Args:
        classes: of the attributes.
        labels: int [N, attributes].
        person: int [N] in [0, G).
    """
    if len(classes) < 2:
        return None
    row, column = two_of_people(tuple(classes))
    sizes = (len(classes[row]), len(classes[column]))
    first, second = (labels[:, list(classes).index(name)] for name in (row, column))
    codes = np.where((first < 0) | (second < 0), -1, first * sizes[1] + second)
    return PeopleTable(
        row_name=row,
        column_name=column,
        rows=tuple(classes[row]),
        columns=tuple(classes[column]),
        counts=people_of_classes(codes, person, sizes[0] * sizes[1]).reshape(sizes),
        num_people=len(np.unique(person[codes >= 0])),
    )


def class_people(classes: Classes, labels: Ints, person: Ints) -> dict[str, dict[str, int]]:
    """Returns how many people have a photo of each class of every attribute; as `crossed`."""
    found = {}
    for column, (name, own) in zip(labels.T, classes.items(), strict=True):
        counts = people_of_classes(column, person, len(own)).tolist()
        found[name] = dict(zip(own, counts, strict=True))
    return found


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
    cells = list(product(*(range(len(each)) for each in own))) if names else []
    parts = [[each[code] for each, code in zip(own, cell, strict=True)] for cell in cells]
    captions = list(map(" ".join, parts))
    if len(set(captions)) < len(captions):  # "a b" and "c" would be one with "a" and "b c"
        captions = [" ".join(map(repr, each)) for each in parts]
    for cell, caption in zip(cells, captions, strict=True):
        rows = np.flatnonzero((columns == cell).all(axis=1))
        if rows.size:
            yield caption, rows, rows[spread(len(rows), MOST_IN_A_MEAN)]


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
        of_name = [
            _cut(name, two, own, ends[place : place + 3])
            for place, two in enumerate(pairwise(classes[name]))
        ]
        # Of a number that is no age, such as an income, three units may be next to nothing.
        found += of_name if any(cut.below or cut.above for cut in of_name) else []
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
        told = f"cut at {at:.10g}" if by else "as it is"
        return Option(name=told, below=people(start, at), above=people(at, end))

    near = max(edge - NEAR, start)
    without = Option(
        name=f"without {near:.10g} to below {edge:.10g}",
        below=people(start, near),
        above=people(edge, end),
    )
    return Cut(
        name=f"{name} {edge:.10g}",
        classes=classes,
        below=people(edge - NEAR, edge),
        above=people(edge, edge + NEAR),
        options=tuple(dict.fromkeys((*(moved(by) for by in range(NEAR + 1)), without))),
    )


def photo_facts(
    size: Ints, brightness: NDArray[np.floating], of: int | None = None
) -> PhotoFacts | None:
    """Returns how large and how bright photos are; None where there are none.

    Args:
        size: int [M, 2], (H, W) of the photos whose size is known.
        brightness: float [N], mean luma of each photo in [0, 255].
        of: photos that these are some of; None: they are all.
    """
    if not len(brightness):
        return None
    sizes, times = np.unique(size, axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")[:_MOST_SIZES]
    counts = np.histogram(brightness, bins=_BINS, range=(0, _LIGHTEST))[0]
    low, high = np.quantile(brightness, (0.25, 0.75))
    return PhotoFacts(
        photos=len(brightness),
        of=len(brightness) if of is None else of,
        sized=len(size),
        sizes=tuple((int(sizes[k][1]), int(sizes[k][0]), int(times[k])) for k in order),
        num_sizes=len(sizes),
        brightness=tuple(counts.tolist()),
        middle=(float(low), float(high)),
    )
