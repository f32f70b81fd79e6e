"""Photos worth looking at: some of every class, confident errors, and where approaches part.

Notation:
    N samples, A attributes, C joint classes; one photo a person in every group.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from search.analysis import wording
from search.analysis.metrics import Floats, Ints
from search.analysis.recombine import attribute_classes, marginals

_MOST_CLASSES = 24  # joint classes of which photos are shown; of more, those of the attributes
_OF_A_CLASS, _OF_A_CELL, _PARTED = 3, 3, 12
_MOST_CELLS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A photo by its sample, and what is said below it."""

    sample: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Photos that show one thing, in the order they are looked at."""

    title: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Groups of photos: of classes, of confident errors, of disagreement."""

    classes: tuple[Group, ...]
    errors: tuple[Group, ...]
    parted: tuple[Group, ...]

    @property
    def samples(self) -> tuple[int, ...]:
        """Every sample once, those that are looked at first in front."""
        groups = (*self.errors, *self.parted, *self.classes)
        return tuple(dict.fromkeys(e.sample for group in groups for e in group.examples))


def pick(
    label: Ints,
    person: Ints,
    attributes: Mapping[str, Sequence[str]],
    probs: Mapping[str, Floats],
    leader: str,
) -> Examples:
    """Returns the photos that say most of a run.

    Args:
        label: int [N], true joint classes.
        person: int [N].
        attributes: name -> classes.
        probs: approach -> float [N, C], the mean over seeds.
        leader: the approach whose errors are shown.
    """
    sizes = tuple(len(classes) for classes in attributes.values())
    codes = attribute_classes(label, sizes)
    return Examples(
        classes=tuple(_of_classes(codes, person, attributes)),
        errors=tuple(_errors(codes, person, attributes, probs[leader])),
        parted=tuple(_parted(codes, person, attributes, probs)),
    )


def _of_classes(
    codes: Ints, person: Ints, attributes: Mapping[str, Sequence[str]]
) -> Iterator[Group]:
    names = list(attributes)
    together = prod(len(classes) for classes in attributes.values()) <= _MOST_CLASSES
    for block in [names] if together else [[name] for name in names]:
        axes = [names.index(name) for name in block]
        for row in np.unique(codes[:, axes], axis=0):
            there = np.flatnonzero((codes[:, axes] == row).all(axis=1))
            title = ", ".join(attributes[n][code] for n, code in zip(block, row, strict=True))
            chosen = _of_different_people(there, person, _OF_A_CLASS)
            yield Group(title=title, examples=tuple(Example(sample=s, text="") for s in chosen))


def _errors(
    codes: Ints,
    person: Ints,
    attributes: Mapping[str, Sequence[str]],
    probs: Floats,
) -> Iterator[Group]:
    """Yields the most confident errors of the most frequent confusions.

    The class given is that of the likeliest joint class, as it is scored, which need not be the
    likeliest of the attribute alone.
    """
    sizes = tuple(len(classes) for classes in attributes.values())
    answers = attribute_classes(probs.argmax(axis=1), sizes)
    cells = []
    for axis, (name, classes) in enumerate(attributes.items()):
        given, alone = answers[:, axis], marginals(probs, sizes)[axis]
        for true in range(len(classes)):
            for said in set(range(len(classes))) - {true}:
                there = np.flatnonzero((codes[:, axis] == true) & (given == said))
                title = f"{name}: {classes[true]} taken for {classes[said]}"
                cells.append((len(there), title, there, alone[:, said]))
    for count, title, there, sure in sorted(cells, key=lambda cell: -cell[0])[:_MOST_CELLS]:
        if count:
            ranked = there[np.argsort(-sure[there], kind="stable")]
            yield Group(
                title=f"{title} ({wording.plural(count, 'photo')})",
                examples=tuple(
                    Example(sample=s, text=f"{wording.percent(float(sure[s]))} sure")
                    for s in _of_different_people(ranked, person, _OF_A_CELL)
                ),
            )


def _parted(
    codes: Ints,
    person: Ints,
    attributes: Mapping[str, Sequence[str]],
    probs: Mapping[str, Floats],
) -> Iterator[Group]:
    """Yields photos on which approaches say different classes, the surest of them first."""
    if len(probs) < 2:
        return
    sizes = tuple(len(classes) for classes in attributes.values())
    given = {name: found.argmax(axis=1) for name, found in probs.items()}
    answers = np.stack(list(given.values()))
    sure = np.stack([found.max(axis=1) for found in probs.values()]).min(axis=0)
    there = np.flatnonzero((answers != answers[0]).any(axis=0))
    ranked = there[np.argsort(-sure[there], kind="stable")]
    said = {name: attribute_classes(found, sizes) for name, found in given.items()}
    examples = []
    for sample in _of_different_people(ranked, person, _PARTED):
        rows = {"true": codes[sample], **{name: row[sample] for name, row in said.items()}}
        differs = [
            axis
            for axis in range(len(sizes))
            if len({int(row[axis]) for row in rows.values()}) > 1
        ]
        classes = list(attributes.values())
        text = "; ".join(
            f"{name}: {', '.join(classes[axis][row[axis]] for axis in differs)}"
            for name, row in rows.items()
        )
        examples.append(Example(sample=sample, text=text))
    if examples:
        share = wording.percent(len(there) / len(codes))
        yield Group(title=f"Approaches part on {share} of the photos", examples=tuple(examples))


def _of_different_people(samples: Iterable[int], person: Ints, most: int) -> list[int]:
    """Returns the first samples, one a person."""
    found: dict[int, int] = {}
    for sample in samples:
        found.setdefault(int(person[sample]), int(sample))
        if len(found) == most:
            break
    return list(found.values())
