"""What the data is, in pictures: who is in it, how often, how large and how bright."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from search.analysis import wording
from search.analysis.data_look import (
    cells_of,
    class_people,
    crossed,
    cuts_of,
    photo_facts,
    spread,
)
from search.audit.listing import Listing
from search.audit.pictures import mean_photo, thumbnail
from search.report.document import Block, Frame, Gallery, Grid, Photo, Section, Text
from search.report.sections.data import (
    MEAN_PHOTOS,
    brightness_card,
    cut_blocks,
    people_card,
    people_table,
    size_heading,
    size_table,
)
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN
from trainables.data.sketches import Sketches

_MOST_CLASSES, _EXAMPLES = 24, 4


def overview_sections(
    listing: Listing, sketches: Sketches, *, no_photos: bool = False
) -> tuple[Section, ...]:
    """Returns the sections about the data as a whole; none where no photo can be read."""
    if not sketches.is_read.any():
        return ()
    sections = list(_photo_section(sketches))
    table = listing.table
    if table is not None and not no_photos:
        shown = (
            *_example_section(listing, table, sketches),
            *_mean_section(listing, table, sketches),
        )
        sections = [*shown, *sections]
    return tuple(sections) if table is None else (_people_section(table), *sections)


def _people_section(samples: SampleTable) -> Section:
    """Returns people by two attributes, every class's people, and who is near a cut."""
    schema, person = samples.schema, samples.group_index
    classes = {each.name: each.classes for each in schema.attributes}
    people = crossed(classes, samples.labels, person)
    blocks: list[Block] = [] if people is None else [people_table(people)]
    counted = class_people(classes, samples.labels, person)
    cards = [people_card(name, counts) for name, counts in counted.items()]
    codes, joint = _people_of_codes(samples)
    if len(classes) > 1 and 0 < len(codes) <= _MOST_CLASSES:
        named = dict(zip(_joint_names(samples, codes), joint.tolist(), strict=True))
        rest = schema.num_joint - len(codes)
        what = f"joint label, without {rest:,} that nobody has" if rest else "joint label"
        cards.append(people_card(what, named))
    blocks.append(Grid(cards=tuple(cards)))
    blocks += cut_blocks(
        cuts_of(classes, {name: schema[name].edges for name in samples.raw}, samples.raw, person)
    )
    heading = f"{samples.num_groups:,} people; "
    if codes:
        heading += (
            f"{len(codes)} of {schema.num_joint:,} joint classes have people, {joint.min():,} to "
            f"{joint.max():,}"
        )
    else:
        heading += "no photo has every label"
    return Section(kicker="People", heading=heading, blocks=tuple(blocks))


def _people_of_codes(samples: SampleTable) -> tuple[list[int], NDArray[np.int64]]:
    """Returns the joint classes that somebody has, and the people of each."""
    # Forty attributes have more joint classes than there is memory to count.
    joint = samples.joint
    pairs = np.unique(np.stack([joint, samples.group_index])[:, joint != UNKNOWN], axis=1)
    codes, counts = np.unique(pairs[0], return_counts=True)
    return codes.tolist(), np.asarray(counts, dtype=np.int64)


def _joint_names(samples: SampleTable, codes: Sequence[int]) -> list[str]:
    """Returns the names of some joint classes, each another one, without those of all others."""
    attributes = samples.schema.attributes
    every = [
        [each.classes[k] for each, k in zip(attributes, own, strict=True)]
        for own in samples.schema.attribute_codes(np.array(codes))
    ]
    names = [" ".join(parts) for parts in every]
    # "a b" and "c" would be one with "a" and "b c", as in `LabelSchema.joint_names`.
    differ = len(set(names)) == len(names)
    return names if differ else [" ".join(map(repr, parts)) for parts in every]


def _example_section(
    listing: Listing, samples: SampleTable, sketches: Sketches
) -> Iterator[Section]:
    """Yields photos of every joint class, of another person each where there is one."""
    read = {listing.paths[place] for place in np.flatnonzero(sketches.is_read)}
    codes, _ = _people_of_codes(samples)
    if not codes:
        return
    cards: list[Block] = []
    some = codes[:_MOST_CLASSES]
    for code, name in zip(some, _joint_names(samples, some), strict=True):
        rows = np.flatnonzero(samples.joint == code)
        rows = rows[np.unique(samples.group_index[rows], return_index=True)[1]]
        shown_rows = [row for row in rows.tolist() if listing.path_of(row) in read]
        photos = [
            thumbnail(
                listing.root,
                listing.path_of(shown_rows[k]),
                samples.groups[shown_rows[k]],
                listing.max_pixels,
            )
            for k in spread(len(shown_rows), _EXAMPLES)
        ]
        shown = tuple(Frame(photos=(photo,)) for photo in photos if photo is not None)
        many = wording.plural(len(rows), "person", "people")
        cards.append(Text(text=f"{name}: {many}"))
        cards.append(Gallery(frames=shown))
    said = wording.plural(len(codes), "joint class", "joint classes")
    if len(codes) > _MOST_CLASSES:
        said = f"The first {_MOST_CLASSES} of {said}"
    yield Section(kicker="Examples", heading=said, blocks=tuple(cards))


def _mean_section(listing: Listing, samples: SampleTable, sketches: Sketches) -> Iterator[Section]:
    """Yields the mean photo of every cell of two attributes, or of one."""
    height, width = np.median(sketches.size[sketches.is_read], axis=0)
    classes = {each.name: each.classes for each in samples.schema.attributes}
    photos: list[Photo] = []
    for cell, _, picked in cells_of(classes, samples.labels):
        paths = [listing.path_of(row) for row in picked.tolist()]
        shape = float(height / width)
        photo = mean_photo(listing.root, paths, shape, cell, listing.max_pixels)
        photos += [photo] if photo is not None else []
    if photos:
        yield Section(
            kicker="Mean photos",
            heading="What classes have in common",
            blocks=(
                Gallery(frames=tuple(Frame(photos=(photo,)) for photo in photos)),
                Text(text=MEAN_PHOTOS, quiet=True),
            ),
        )


def _photo_section(sketches: Sketches) -> Iterator[Section]:
    read = sketches.rows(np.flatnonzero(sketches.is_read))
    found = photo_facts(read.size, read.luma.mean(axis=(1, 2)))
    if found is not None:
        blocks: tuple[Block, ...] = (size_table(found), Grid(cards=(brightness_card(found),)))
        yield Section(kicker="Photos", heading=size_heading(found), blocks=blocks)
