"""People who share a photo are kept on one side of every split: as one group.

A photo that is there twice under two people would be trained on and scored on.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.analysis.near_duplicates import LEAST_CONTRAST, contrast, together
from search.prepare.known_copies import known_copies
from trainables.data.sample_table import SampleTable
from trainables.data.schema import IntArray
from trainables.data.sketches import Sketches
from trainables.machine import Machine

_NAMED = 3
_FEW, _LARGE = 5, 0.2
"""People, and their share of all, up to which those who share a photo are kept together."""

ProgressBar = Callable[[str], Callable[[int, int], None]]


def on_one_side(table: SampleTable, cache_dir: Path, progress: ProgressBar) -> SampleTable:
    """Returns the table with people who share a photo, or nearly the same one, in one group.

    Its notes say how many they are.

    Photos that cannot be read are left to those who decode them all.

    Args:
        table: of the data.
        cache_dir: small photos are kept there.
        progress: gives the bar of a step.
    """
    return kept_together(table, sketches_of(table, cache_dir, progress), cache_dir)


def sketches_of(table: SampleTable, cache_dir: Path, progress: ProgressBar) -> Sketches:
    """Returns the small photos of a table, of the cache where they are there."""
    return Sketches.open(
        table.root,
        table.paths,
        cache_dir,
        num_threads=Machine().cpus(),
        max_pixels=table.max_pixels,
        progress=progress(f"looking for photos that are there twice, among {table.num_samples}"),
    )


def kept_together(table: SampleTable, sketches: Sketches, cache_dir: Path) -> SampleTable:
    """Returns what `on_one_side` does, by small photos that there are."""
    pairs = _pairs_across(table, sketches, cache_dir)
    if not len(pairs):
        return table
    own, crowded = groups_of(table.num_groups, table.group_index[pairs])
    # Called after the first of its people, a group cannot be taken for anybody else.
    groups = tuple(table.group_names[own[person]] for person in table.group_index)
    is_apart = crowded[table.group_index[pairs[:, 0]]]
    notes = (*_kept(table, pairs[~is_apart], own), *_left(table, pairs[is_apart], crowded))
    return _new_alone(replace(table, groups=groups, notes=(*table.notes, *notes)))


def groups_of(num_people: int, pairs: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Returns the group of each person, who shares a photo with whom, and who is left apart.

    Args:
        num_people: G.
        pairs: int array [P, 2] of people in [0, G) who share a photo.

    Returns:
        The lowest number of a person of the group, int64 [G], and who would be in a group of too
        many people, bool [G]: each of them is one of their own.
    """
    cluster = together(num_people, pairs)
    crowded = _crowded(cluster)
    return np.where(crowded, np.arange(num_people), cluster), crowded


def _new_alone(table: SampleTable) -> SampleTable:
    """Returns the table without added photos of people whom one's own data has.

    Their people may be validated or held out, and what is added only trains.
    """
    own = table.num_samples - table.added
    known = np.isin(table.group_index[own:], table.group_index[:own])
    if not known.any():
        return table
    found = table.take(np.append(np.arange(own), own + np.flatnonzero(~known)))
    note = (
        f"{known.sum()} added photos are left out: their people share photos with people of the "
        "data that they are added to"
    )
    return replace(found, added=found.num_samples - own, notes=(*found.notes, note))


def _crowded(cluster: IntArray) -> NDArray[np.bool_]:
    """Returns who is in a group of too many people to be on one side of a split, bool [G]."""
    sizes = np.bincount(cluster, minlength=len(cluster))
    return np.asarray(sizes[cluster] > max(_FEW, _LARGE * len(cluster)), dtype=np.bool_)


def _pairs_across(table: SampleTable, sketches: Sketches, cache_dir: Path) -> IntArray:
    """Returns pairs of photos of two people that show one picture, int64 [P, 2]."""
    # Nobody is known again by a photo of one colour.
    shows = contrast(sketches.luma) >= LEAST_CONTRAST
    digest = [
        each if seen else "" for each, seen in zip(sketches.digest_of_read, shows, strict=True)
    ]
    found = known_copies(sketches, digest, cache_dir)
    pairs = np.stack([found.first, found.second], axis=1)
    people = table.group_index[pairs]
    return np.asarray(pairs[people[:, 0] != people[:, 1]], dtype=np.int64)


def _kept(table: SampleTable, pairs: IntArray, own: IntArray) -> Iterator[str]:
    if not len(pairs):
        return
    _, sizes = np.unique(own, return_counts=True)
    several = sizes[sizes > 1]
    named = [f"{table.paths[a]} = {table.paths[b]}" for a, b in pairs[:_NAMED].tolist()]
    more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
    said = f"{len(pairs)} pairs of photos are" if len(pairs) > 1 else "a pair of photos is"
    groups = f"{len(several)} groups" if len(several) > 1 else "one group"
    yield (
        f"{said} the same or nearly so and of two people ({', '.join(named)}{more}): these "
        f"{several.sum()} people are {groups}, which no split divides"
    )


def _left(table: SampleTable, pairs: IntArray, crowded: NDArray[np.bool_]) -> Iterator[str]:
    if not len(pairs):
        return
    one, other = (table.paths[row] for row in pairs[0].tolist())
    yield (
        f"{crowded.sum()} of {table.num_groups} people share photos such as {one} = {other}, too "
        "many to be on one side of a split: these photos ARE on both sides. Is it a placeholder? "
        "headrace audit shows them: remove their rows"
    )
