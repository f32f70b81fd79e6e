"""Photos that are there twice: of one person, of two, with and without a label.

Notation: N photos, P pairs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.analysis.near_duplicates import EQUAL
from search.audit.finding import Finding, Level, about
from search.audit.listing import Listing
from search.prepare.known_copies import known_copies
from trainables.data.schema import UNKNOWN
from trainables.data.sketches import Sketches

_MOST_SHOWN = 4
"""Photos of one picture that are shown and named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Two photos that show one picture.

    Attributes:
        first: place of the one in the listing.
        second: place of the other, above `first`.
        how: in a few words, such as "the same file".
    """

    first: int
    second: int
    how: str


def find_copies(
    sketches: Sketches, cache_dir: Path, progress: Callable[[int, int], None]
) -> tuple[Copy, ...]:
    """Returns all pairs of photos that show one picture, each once; equal files first.

    Of equal files each is a pair with the first of them.
    """
    found = known_copies(sketches, sketches.digest_of_read, cache_dir, progress)
    rows = zip(found.first, found.second, found.alike, found.is_mirrored, strict=True)
    return tuple(
        Copy(first=int(one), second=int(other), how=_how(float(alike), mirrored=bool(mirrored)))
        for one, other, alike, mirrored in rows
    )


def _how(alike: float, *, mirrored: bool) -> str:
    if alike == EQUAL:
        return "the same file"
    return f"{'mirrored' if mirrored else 'nearly the same'}, {alike:.2f}"


def copy_findings(listing: Listing, copies: tuple[Copy, ...]) -> Iterator[Finding]:
    """Yields the photos that are there twice: whose they are makes the difference."""
    kinds: defaultdict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        kinds[_kind(listing, copy)].append(copy)
    texts = {
        "copy-within-person": "{n} photo{s} of a person twice: one of each pair adds nothing, and "
        "its label may be the other one's",
        "copy-between-people": "{n} pair{s} of photos that two people share: one of them is "
        "somebody else, or both are one person",
        "copy-labelled-unlabelled": "{n} photo{s} with a label also among those to predict",
        "copy-unlabelled": "{n} photo{s} twice among those without a label",
    }
    for kind, text in texts.items():
        level = Level.NOTE if kind == "copy-unlabelled" else Level.LOOK
        yield from about(kind, level, text, *_shown(listing, kinds[kind]))
    yield from _other_labels(listing, copies)
    yield from _one_person_twice(listing, kinds["copy-between-people"])


def _kind(listing: Listing, copy: Copy) -> str:
    one, other = (int(listing.rows[place]) for place in (copy.first, copy.second))
    if listing.table is None or (one < 0 and other < 0):
        return "copy-unlabelled"
    if one < 0 or other < 0:
        return "copy-labelled-unlabelled"
    groups = listing.table.groups
    return "copy-within-person" if groups[one] == groups[other] else "copy-between-people"


def _shown(
    listing: Listing, copies: list[Copy], more: Callable[[Copy], str] = lambda _: ""
) -> tuple[list[str], list[tuple[str, str]]]:
    pairs = [(listing.paths[each.first], listing.paths[each.second]) for each in copies]
    named = [
        f"{one} = {other} ({each.how}{more(each)})"
        for each, (one, other) in zip(copies, pairs, strict=True)
    ]
    return named, pairs


def _other_labels(listing: Listing, copies: tuple[Copy, ...]) -> list[Finding]:
    table = listing.table
    if table is None:
        return []

    def differ(copy: Copy) -> str:
        """Returns the labels that the two have otherwise; one that is unknown contradicts none."""
        one, other = (int(listing.rows[place]) for place in (copy.first, copy.second))
        if one < 0 or other < 0:
            return ""
        pairs = zip(table.schema.attributes, table.labels[one], table.labels[other], strict=True)
        said = [
            f"{a.name} {a.classes[x]} and {a.classes[y]}"
            for a, x, y in pairs
            if x != y and UNKNOWN not in (x, y)
        ]
        return "".join(f", {each}" for each in said)

    wrong = [copy for copy in copies if differ(copy)]
    text = "{n} pair{s} of one picture with two labels: one is wrong"
    return about("copy-other-label", Level.LOOK, text, *_shown(listing, wrong, differ))


def _one_person_twice(listing: Listing, copies: list[Copy]) -> list[Finding]:
    """Returns the people who share more than one picture: perhaps one person under two ids."""
    table = listing.table
    if table is None:
        return []
    shared: defaultdict[tuple[str, str], list[Copy]] = defaultdict(list)
    for copy in copies:
        one, other = sorted(table.groups[listing.rows[p]] for p in (copy.first, copy.second))
        shared[one, other].append(copy)
    twice = {people: found for people, found in shared.items() if len(found) > 1}
    named = [f"{one} and {other} ({len(found)} pictures)" for (one, other), found in twice.items()]
    photos = [
        (listing.paths[found[0].first], listing.paths[found[0].second]) for found in twice.values()
    ]
    text = "{n} pair{s} of people who share several pictures: one person under two ids?"
    return about("person-twice", Level.LOOK, text, named, photos)


def people_of(listing: Listing, copies: tuple[Copy, ...]) -> NDArray[np.int64]:
    """Returns the pairs of people, by their number in the table, who share a picture, [P, 2]."""
    table = listing.table
    if table is None:
        return np.zeros((0, 2), dtype=np.int64)
    rows = listing.rows[np.array([(c.first, c.second) for c in copies], np.int64).reshape(-1, 2)]
    listed = rows[(rows >= 0).all(axis=1)]
    people = table.group_index[listed]
    return np.asarray(people[people[:, 0] != people[:, 1]], dtype=np.int64)
