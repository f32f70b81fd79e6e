"""What the data is, in pictures: who is in it, how often, how large and how bright."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from search.analysis import wording
from search.audit.labels import is_called, people_of_classes
from search.audit.listing import Listing
from search.audit.pictures import mean_photo, thumbnail
from search.report.document import (
    Block,
    Card,
    Cell,
    Figure,
    Frame,
    Gallery,
    Grid,
    Photo,
    Section,
    Text,
    table,
)
from search.report.figures import svg
from search.report.figures.bars import bars, draw_bars
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN
from trainables.data.sketches import Sketches

_MOST_CLASSES, _EXAMPLES = 24, 4
_IN_A_MEAN = 200
_MOST_CELLS = 12
_NEAR_CUT = 3.0
_BINS = 12


def overview_sections(listing: Listing, sketches: Sketches) -> tuple[Section, ...]:
    """Returns the sections about the data as a whole; none where no photo can be read."""
    if not sketches.is_read.any():
        return ()
    sections = [_photo_section(sketches)]
    if listing.table is not None:
        sections = [
            _people_section(listing.table),
            *_example_section(listing, listing.table, sketches),
            *_mean_section(listing, listing.table, sketches),
            *sections,
        ]
    return tuple(sections)


def _people_section(samples: SampleTable) -> Section:
    """Returns people by two attributes, every class's people, and who is near a cut."""
    schema = samples.schema
    blocks: list[Block] = []
    pair = _two_of_people(samples)
    if pair is not None:
        blocks.append(_crossed(samples, *pair))
    cards = []
    for name in schema.names:
        classes = schema[name].classes
        column = samples.labels[:, schema.names.index(name)]
        counts = people_of_classes(samples, column, len(classes)).tolist()
        cards.append(_count_card(name, dict(zip(classes, counts, strict=True))))
    codes, joint = _people_of_codes(samples)
    if len(schema.names) > 1 and 0 < len(codes) <= _MOST_CLASSES:
        named = {_joint_name(samples, code): int(n) for code, n in zip(codes, joint, strict=True)}
        rest = schema.num_joint - len(codes)
        what = f"joint label, without {rest:,} that nobody has" if rest else "joint label"
        cards.append(_count_card(what, named))
    blocks.append(Grid(cards=tuple(cards)))
    blocks += _cut_blocks(samples)
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


def _joint_name(samples: SampleTable, code: int) -> str:
    """Returns the name of one joint class, without those of all others."""
    (own,) = samples.schema.attribute_codes(np.array([code]))
    pairs = zip(samples.schema.attributes, own, strict=True)
    return " ".join(attribute.classes[k] for attribute, k in pairs)


def _two_of_people(samples: SampleTable) -> tuple[str, str] | None:
    """Returns gender and age where there are such, else the first two attributes."""
    names = samples.schema.names
    words = ("gender", "sex", "age")
    wanted = [name for word in words for name in names if is_called(name, word)]
    chosen = list(dict.fromkeys([*wanted, *names]))
    return (chosen[0], chosen[1]) if len(chosen) > 1 else None


def _crossed(samples: SampleTable, first: str, second: str) -> Block:
    schema = samples.schema
    rows: list[list[Cell | str]] = []
    columns = [samples.labels[:, schema.names.index(name)] for name in (first, second)]
    for code, name in enumerate(schema[first].classes):
        row = []
        for other in range(len(schema[second].classes)):
            both = (columns[0] == code) & (columns[1] == other)
            row.append(f"{len(np.unique(samples.group_index[both])):,}")
        rows.append([name, *row])
    header = (f"people, {first}", *schema[second].classes)
    return table(f"People by {first} and {second}", header, rows)


def _count_card(name: str, counts: dict[str, int]) -> Card:
    values = {each: {"": float(count)} for each, count in counts.items()}
    plot = bars(values, {"": svg.PLAIN}, axis="people", form="{:,.0f}")
    figure = Figure(svg=draw_bars(plot, svg.NARROW, f"People of every class of {name}"))
    return Card(heading=f"{name}: {_imbalance(list(counts.values()))}", figure=figure)


def _imbalance(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    if not most:
        return "nobody has a label"
    if least == most:
        return "all classes have as many people"
    if not least:
        return f"the largest class has {wording.plural(most, 'person', 'people')}, another none"
    return f"the largest class has {most / least:.1f} times the people of the smallest"


def _cut_blocks(samples: SampleTable) -> Iterator[Block]:
    """Yields who lies near the cut between two classes of a number, and what follows."""
    rows = []
    for name, values in samples.raw.items():
        first = np.unique(samples.group_index, return_index=True)[1]
        own = values[first]
        for edge, (low, high) in zip(
            samples.schema[name].edges,
            zip(samples.schema[name].classes, samples.schema[name].classes[1:], strict=False),
            strict=True,
        ):
            below = int(((own >= edge - _NEAR_CUT) & (own < edge)).sum())
            above = int(((own >= edge) & (own < edge + _NEAR_CUT)).sum())
            upper = int((own >= edge).sum())
            rows.append(
                (f"{name} {edge:g}", f"{low} | {high}", f"{below:,}", f"{above:,}", f"{upper:,}")
            )
    if not rows:
        return
    header = ("cut", "between", f"{_NEAR_CUT:g} below", f"{_NEAR_CUT:g} above", "all above")
    yield table("People near the cuts between classes", header, rows, names=2)
    yield Text(
        text=(
            "People within three of a cut are hard for anybody. Training with the cut moved, or "
            "without them, is like a bias on the upper class, which is tuned after the training "
            "on out-of-fold predictions at no cost in labels; try that first. Validation keeps "
            "the cut and all people, or its score rises without meaning."
        ),
        quiet=True,
    )


def _example_section(
    listing: Listing, samples: SampleTable, sketches: Sketches
) -> Iterator[Section]:
    """Yields photos of every joint class, of another person each where there is one."""
    read = {listing.paths[place] for place in np.flatnonzero(sketches.is_read)}
    codes, _ = _people_of_codes(samples)
    if not codes:
        return
    cards: list[Block] = []
    for code in codes[:_MOST_CLASSES]:
        rows = np.flatnonzero(samples.joint == code)
        rows = rows[np.unique(samples.group_index[rows], return_index=True)[1]]
        # Spread over the people, who are sorted in many data sets.
        picked = rows[np.linspace(0, len(rows) - 1, min(_EXAMPLES * 2, len(rows))).astype(int)]
        paths = [listing.path_of(row) for row in picked if listing.path_of(row) in read]
        photos = [
            thumbnail(listing.root, path, f"{samples.groups[listing.row_of[path]]}")
            for path in paths[:_EXAMPLES]
        ]
        shown = tuple(Frame(photos=(photo,)) for photo in photos if photo is not None)
        cards.append(Text(text=f"{_joint_name(samples, code)}: {len(rows):,} people"))
        cards.append(Gallery(frames=shown))
    said = wording.plural(len(codes), "joint class", "joint classes")
    if len(codes) > _MOST_CLASSES:
        said = f"The first {_MOST_CLASSES} of {said}"
    yield Section(kicker="Examples", heading=said, blocks=tuple(cards))


def _mean_section(listing: Listing, samples: SampleTable, sketches: Sketches) -> Iterator[Section]:
    """Yields the mean photo of every cell of two attributes."""
    pair = _two_of_people(samples)
    names = pair if pair is not None else (samples.schema.names[0],)
    classes = [samples.schema[name].classes for name in names]
    cells = list(product(*(range(len(each)) for each in classes)))
    if len(cells) > _MOST_CELLS:
        return
    height, width = np.median(sketches.size[sketches.is_read], axis=0)
    columns = [samples.schema.names.index(name) for name in names]
    photos: list[Photo] = []
    for cell in cells:
        rows = np.flatnonzero((samples.labels[:, columns] == cell).all(axis=1))
        picked = rows[np.linspace(0, len(rows) - 1, min(_IN_A_MEAN, len(rows))).astype(int)]
        caption = " ".join(each[code] for each, code in zip(classes, cell, strict=True))
        paths = [listing.path_of(row) for row in picked]
        photo = mean_photo(listing.root, paths, float(height / width), caption)
        photos += [photo] if photo is not None else []
    if not photos:
        return
    yield Section(
        kicker="Mean photos",
        heading=f"The mean photo by {wording.listing(list(names))}",
        blocks=(
            Gallery(frames=tuple(Frame(photos=(photo,)) for photo in photos)),
            Text(
                text="A face in the same place in all of them can be cut out once for all; a "
                "background or clothes that differ between classes are a short cut that a model "
                "will take.",
                quiet=True,
            ),
        ),
    )


def _photo_section(sketches: Sketches) -> Section:
    read = sketches.rows(np.flatnonzero(sketches.is_read))
    size, times = np.unique(read.size, axis=0, return_counts=True)
    order = np.argsort(-times)[:8]
    rows = [(f"{size[k][1]} x {size[k][0]}", f"{times[k]:,}") for k in order]
    brightness = read.luma.mean(axis=(1, 2))
    counts, edges = np.histogram(brightness, bins=_BINS, range=(0, 255))
    values = {
        f"{low:.0f} to {high:.0f}": {"": float(count)}
        for count, low, high in zip(counts, edges, edges[1:], strict=False)
    }
    plot = bars(values, {"": svg.PLAIN}, axis="photos", form="{:,.0f}")
    card = Card(
        heading=f"Brightness: half of the photos between {np.quantile(brightness, 0.25):.0f} and "
        f"{np.quantile(brightness, 0.75):.0f} of 255",
        figure=Figure(svg=draw_bars(plot, svg.NARROW, "Brightness of the photos")),
    )
    sizes = table("Sizes of photos", ("width x height", "photos"), rows)
    heading = wording.plural(len(size), "size", "sizes")
    blocks: tuple[Block, ...] = (sizes, Grid(cards=(card,)))
    return Section(kicker="Photos", heading=heading, blocks=blocks)
