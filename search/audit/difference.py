"""What changed between two versions of a data folder: photos, people, labels, attributes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from search.audit.finding import Finding, Level, about
from search.audit.listing import Listing
from trainables.data.class_names import spelling
from trainables.data.csv_rows import number_said
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN, Attribute
from trainables.data.sketches import Sketches

_UNKNOWN = "unknown"
_FEW = 3
"""Photos of a person that are shown."""


@dataclass(frozen=True, slots=False, kw_only=True, eq=False)
class Version:
    """A data folder at one time.

    Attributes:
        listing: what lies there.
        sketches: of its photos.
    """

    listing: Listing
    sketches: Sketches

    @cached_property
    def digest(self) -> dict[str, str]:
        """The digest of each file that is there, by its path; empty where it cannot be read."""
        digests = zip(self.listing.paths, map(str, self.sketches.digest), strict=True)
        root = self.listing.root
        return {path: digest for path, digest in digests if digest or (root / path).exists()}

    def shown(self, path: str) -> str:
        """Returns the path of a photo wherever a page starts from."""
        return (self.listing.root.absolute() / path).as_posix()


def differences(old: Version, new: Version) -> Iterator[Finding]:
    """Yields what is otherwise in the new version, and what cannot be read of either."""
    for name, version in (("the first", old), ("the second", new)):
        text = f"a run on {name} folder is refused: its labels are compared as far as they go"
        yield from about("refused", Level.UNUSABLE, text, version.listing.problems)
    moved = _moved(old, new)
    yield from _of_files(old, new, moved)
    if old.listing.table is None or new.listing.table is None:
        return
    yield from _of_licence(old.listing.table, new.listing.table)
    yield from _of_attributes(old.listing.table, new.listing.table)
    yield from _of_people(old, new, moved)
    yield from _of_labels(old, new, moved)


def _moved(old: Version, new: Version) -> dict[str, str]:
    """Returns where each photo of the old version is in the new one.

    It is found by its path, else by its content, else by its path without the ending: a photo
    that was saved in another format. What is listed in both, with a file in one, comes last: a
    lost photo, whose labels are compared all the same.
    """
    found = {path: path for path in old.digest if path in new.digest}
    free: defaultdict[str, list[str]] = defaultdict(list)
    for path, digest in new.digest.items():
        if path not in old.digest:
            free[digest].append(path)
    for path, digest in old.digest.items():
        if path not in found and digest and free[digest]:
            found[path] = free[digest].pop(0)
    left = {_stem(path): path for paths in free.values() for path in paths}
    for path in old.digest:
        if path not in found and _stem(path) in left:
            found[path] = left.pop(_stem(path))
    taken = set(found.values())
    listed = set(new.listing.paths) - taken
    return {path: path for path in old.listing.paths if path in listed} | found


def _stem(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()


def _of_files(old: Version, new: Version, moved: Mapping[str, str]) -> Iterator[Finding]:
    moved = {a: b for a, b in moved.items() if a in old.digest and b in new.digest}
    gone = [path for path in old.digest if path not in moved]
    come = sorted(set(new.digest) - set(moved.values()))
    text = "{n} photo{s} of the first folder that the second lacks"
    yield from about("photo-gone", Level.LOOK, text, gone, [(old.shown(p),) for p in gone])
    text = "{n} photo{s} of the second folder that the first lacks"
    yield from about("photo-added", Level.LOOK, text, come, [(new.shown(p),) for p in come])
    same = {a: b for a, b in moved.items() if old.digest[a] == new.digest[b]}
    other = [(a, b) for a, b in same.items() if a != b]
    named = [f"{a} is now {b}" for a, b in other]
    text = "{n} photo{s} with another path: the same file"
    yield from about("photo-moved", Level.LOOK, text, named, [(new.shown(b),) for _, b in other])
    changed = [(a, b) for a, b in moved.items() if a not in same]
    named = [a if a == b else f"{a} is now {b}" for a, b in changed]
    pairs = [(old.shown(a), new.shown(b)) for a, b in changed]
    text = "{n} file{s} with other content, before and after"
    yield from about("photo-changed", Level.LOOK, text, named, pairs)


def _of_licence(old: SampleTable, new: SampleTable) -> list[Finding]:
    said = [f"{old.licence or 'none named'}, now {new.licence or 'none named'}"]
    text = "the data may be used under other terms"
    return about("licence-changed", Level.LOOK, text, said if old.licence != new.licence else ())


def _of_attributes(old: SampleTable, new: SampleTable) -> Iterator[Finding]:
    names = dict.fromkeys([*old.schema, *new.schema])
    said = []
    for name in names:
        if name not in new.schema or name not in old.schema:
            said.append(f"{name} only in the {'first' if name in old.schema else 'second'}")
            continue
        one, other = old.schema[name], new.schema[name]
        if _meant(one) != _meant(other):
            edges = f", cut at {one.edges} and {other.edges}" if one.edges != other.edges else ""
            said.append(f"{name}: {', '.join(one.classes)}; now {', '.join(other.classes)}{edges}")
    text = "{n} attribute{s} that only one has, or with other classes, order or cuts"
    yield from about("attribute-changed", Level.LOOK, text, said)


def _meant(attribute: Attribute) -> tuple[object, ...]:
    """Returns what makes two attributes of one name the same."""
    return tuple(map(spelling, attribute.classes)), attribute.ordered, attribute.edges


def _listed(old: Version, new: Version, moved: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Yields the rows of each photo that both tables list; says nothing of the others."""
    for before, after in moved.items():
        rows = old.listing.row_of.get(before), new.listing.row_of.get(after)
        if rows[0] is not None and rows[1] is not None:
            yield rows[0], rows[1]


def _of_people(old: Version, new: Version, moved: Mapping[str, str]) -> Iterator[Finding]:
    before, after = old.listing.table, new.listing.table
    if before is None or after is None:
        return
    listed = {a for a in moved if (a in old.listing.row_of) != (moved[a] in new.listing.row_of)}
    text = "{n} photo{s} listed in one folder's labels and not in the other's"
    yield from about("listed-otherwise", Level.LOOK, text, sorted(listed))
    others: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for a, b in _listed(old, new, moved):
        if spelling(before.groups[a]) != spelling(after.groups[b]):
            others[before.groups[a], after.groups[b]].append(new.listing.path_of(b))
    named = [
        f"{one}, now {other} ({len(paths)} photos such as {paths[0]})"
        for (one, other), paths in others.items()
    ]
    photos = [tuple(map(new.shown, paths[:_FEW])) for paths in others.values()]
    text = "{n} time{s} that photos of a person are now another one's"
    yield from about("person-changed", Level.LOOK, text, named, photos)


def _of_labels(old: Version, new: Version, moved: Mapping[str, str]) -> Iterator[Finding]:
    before, after = old.listing.table, new.listing.table
    if before is None or after is None:
        return
    pairs = list(_listed(old, new, moved))
    num_photos: defaultdict[str, int] = defaultdict(int)
    changes: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for a, b in pairs:
        num_photos[after.groups[b]] += 1
        for name in after.schema:
            if name in before.schema:
                was, now = _label(before, a, name), _label(after, b, name)
                if spelling(was) != spelling(now):
                    changes[after.groups[b], name, f"{was}, now {now}"].append(b)
    named, photos = [], []
    for (group, name, change), rows in changes.items():
        if 1 < len(rows) == num_photos[group]:
            named.append(f"{group}, all {len(rows)} photos: {name} {change}")
            photos.append(tuple(new.shown(new.listing.path_of(row)) for row in rows[:_FEW]))
            continue
        for row in rows:
            path = new.listing.path_of(row)
            named.append(f"{path} ({group}): {name} {change}")
            photos.append((new.shown(path),))
    text = "{n} label{s} changed, of a whole person once"
    yield from about("label-changed", Level.LOOK, text, named, photos)


def _label(table: SampleTable, row: int, name: str) -> str:
    """Returns a label in words, with the number that its class was cut from."""
    code = int(table.labels[row, table.schema.names.index(name)])
    if code == UNKNOWN:
        return _UNKNOWN
    said = table.schema[name].classes[code]
    return f"{said} ({number_said(table.raw[name][row])})" if name in table.raw else said


def counted(old: Version, new: Version) -> tuple[str, ...]:
    """Returns what both versions hold, a line each."""
    lines = []
    for version in (old, new):
        listing = version.listing
        table = listing.table
        people = "labels unreadable" if table is None else f"{table.num_samples:,} with labels, "
        people += "" if table is None else f"of {table.num_groups:,} people"
        lines.append(f"{listing.root}: {len(version.digest):,} photos, {people}")
    return tuple(lines)
