"""The section on the data in pictures, and its parts, which the audit shows, too."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from search.analysis import wording
from search.analysis.data_look import MOST_IN_A_MEAN, NEAR, Cut, PeopleTable, PhotoFacts
from search.report.contents import DataFacts, ReportContents
from search.report.document import (
    Block,
    Card,
    Cell,
    Figure,
    Folded,
    Grid,
    Photo,
    Photos,
    Section,
    Text,
    table,
)
from search.report.figures import svg
from search.report.figures.bars import bars, draw_bars
from search.report.shift import Shift

_PREDICTED, _ESTIMATED = svg.other(0), svg.other(1)  # colours that no approach has
_MOST_CARDS = 6
"""Attributes up to which their people are shown at once."""
_MOST_BARS = 40
"""Classes that a picture shows; of more, those that say most."""
_NEAR_A_CUT = (
    f"People within {NEAR} of a cut are hard for anybody. Training with the cut moved, or without "
    "them, is like a bias on the upper class, which is tuned after the training on out-of-fold "
    "predictions at no cost in labels; try that first. Validation keeps the cut and all people: "
    "else its score rises without meaning."
)
MEAN_PHOTOS = (
    "A face in the same place in all mean photos can be cut out once for all; a background or "
    "clothes that differ between classes are a short cut that a model will take."
)
"""What to look for in them."""
_OF_HOW_MANY = f"Each is of {MOST_IN_A_MEAN} photos at most. {MEAN_PHOTOS}"


def data_section(contents: ReportContents) -> Section | None:
    """Returns people, classes, and how the unlabelled photos differ."""
    data = contents.data
    if data is None:
        return None
    blocks: list[Block] = []
    if data.people is not None:
        blocks.append(people_table(data.people))
    people = [people_card(name, counts) for name, counts in data.class_people.items()]
    are_many = len(people) > _MOST_CARDS
    cards = [] if are_many else [*people]
    if data.class_photos:
        cards.append(_class_card(data.class_photos))
    if data.photo_facts is not None:
        cards.append(brightness_card(data.photo_facts))
    cards += [_shift_card(shift) for shift in data.shifts]
    if cards:
        blocks.append(Grid(cards=tuple(cards)))
    if are_many:
        summary = f"People of every class of {len(people)} attributes"
        blocks.append(Folded(summary=summary, blocks=(Grid(cards=tuple(people)),)))
    blocks += cut_blocks(data.cuts)
    blocks += mean_blocks(data.means)
    if data.photo_facts is not None and data.photo_facts.sizes:
        blocks.append(_sizes(data.photo_facts))
    if data.shifts:
        blocks.append(_shift_table(data.shifts))
    if not blocks:
        return None  # how many they are stands above
    return Section(kicker="Data", heading=_data_heading(data), blocks=tuple(blocks))


def _data_heading(data: DataFacts) -> str:
    text = f"{data.num_photos:,} photos of {data.num_people:,} people"
    if data.class_photos:
        least, most = min(data.class_photos.values()), max(data.class_photos.values())
        text += f"; the classes hold {least:,} to {most:,} photos"
    return text


def people_table(found: PeopleTable) -> Block:
    """Returns people by two attributes; with sums, where each person is counted once."""
    counts, columns, rows = found.counts, found.columns, found.rows
    if found.has_sums:
        counts = np.vstack([counts, counts.sum(axis=0)])
        counts = np.hstack([counts, counts.sum(axis=1, keepdims=True)])
        columns, rows = (*columns, "all"), (*rows, "all")
    cells: list[list[Cell | str]] = [
        [name, *(f"{count:,}" for count in row)]
        for name, row in zip(rows, counts.tolist(), strict=True)
    ]
    header = (f"people, {found.row_name}", *columns)
    return table(f"People by {found.row_name} and {found.column_name}", header, cells)


def people_card(name: str, people: Mapping[str, int]) -> Card:
    """Returns how many people have each class of a label."""
    heading = f"{name}: {_imbalance(list(people.values()))}"
    return _count_card(heading, f"People of every class of {name}", "class", people)


def _imbalance(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    if not most:
        return "nobody has a label"
    if least == most:
        return "all classes have as many people"
    if not least:
        return f"the largest class has {wording.plural(most, 'person', 'people')}, another none"
    if most < 1.05 * least:
        return "the classes have nearly as many people"
    return f"the largest class has {most / least:.1f} times the people of the smallest"


def brightness_card(facts: PhotoFacts) -> Card:
    """Returns how bright the photos are."""
    low, high = facts.middle
    steps = list(zip(facts.brightness_names, facts.brightness, strict=True))
    seen = np.flatnonzero(facts.brightness)
    counts = dict(steps[seen[0] : seen[-1] + 1])
    which = "the photos" if facts.photos == facts.of else f"{facts.photos:,} photos"
    heading = f"Brightness: half of {which} between {low:.0f} and {high:.0f} of 255"
    return _count_card(heading, "Photos by brightness", "mean luma", counts)


def _count_card(heading: str, title: str, column: str, counts: Mapping[str, int]) -> Card:
    """Returns counts as bars, and as a table where there are no plots."""
    unit = title.partition(" ")[0]
    if len(counts) > _MOST_BARS:
        half = _MOST_BARS // 2
        title += f": the {half} largest and the {half} smallest of {len(counts):,}"
        ordered = sorted(counts, key=lambda name: -counts[name])
        counts = {name: counts[name] for name in (*ordered[:half], *ordered[-half:])}
    values = {name: {"": float(count)} for name, count in counts.items()}
    plot = bars(values, {"": svg.PLAIN}, axis=unit.lower(), form="{:,.0f}")
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    told = table(title, (column, unit.lower()), rows)
    return Card(heading=heading, figure=Figure(svg=draw_bars(plot, svg.NARROW, title), told=told))


def cut_blocks(cuts: Sequence[Cut]) -> Iterator[Block]:
    """Yields who lies near the cut between two classes of a number, and what follows."""
    if not cuts:
        return
    near = [
        (cut.name, " | ".join(cut.classes), f"{cut.below:,}", f"{cut.above:,}") for cut in cuts
    ]
    header = ("cut", "between", f"{NEAR} below", f"{NEAR} above")
    yield table("People near the cuts between classes", header, near, names=2)
    yield Text(text=_NEAR_A_CUT, quiet=True)
    options = [
        (cut.name, option.name, f"{option.below:,}", f"{option.above:,}")
        for cut in cuts
        for option in cut.options
    ]
    columns = ("cut", "option", "people below it", "people above it")
    inside = table("Cuts moved, and people near them left out", columns, options, names=2)
    yield Folded(summary="What moving a cut or leaving people out would do", blocks=(inside,))


def _sizes(facts: PhotoFacts) -> Block:
    heading = size_heading(facts)
    if facts.num_sizes == 1:
        return Text(text=f"{heading}.", quiet=True)
    return Folded(summary=heading, blocks=(size_table(facts),))


def size_heading(facts: PhotoFacts) -> str:
    """Returns how many sizes the photos have, in a few words."""
    width, height, photos = facts.sizes[0]
    seen = "photos" if facts.sized == facts.of else f"{facts.sized:,} photos that were looked at"
    if facts.num_sizes == 1:
        return f"All {seen} are {width} x {height}"
    share = wording.percent(photos / facts.sized)
    return f"{facts.num_sizes:,} sizes of {seen}, {share} of them {width} x {height}"


def size_table(facts: PhotoFacts) -> Block:
    """Returns the most frequent sizes of photos."""
    rows = [(f"{width} x {height}", f"{photos:,}") for width, height, photos in facts.sizes]
    rest = facts.num_sizes - len(rows)
    rows += [(wording.plural(rest, "other size"), "")] if rest else []
    return table("Sizes of photos", ("width x height", "photos"), rows)


def mean_blocks(means: Mapping[str, str]) -> Iterator[Block]:
    """Yields the mean photos of cells, JPEG files in base64 by what the cell holds."""
    photos = tuple(
        Photo(source=f"data:image/jpeg;base64,{jpeg}", caption=cell)
        for cell, jpeg in means.items()
    )
    if photos:
        yield Photos(title="Mean photos", photos=photos, note=_OF_HOW_MANY)


def _class_card(photos: Mapping[str, int]) -> Card:
    return _count_card(_rarest(photos), "Photos of every joint class", "class", photos)


def _rarest(photos: Mapping[str, int]) -> str:
    least, most = min(photos.values()), max(photos.values())
    if least == most:
        return "All classes have as many photos"
    rarest = [name for name, count in photos.items() if count == least]
    if len(rarest) == 1:
        return f"{rarest[0]} is the rarest class"
    which = wording.listing(rarest) if len(rarest) == 2 else f"{len(rarest)} classes"
    return f"{which} are the rarest"


def _shift_card(shift: Shift) -> Card:
    parts = (shift.classes, shift.training, shift.predicted, shift.estimated)
    slots = {
        "training data": svg.PLAIN,
        "unlabelled, predicted": _PREDICTED,
        "unlabelled, estimated": _ESTIMATED,
    }
    rows = {
        name: dict(zip(slots, (100 * share for share in shares), strict=True))
        for name, *shares in zip(*parts, strict=True)
    }
    known, _, found = slots
    by_change = sorted(rows, key=lambda name: -abs(rows[name][found] - rows[name][known]))
    name = by_change[0]
    heading = (
        f"{shift.name}: {name} is {wording.percent(rows[name][known] / 100)} in training, about "
        f"{wording.percent(rows[name][found] / 100)} of the unlabelled photos"
    )
    shown, which = rows, ""
    if len(rows) > _MOST_BARS:
        most = set(by_change[:_MOST_BARS])
        shown = {name: shares for name, shares in rows.items() if name in most}
        which = f" Shown are the {_MOST_BARS} of {len(rows):,} classes that differ most."
    sentence = (
        "Shares on the unlabelled folder against the training labels: of the predicted classes, "
        "and as the probabilities say once their errors are taken out."
    ) + which
    plot = bars(shown, slots, axis="share of the photos (%)", form="{:.1f}")
    figure = Figure(svg=draw_bars(plot, svg.NARROW, f"Distribution of {shift.name}"))
    return Card(heading=heading, sentences=(sentence,), figure=figure)


def _shift_table(shifts: tuple[Shift, ...]) -> Block:
    """Returns all classes with their ratios, folded: the joint label alone may have many."""
    columns = (
        *("target", "class", "training", "validation, predicted", "predicted", "its ratio"),
        *("mean probability", "estimated", "95 % interval"),
        *("ratio to training", "its 95 % interval"),
    )
    rows = [_shift_row(shift, place) for shift in shifts for place in range(len(shift.classes))]
    inside = table("Classes of the unlabelled photos", columns, rows, names=2)
    return Folded(summary="Shares and ratios of every class", blocks=(inside,))


def _shift_row(shift: Shift, place: int) -> tuple[str, ...]:
    low, high = shift.low[place], shift.high[place]
    ratio, of_predicted = shift.ratio(place), shift.predicted_ratio(place)
    return (
        shift.name,
        shift.classes[place],
        wording.percent(shift.training[place]),
        wording.percent(shift.validated[place]) if shift.validated else "",
        wording.percent(shift.predicted[place]),
        "" if of_predicted is None else f"{of_predicted:.2f}",
        wording.percent(shift.averaged[place]),
        wording.percent(shift.estimated[place]),
        f"{wording.percent(low)} to {wording.percent(high)}",
        *(("", "") if ratio is None else (f"{ratio[0]:.2f}", f"{ratio[1]:.2f} to {ratio[2]:.2f}")),
    )
