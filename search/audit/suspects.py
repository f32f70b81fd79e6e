"""Labels of a data folder that a run's models doubt, photo by photo and person by person."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.analysis.label_noise import (
    LEAST_SUSPECT,
    SHARE_WRONG,
    calibrated,
    find_suspects,
    find_swaps,
    pooled,
)
from search.analysis.metrics import Floats
from search.analysis.recombine import marginals
from search.audit.finding import Finding, Level, about
from search.audit.labels import of_people
from search.audit.listing import Listing
from search.errors import ResultsError
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.store.files import check_absent, write_text
from search.store.run_store import RunStore
from trainables.data.corrections import COLUMNS
from trainables.data.csv_cells import harmless
from trainables.data.csv_rows import number_said
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute

_MOST_SHOWN_PHOTOS = 3
PROPOSED_FROM = 0.5
"""Probability of being wrong from which another label is proposed: wrong rather than right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        key: of the correction: a group, or the path of a photo.
        attribute: that is doubted.
        given: class of the label.
        suggested: class that the models hold for likeliest beside it.
        probability: that the label is wrong.
        how: "person", "photo" or "swap" (two photos of a person with exchanged labels).
        rows: of the table, the photos to look at.
    """

    key: str
    attribute: str
    given: str
    suggested: str
    probability: float
    how: str
    rows: tuple[int, ...]


def out_of_fold(store: RunStore, table: SampleTable) -> Floats:
    """Returns a run's out-of-fold joint probabilities, the mean over approaches, [N, C].

    Raises:
        ResultsError: the run has no refit, or the data is no longer what it was.
    """
    lineup = Lineup.of_study(store.read_study())
    refitted = Refitted.read(store, lineup)
    if lineup.schema != table.schema or not np.array_equal(refitted.truth.label, table.joint):
        raise ResultsError(
            f"the suspects of {store.root} need the data and the corrections that it was run "
            "with, and its labels are others now; put them back, or run again"
        )
    built = refitted.build_whole()
    means = [part.probs.mean(axis=0) for part in built]
    return np.asarray(np.mean(means, axis=0), dtype=np.float64)


def suspects_of(table: SampleTable, joint: Floats) -> tuple[Suspect, ...]:
    """Returns the labels that the models doubt, the most suspect first over all attributes.

    Args:
        table: of the data, with the labels that the run had.
        joint: out-of-fold joint probabilities [N, C].
    """
    sizes = [len(each.classes) for each in table.schema.attributes]
    own = of_people(table)
    found: list[Suspect] = []
    for place, probs in enumerate(marginals(joint, sizes)):
        attribute = table.schema.attributes[place]
        if attribute.name in own and table.num_groups < table.num_samples:
            found += _of_people(table, attribute, place, probs, own[attribute.name])
        else:
            found += _of_photos(table, attribute, place, probs)
    return tuple(sorted(found, key=lambda each: (-each.probability, each.key)))


def _of_people(
    table: SampleTable,
    attribute: Attribute,
    place: int,
    probs: Floats,
    differs: NDArray[np.bool_],
) -> Iterator[Suspect]:
    first = np.unique(table.group_index, return_index=True)[1]
    given = table.labels[first, place]
    people = calibrated(pooled(probs, table.group_index, table.num_groups), given)
    found = find_suspects(people, given)
    for person in np.flatnonzero(found.is_suspect & ~differs).tolist():
        rows = np.flatnonzero(table.group_index == person)
        # The photos that say it most plainly.
        order = rows[np.argsort(-probs[rows, found.suggested[person]])]
        yield Suspect(
            key=table.group_names[person],
            attribute=attribute.name,
            given=attribute.classes[given[person]],
            suggested=attribute.classes[found.suggested[person]],
            probability=float(found.probability[person]),
            how="person",
            rows=tuple(order[:_MOST_SHOWN_PHOTOS].tolist()),
        )


def _of_photos(
    table: SampleTable, attribute: Attribute, place: int, probs: Floats
) -> Iterator[Suspect]:
    given = table.labels[:, place]
    likely = calibrated(probs, given)
    found = find_suspects(likely, given)
    swapped: set[int] = set()
    for share, one, other in sorted(find_swaps(likely, given, table.group_index), reverse=True):
        alone = max(found.probability[one], found.probability[other])
        if share < max(LEAST_SUSPECT, alone) or {one, other} & swapped:
            continue
        swapped |= {one, other}
        for row, partner in ((one, other), (other, one)):
            yield Suspect(
                key=table.paths[row],
                attribute=attribute.name,
                given=attribute.classes[given[row]],
                suggested=attribute.classes[given[partner]],
                probability=share,
                how="swap",
                rows=(row, partner),
            )
    for row in np.flatnonzero(found.is_suspect).tolist():
        if row not in swapped:
            yield Suspect(
                key=table.paths[row],
                attribute=attribute.name,
                given=attribute.classes[given[row]],
                suggested=attribute.classes[found.suggested[row]],
                probability=float(found.probability[row]),
                how="photo",
                rows=(row,),
            )


def suspect_findings(listing: Listing, suspects: Sequence[Suspect]) -> list[Finding]:
    """Returns the finding about labels that the models doubt, the most suspect first."""
    named = [
        f"{each.key}: {each.attribute} {each.given}, the models say {each.suggested}"
        f"{' (swapped)' if each.how == 'swap' else ''}, {_chance(each)}"
        for each in suspects
    ]
    photos = [tuple(listing.path_of(row) for row in each.rows) for each in suspects]
    text = (
        "{n} label{s} that models who never saw these people doubt, the most suspect first, if "
        f"one label in {1 / SHARE_WRONG:.0f} is wrong; "
        "--write-corrections FILE proposes others for those that are wrong rather than right"
    )
    return about("suspect-label", Level.LOOK, text, named, photos)


def _chance(suspect: Suspect) -> str:
    return f"wrong with probability {suspect.probability:.2f}"


def write_corrections(path: Path, table: SampleTable, suspects: Sequence[Suspect]) -> int:
    """Writes other labels for those that are wrong rather than right, the most suspect first.

    The data and what is there already stay as they are.

    Returns:
        How many are proposed.

    Raises:
        UsageError: the file exists.
    """
    check_absent("--write-corrections", path)
    memory = io.StringIO()
    writer = csv.writer(memory, lineterminator="\n")
    writer.writerow(COLUMNS)
    proposed = [each for each in suspects if each.probability >= PROPOSED_FROM]
    for each in proposed:
        attribute = table.schema[each.attribute]
        reason = f"proposed by headrace: {each.given} is {_chance(each)}"
        label = each.suggested
        if attribute.has_raw:
            label = number_said(_number(attribute, each))
            reason += f"; {label} stands for {each.suggested}"
        writer.writerow((harmless(each.key), each.attribute, label, reason))
    write_text(path, memory.getvalue())
    return len(proposed)


def _number(attribute: Attribute, each: Suspect) -> float:
    """Returns a number of the suggested class, the nearest to the given one."""
    given, wanted = (attribute.classes.index(name) for name in (each.given, each.suggested))
    if wanted > given:
        return attribute.edges[wanted - 1]
    below = attribute.edges[wanted] - 1
    inside = wanted == 0 or below >= attribute.edges[wanted - 1]
    return below if inside else attribute.edges[wanted - 1]
