"""Labels that contradict each other, the names of files or common sense, and classes too rare.

Notation: N labelled photos, G people.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from search.analysis.data_look import is_called, people_of_classes
from search.audit.finding import Finding, Level, about
from search.audit.listing import Listing
from trainables.data.csv_rows import number_said, parse_number
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN, Attribute
from trainables.data.splits import HELD_OUT_FOLDS

REFUSED = "a run on this data is refused"
_MOST = 0.9
"""Share of people or photos that must follow a rule before one that does not is odd."""
_MOST_JOINT = 60
"""Joint classes up to which one without people is worth a look; many are always empty."""
_FAR = 5.0
"""Interquartile ranges beyond the quartiles from which on a number is odd."""
_OLDEST = 120.0
_MARKS = r"[\s_\-]"
_SPELT_OTHERWISE = re.compile(
    rf"(?P<fraction>(?<=\d)[.,]\d+)|(?P<number>\d+)|(?P<sign>(?<![^\s_])-(?=\d)|(?<=\w)-$)"
    rf"|(?P<between>(?<=\d){_MARKS}+(?=\d))|{_MARKS}"
)
"""What two spellings of a name may differ in; a sign, a grade and the end of a number differ."""
_BETWEEN = re.compile(r"[_./\\ ]+")


def label_findings(listing: Listing) -> Iterator[Finding]:
    """Yields what is wrong with the labels of a data folder."""
    for problem in listing.problems:
        yield from about("refused", Level.UNUSABLE, REFUSED, [problem])
    table = listing.table
    if table is None:
        return
    yield from about(
        "read-otherwise",
        Level.NOTE,
        "{n} thing{s} read otherwise than in the files",
        table.notes,
    )
    yield from _contradictions(listing, table)
    yield from _by_name(listing, table)
    yield from _odd_numbers(listing, table)
    yield from _photos_per_person(table)
    yield from _too_rare(table)
    yield from _alike_names(table)


def of_people(table: SampleTable) -> dict[str, NDArray[np.bool_]]:
    """Returns the attributes that belong to the person, and whose photos differ in it, bool [G].

    An attribute belongs to the person where nearly all people with several photos have one class.
    """
    found = {}
    for name, column in zip(table.schema.names, table.labels.T, strict=True):
        known = column != UNKNOWN
        values, person = table.raw.get(name, column)[known], table.group_index[known]
        several = np.bincount(person, minlength=table.num_groups) > 1
        low = np.full(table.num_groups, np.inf)
        high = np.full(table.num_groups, -np.inf)
        np.minimum.at(low, person, values)
        np.maximum.at(high, person, values)
        differs = low < high
        if several.any() and (~differs[several]).mean() >= _MOST:
            found[name] = np.asarray(differs, dtype=np.bool_)
    return found


def _contradictions(listing: Listing, table: SampleTable) -> Iterator[Finding]:
    for name, differs in of_people(table).items():
        attribute = table.schema[name]
        codes = table.labels[:, table.schema.names.index(name)]
        column = table.raw.get(name, codes)
        named, photos = [], []
        for person in np.flatnonzero(differs).tolist():
            rows = np.flatnonzero((table.group_index == person) & (codes != UNKNOWN))
            said = Counter(_said(attribute, column[row]) for row in rows)
            counts = ", ".join(f"{value} ({count})" for value, count in said.most_common())
            named.append(f"{table.group_names[person]}: {counts}")
            first = [rows[np.flatnonzero(column[rows] == v)[0]] for v in np.unique(column[rows])]
            photos.append(tuple(listing.path_of(row) for row in first[:4]))
        text = (
            f"{{n}} person{{s}} with several labels of {name}, which is one's own for the others"
        )
        yield from about("contradiction", Level.LOOK, text, named, photos)


def _said(attribute: Attribute, value: float) -> str:
    return number_said(value) if attribute.has_raw else attribute.classes[int(value)]


def _by_name(listing: Listing, table: SampleTable) -> Iterator[Finding]:
    """Yields photos whose path names another class or number than their label."""
    words = [_words(path) for path in table.paths]
    for codes, attribute in zip(table.labels.T, table.schema.attributes, strict=True):
        known = np.flatnonzero(codes != UNKNOWN)
        parts, column = [words[row] for row in known.tolist()], codes[known]
        raw = table.raw[attribute.name][known] if attribute.name in table.raw else None
        if raw is not None:
            own = [number_said(value) for value in raw]
            numbers = [
                {number_said(n) for n in map(parse_number, p) if n is not None} for p in parts
            ]
            others = [
                "" if o in n else ", ".join(sorted(n)) for o, n in zip(own, numbers, strict=True)
            ]
        else:
            own = [attribute.classes[code] for code in column]
            classes = frozenset(attribute.classes)
            others = [
                "" if o in p else ", ".join(sorted(classes & p))
                for o, p in zip(own, parts, strict=True)
            ]
            numbers = [set(classes & p) for p in parts]
        named_so = sum(o in n for o, n in zip(own, numbers, strict=True))
        if named_so < _MOST * len(own):
            continue
        doubted = [place for place, other in enumerate(others) if other]
        text = f"{{n}} photo{{s}} whose name says another {attribute.name} than the label"
        named = [f"{table.paths[known[place]]} ({own[place]})" for place in doubted]
        photos = [(listing.path_of(int(known[place])),) for place in doubted]
        yield from about("other-name", Level.LOOK, text, named, photos)


def _words(path: str) -> frozenset[str]:
    """Returns the parts of a path; a hyphen may be a sign or stand between two of them."""
    return frozenset({*_BETWEEN.split(path), *_BETWEEN.split(path.replace("-", " "))})


def _odd_numbers(listing: Listing, table: SampleTable) -> Iterator[Finding]:
    for name, values in table.raw.items():
        known = values[~np.isnan(values)]
        if not known.size:
            continue
        low, high = np.quantile(known, (0.25, 0.75))
        room = _FAR * max(high - low, 1.0)
        odd = (values < low - room) | (values > high + room)
        odd |= (values < 0) & (np.quantile(known, 0.05) >= 0)
        if is_called(name, "age"):
            odd |= values > _OLDEST
        rows = np.flatnonzero(odd)
        if rows.size > (1 - _MOST) * len(known):
            continue
        people = {table.groups[row]: int(row) for row in rows[::-1]}
        named = [f"{person}: {name} {values[row]:g}" for person, row in people.items()]
        text = f"{{n}} person{{s}} with a number of {name} far from all others"
        photos = [(listing.path_of(row),) for row in people.values()]
        yield from about("odd-number", Level.LOOK, text, named, photos)


def _photos_per_person(table: SampleTable) -> Iterator[Finding]:
    """Yields people with other photos than the rest: their number, or the labels they show."""
    counts = np.bincount(table.group_index, minlength=table.num_groups)
    usual = Counter(counts.tolist()).most_common(1)[0]
    if usual[0] < 2 or usual[1] < _MOST * table.num_groups:
        return
    people = np.flatnonzero(counts != usual[0]).tolist()
    named = [f"{table.group_names[person]}: {counts[person]}" for person in people]
    text = f"{{n}} person{{s}} with more or fewer photos than the usual {usual[0]}"
    yield from about("other-number-of-photos", Level.LOOK, text, named)
    own = set(of_people(table))
    for name, column in zip(table.schema.names, table.labels.T, strict=True):
        if name in own or (column == UNKNOWN).any():
            continue
        shown: defaultdict[int, list[int]] = defaultdict(list)
        for person, code in zip(table.group_index.tolist(), column.tolist(), strict=True):
            shown[person].append(code)
        sets = {p: tuple(sorted(codes)) for p, codes in shown.items() if p not in people}
        common, times = Counter(sets.values()).most_common(1)[0]
        if times < _MOST * len(sets):
            continue
        classes = table.schema[name].classes
        named = [
            f"{table.group_names[p]}: " + ", ".join(classes[code] for code in codes)
            for p, codes in sets.items()
            if codes != common
        ]
        text = f"{{n}} person{{s}} with other photos by {name} than the rest"
        yield from about("other-set-of-photos", Level.LOOK, text, named)


def _too_rare(table: SampleTable) -> Iterator[Finding]:
    schema = table.schema
    named = []
    for name, column in zip(schema.names, table.labels.T, strict=True):
        named += _rare(table, column, [f"{name} {each}" for each in schema[name].classes])
    text = f"{{n}} class with fewer people than the {HELD_OUT_FOLDS} parts that they are dealt to"
    plural = text.replace("class ", "classes ", 1)
    yield from about("too-few-people", Level.LOOK, text if len(named) == 1 else plural, named)
    if schema.num_joint > _MOST_JOINT:
        return
    people = people_of_classes(table.joint, table.group_index, schema.num_joint)
    names = schema.joint_names
    joint = [f"{names[k]}: {n}" for k, n in enumerate(people.tolist()) if 0 < n < HELD_OUT_FOLDS]
    text = f"{{n}} joint class(es) with fewer than {HELD_OUT_FOLDS} people"
    if len(schema.attributes) > 1:
        yield from about("too-few-people-jointly", Level.LOOK, text, joint)
        empty = [names[k] for k in np.flatnonzero(people == 0).tolist()]
        text = "{n} joint class(es) without people: no model can learn them jointly"
        yield from about("no-people-jointly", Level.LOOK, text, empty)


def _rare(table: SampleTable, column: NDArray[np.int64], names: list[str]) -> list[str]:
    people = people_of_classes(column, table.group_index, len(names)).tolist()
    return [f"{names[k]}: {n}" for k, n in enumerate(people) if n < HELD_OUT_FOLDS]


def _alike_names(table: SampleTable) -> Iterator[Finding]:
    """Yields names that differ in capitals, blanks or leading zeros alone."""
    for what, names in (
        ("people", table.group_names),
        *((f"classes of {each.name}", each.classes) for each in table.schema.attributes),
    ):
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            alike[_SPELT_OTHERWISE.sub(_one_spelling, name.strip().casefold())].append(name)
        named = [" and ".join(map(repr, each)) for each in alike.values() if len(each) > 1]
        text = f"{{n}} set{{s}} of names of {what} that differ in spelling alone: are they one?"
        yield from about("alike-names", Level.LOOK, text, named)


def _one_spelling(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    if kind == "number":
        return text.lstrip("0") or "0"
    return {"fraction": text, "sign": "-", "between": " "}.get(kind or "", "")
