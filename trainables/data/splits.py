"""Group-disjoint, stratified splits: no person on two sides, every side with the same mixture.

Notation: N samples, G groups (people), F folds. A group's stratum is the sorted tuple of the joint
labels of its samples, so people with the same set of labels are dealt out evenly.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from trainables.data.sample_table import SampleTable
from trainables.data.schema import IntArray
from trainables.errors import DataError
from trainables.seeding import derive_seed, numpy_generator

HELD_OUT_FOLDS = 5
"""One fifth of the people is held out: the search never sees it."""

SEARCH_FOLDS = 4
"""One fourth of the other people validates the search."""


def deal(groups: IntArray, strata: IntArray, num_folds: int, seed: int) -> IntArray:
    """Returns a fold for each sample; a group is in one fold, a stratum is spread over all.

    Strata are dealt largest first, their groups in random order, one to each fold in turn, and
    each stratum goes on where the one before stopped: the number of groups differs by at most
    one between folds, over all and within every stratum.

    Args:
        groups: int array [N], the group of each sample; any numbers.
        strata: int array [N], the joint label of each sample.
        num_folds: at least two, at most the number of groups.
        seed: of the random order within a stratum.

    Returns:
        int64 array [N] in [0, num_folds).

    Raises:
        DataError: the arrays differ in length, or there are fewer than two folds or fewer groups
            than folds.
    """
    groups, strata = np.asarray(groups), np.asarray(strata)
    if groups.ndim != 1 or groups.shape != strata.shape:
        raise DataError(
            f"groups and strata must have one shape [N], got {groups.shape} and {strata.shape}"
        )
    unique_groups, group_index = np.unique(groups, return_inverse=True)
    if not 2 <= num_folds <= len(unique_groups):
        raise DataError(
            f"2 <= folds <= groups must hold, got {num_folds} folds for {len(unique_groups)} "
            "groups (people); give data of more people"
        )
    rng = numpy_generator(seed, "deal", num_folds)
    order = [
        group
        for members in _strata_members(group_index, strata)
        for group in rng.permutation(members)
    ]
    fold_of_group = np.empty(len(unique_groups), dtype=np.int64)
    fold_of_group[order] = np.arange(len(order)) % num_folds
    return fold_of_group[group_index]


def _strata_members(group_index: IntArray, strata: IntArray) -> list[list[int]]:
    """Returns the groups of each stratum, the largest stratum first, ties by its labels."""
    by_group_then_label = np.lexsort((strata, group_index))
    starts = np.flatnonzero(np.diff(group_index[by_group_then_label])) + 1
    members: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for group, labels in enumerate(np.split(strata[by_group_then_label], starts)):
        members[tuple(labels.tolist())].append(group)
    return [members[key] for key in sorted(members, key=lambda key: (-len(members[key]), key))]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """The rows of a table on three sides, each row on exactly one.

    Attributes:
        search_train: int64 array, sorted, read-only: rows a trial trains on.
        search_val: likewise: rows a trial is scored on.
        held_out: likewise: rows the search never sees.

    Raises:
        DataError: a side is empty, or the sides do not hold each of the rows 0..N-1 once.
    """

    search_train: IntArray
    search_val: IntArray
    held_out: IntArray

    def __post_init__(self) -> None:
        for name in ("search_train", "search_val", "held_out"):
            side = np.sort(np.asarray(getattr(self, name), dtype=np.int64))
            if not side.size:
                raise DataError(f"every side of a split needs samples, {name} has none")
            side.flags.writeable = False
            object.__setattr__(self, name, side)
        rows = np.sort(np.concatenate(self._sides))
        if not np.array_equal(rows, np.arange(len(rows))):
            raise DataError("a split must hold each of the rows 0 to N - 1 exactly once")

    def first(self, num_samples: int) -> Split:
        """Returns the split of the first samples alone; DataError where a side has none."""
        return Split(
            search_train=self.search_train[self.search_train < num_samples],
            search_val=self.search_val[self.search_val < num_samples],
            held_out=self.held_out[self.held_out < num_samples],
        )

    @property
    def _sides(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.search_train, self.search_val, self.held_out

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the rows on each side; equal splits have equal fingerprints."""
        digest = hashlib.sha256()
        for side in self._sides:
            digest.update(f"{len(side)}:".encode() + side.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


def check_people(num_people: int) -> None:
    """Raises DataError where people are too few to be held out, to validate and to train."""
    if num_people < HELD_OUT_FOLDS:
        raise DataError(
            f"a run needs at least {HELD_OUT_FOLDS} people, got {num_people}: nobody may be on "
            "two sides of a split, and people who share a photo count as one; give data of more "
            "people"
        )


def make_split(table: SampleTable, seed: int, fold: int = 0) -> Split:
    """Returns a fifth of the people held out, a fourth of the others to validate the search.

    Samples of added data train.

    Args:
        table: of all samples.
        seed: of the order in which people are dealt.
        fold: which fourth validates, in [0, SEARCH_FOLDS).

    Raises:
        DataError: there are fewer than five people.
    """
    own = table.num_samples - table.added
    group, strata = table.group_index[:own], table.strata[:own]
    check_people(len(np.unique(group)))
    outer = deal(group, strata, HELD_OUT_FOLDS, derive_seed(seed, "split", "held_out"))
    search = np.flatnonzero(outer != 0)
    inner = deal(
        group[search],
        strata[search],
        SEARCH_FOLDS,
        derive_seed(seed, "split", "search_val"),
    )
    split = Split(
        search_train=np.concatenate([search[inner != fold], np.arange(own, table.num_samples)]),
        search_val=search[inner == fold],
        held_out=np.flatnonzero(outer == 0),
    )
    check_group_disjoint(table, split.search_train, split.search_val, split.held_out)
    return split


def make_folds(table: SampleTable, num_folds: int, seed: int) -> IntArray:
    """Returns the fold of each sample, int64 array [N]; see `deal`.

    Raises:
        DataError: there are fewer than two folds or fewer people than folds.
    """
    return deal(table.group_index, table.joint, num_folds, derive_seed(seed, "folds"))


def check_group_disjoint(table: SampleTable, *index_arrays: IntArray) -> None:
    """Checks that no person has samples in two of the index arrays.

    Raises:
        DataError: names a person who is on two sides, and the sides by their position.
    """
    side_of_group = np.full(table.num_groups, -1, dtype=np.int64)
    for side, rows in enumerate(index_arrays):
        present = np.unique(table.group_index[rows])
        shared = present[side_of_group[present] >= 0]
        if shared.size:
            raise DataError(
                f"a person must be on one side only: {table.group_names[shared[0]]!r} is on side "
                f"{side_of_group[shared[0]]} and side {side} ({shared.size} people are on both)"
            )
        side_of_group[present] = side
