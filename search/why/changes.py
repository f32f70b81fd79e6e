"""How controlled trainings change their data: fewer people, wrong labels.

Notation: N samples, P people who train. Every draw is over the people of the whole table, so a
person is drawn alike in every fold, and weaker changes are contained in stronger ones.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.errors import UsageError
from trainables.classifier import TrainingData
from trainables.data.sample_table import SampleTable
from trainables.seeding import numpy_generator

_PREFERRED = "gender"


@dataclass(frozen=True, slots=True, kw_only=True)
class FewerPeople:
    """Training on a share of the people, with the mixture of labels that all of them have.

    Subsets are nested: who trains at 25 % trains at 50 %, too. The epochs stay as they are, so
    that fewer people also means fewer steps.

    Attributes:
        share: of the training people who stay, in (0, 1].
        seed: of the order in which people stay.

    Raises:
        UsageError: the share is not in (0, 1].
    """

    share: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"a share of the people must be in (0, 1], got {self.share:g}")

    def apply(self, data: TrainingData, table: SampleTable, *_: object) -> TrainingData:
        """Returns the data with whole people left out of `train`."""
        person = table.group_index[data.train]
        people = np.unique(person)
        luck = numpy_generator(self.seed, "people").permutation(table.num_groups)
        ordered = people[np.lexsort((luck[people], _strata(table)[people]))]
        # Every fourth, then every second of a list sorted by labels: nested and even.
        stay = ordered[_spread(len(ordered)) < self.share]
        return replace(data, train=data.train[np.isin(person, stay)])


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLabels:
    """Training with an attribute wrong for a share of the people, on all photos of a person.

    Attributes:
        attribute: whose labels are made wrong.
        share: of the training people, in [0, 1]; above 0 it is one person at least.
        seed: of the choice of people and of their wrong classes.

    Raises:
        UsageError: the share is not in [0, 1].
    """

    attribute: str
    share: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"a share of the people must be in [0, 1], got {self.share:g}")

    def apply(self, data: TrainingData, table: SampleTable, *_: object) -> TrainingData:
        """Returns the data with other labels in the rows of `train`; the given ones stay."""
        if self.share == 0:
            return data
        person = table.group_index[data.train]
        people = np.unique(person)
        rng = numpy_generator(self.seed, "labels")
        luck = rng.permutation(table.num_groups)
        num_classes = table.schema.num_classes(self.attribute)
        turn = rng.integers(1, num_classes, table.num_groups)
        num_wrong = max(1, round(self.share * len(people)))
        wrong = people[np.argsort(luck[people])][:num_wrong]
        rows = table.with_labels(data.train[np.isin(person, wrong)], (self.attribute,))
        column = table.schema.names.index(self.attribute)
        labels = data.labels.copy()
        labels[rows, column] = (labels[rows, column] + turn[table.group_index[rows]]) % num_classes
        return replace(data, labels=labels)


def attribute_to_flip(table: SampleTable) -> str:
    """Returns the attribute whose labels a person could be given wrongly; empty where none is.

    It belongs to the person (one class per person, different between people) and has no raw number
    that would contradict the wrong class. `gender` where that fits, else the fewest classes.
    """
    fitting = [
        (name != _PREFERRED, len(table.schema[name].classes), name)
        for column, name in enumerate(table.schema.names)
        if not table.schema[name].has_raw and _belongs_to_person(table, column)
    ]
    return min(fitting)[2] if fitting else ""


def _belongs_to_person(table: SampleTable, column: int) -> bool:
    labels = table.labels[:, column]
    first = np.zeros(table.num_groups, dtype=np.int64)
    first[table.group_index] = labels
    return bool((first[table.group_index] == labels).all() and len(np.unique(labels)) > 1)


def _strata(table: SampleTable) -> NDArray[np.int64]:
    """Returns a number of every person's sorted joint labels, int [people of the table]."""
    by_person: list[list[int]] = [[] for _ in range(table.num_groups)]
    for person, label in zip(table.group_index.tolist(), table.joint.tolist(), strict=True):
        by_person[person].append(label)
    numbers: dict[tuple[int, ...], int] = {}
    keys = [tuple(sorted(labels)) for labels in by_person]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _spread(num: int) -> NDArray[np.float64]:
    """Returns van der Corput's numbers in [0, 1): of any run of them, a share x is below x."""
    values, places = np.zeros(num), np.arange(num)
    digit = 0.5
    while places.any():
        values += digit * (places & 1)
        places, digit = places >> 1, digit / 2
    return values
