"""Corrections of labels as data: a CSV file, or a set that ships with the program.

Each row of `group_or_path,attribute,label,reason` gives photos another label: all of a group, one
by its path, or one of a group by the stem of its name (`000020/normal`). The user's own files stay
as they are.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from trainables.data.bounded_files import MAX_JSON_BYTES, read_bytes
from trainables.data.class_names import ClassNames, same_text, spelling
from trainables.data.csv_cells import original
from trainables.data.csv_rows import parse_number, read_csv
from trainables.data.csv_text import decode_text
from trainables.data.known_corrections import KNOWN
from trainables.data.sample_table import Corrected, SampleTable
from trainables.data.schema import own_name
from trainables.errors import DataError, reading_data
from trainables.given_paths import no_file
from trainables.nearest import near

CORRECTIONS_FILE = "corrections.csv"
COLUMNS = ("group_or_path", "attribute", "label", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One row: which photos, which attribute, what is right and why."""

    where: str
    key: str
    attribute: str
    label: str
    reason: str


def read_corrections(source: str) -> tuple[Correction, ...]:
    """Returns the corrections of a file, or of a set that ships with the program by its name.

    Raises:
        DataError: there is no such file or set, the file is malformed, or a cell but the reason is
            empty; names the line.
    """
    if source in KNOWN and not Path(source).is_file():
        return tuple(
            Correction(where=f"{source} row {n}", key=key, attribute=name, label=label, reason=why)
            for n, (key, name, label, why) in enumerate(KNOWN[source], start=1)
        )
    path = Path(source)
    if why := no_corrections(source):
        raise DataError(
            f"corrections must be a CSV file ({','.join(COLUMNS)}) or one of the known sets "
            f"({', '.join(KNOWN)}), got {source}: {why}"
        )
    with reading_data(path):
        if _is_header_alone(path):
            return ()
        rows = read_csv(path)
        if set(rows.columns) != set(COLUMNS):
            raise DataError(
                f"{path} needs the columns {', '.join(COLUMNS)} and no other, got "
                f"{', '.join(rows.columns)}"
            )
        cells = [rows.filled(column) for column in COLUMNS[:3]]
        lines = [where.rpartition(" ")[2] for where in rows.source_rows]
        places = [f"{source} row {line}" for line in lines]
        whole = zip(places, *cells, rows.column(COLUMNS[3]), strict=True)
    return tuple(
        Correction(where=where, key=original(key), attribute=name, label=label, reason=why)
        for where, key, name, label, why in whole
    )


def no_corrections(source: str) -> str:
    """Returns why corrections are no file and no known set, in a few words; empty if they are."""
    why = "" if source in KNOWN else no_file(source)
    return f"{why}{near(source, KNOWN)}" if why else ""


def _is_header_alone(path: Path) -> bool:
    """Returns whether a file of corrections has no row yet."""
    text, _ = decode_text(path, read_bytes(path, MAX_JSON_BYTES))
    lines = [line for line in text.splitlines() if line.strip(" ,;\t|")]
    return len(lines) == 1 and all(column in lines[0] for column in COLUMNS)


def corrected(table: SampleTable, corrections: Sequence[Correction]) -> SampleTable:
    """Returns the table with other labels; its `corrections` say how many changed.

    Raises:
        DataError: a correction matches nothing or several things, names an attribute or class
            that the data lacks, or contradicts another; names its line.
    """
    index = _Index(table)
    labels = table.labels.copy()
    raw = {name: values.copy() for name, values in table.raw.items()}
    wanted: dict[tuple[int, int], tuple[str, Correction]] = {}
    done = []
    for each in corrections:
        column = _column(table, each)
        rows = index.rows(each)
        number = _number(table, column, each)
        code = _code(table, column, each, number)
        said = f"{number}" if number is not None else f"class {code}"
        for row in rows:
            before, other = wanted.setdefault((row, column), (said, each))
            if before != said:
                raise DataError(
                    f"{each.where}: {each.key!r} is to be {each.label!r}, and {other.where} has "
                    f"{other.label!r} for {table.paths[row]!r}; remove one of them"
                )
        name = table.schema.names[column]
        values = raw[name] if number is not None else labels[:, column]
        right = number if number is not None else code
        done.append(_entry(each, name, int((values[rows] != right).sum())))
        values[rows] = right
        labels[rows, column] = code
    return replace(table, labels=labels, raw=raw, corrections=(*table.corrections, *done))


def _entry(each: Correction, attribute: str, num_changed: int) -> Corrected:
    return Corrected(
        where=each.where,
        key=each.key,
        attribute=attribute,
        label=each.label,
        reason=each.reason,
        num_changed=num_changed,
    )


class _Index:
    """Finds the samples that a key names."""

    def __init__(self, table: SampleTable) -> None:
        self._table = table

    @cached_property
    def _paths(self) -> Mapping[str, list[int]]:
        return _by_spelling(self._table.paths)

    @cached_property
    def _groups(self) -> Mapping[str, list[int]]:
        return _by_spelling(self._table.groups)

    @cached_property
    def _names(self) -> Mapping[str, list[int]]:
        return _by_spelling([PurePosixPath(path).name for path in self._table.paths])

    @cached_property
    def _stems(self) -> Mapping[str, list[int]]:
        stems = (PurePosixPath(path).stem for path in self._table.paths)
        pairs = zip(self._table.groups, stems, strict=True)
        return _by_spelling([f"{group}/{stem}" for group, stem in pairs])

    def _ends(self, key: str) -> list[int]:
        """Returns the rows whose path ends as the key, where `images` gave it its beginning."""
        rows = self._names.get(spelling(PurePosixPath(key).name), [])
        return [row for row in rows if spelling(f"/{self._table.paths[row]}").endswith(f"/{key}")]

    def _near(self, key: str) -> str:
        """Returns the groups or the paths that a key may have been."""
        return near(key, self._table.group_names) or near(key, self._table.paths)

    def rows(self, each: Correction) -> list[int]:
        """Returns the rows of a correction; DataError where they are none or not clear."""
        key = spelling(each.key)
        as_path = posixpath.normpath(key.replace("\\", "/"))
        path = self._paths.get(key) or self._paths.get(as_path, [])
        group = self._groups.get(key, [])
        if path and group and path != group:
            raise DataError(
                f"{each.where}: {each.key!r} is a path and also a group, of other photos; correct "
                "the photos of the group by their paths"
            )
        found = path or group
        if not found and len(found := self._stems.get(key, []) or self._ends(as_path)) > 1:
            raise DataError(
                f"{each.where}: {each.key!r} names {len(found)} photos, such as "
                f"{self._table.paths[found[0]]!r} and {self._table.paths[found[1]]!r}; give the "
                "path of one"
            )
        if not found:
            known = each.where.rpartition(" row ")[0] in KNOWN
            way_out = "write those that you want into a file" if known else "remove the row"
            raise DataError(
                f"{each.where}: {each.key!r} is no group and no path of this data (of "
                f"{self._table.num_groups} groups such as {self._table.groups[0]!r}, and paths "
                f"such as {self._table.paths[0]!r}){self._near(each.key)}; correct it or {way_out}"
            )
        return found


def _by_spelling(names: Sequence[str]) -> Mapping[str, list[int]]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        rows[spelling(name)].append(row)
    return dict(rows)


def _column(table: SampleTable, each: Correction) -> int:
    names = table.schema.names
    for column, name in enumerate(names):
        if same_text(name, each.attribute) or same_text(name, own_name(each.attribute)):
            return column
    raise DataError(
        f"{each.where}: unknown attribute {each.attribute!r}{near(each.attribute, names)}; "
        f"available: {', '.join(names)}"
    )


def _number(table: SampleTable, column: int, each: Correction) -> float | None:
    """Returns the right number of an attribute that has numbers; None of another."""
    attribute = table.schema.attributes[column]
    if not attribute.has_raw:
        return None
    number = parse_number(each.label)
    if number is None:
        raise DataError(
            f"{each.where}: {attribute.name} is a number in this data, so its correction must be "
            f"one, too, got {each.label!r}"
        )
    return number


def _code(table: SampleTable, column: int, each: Correction, number: float | None) -> int:
    attribute = table.schema.attributes[column]
    if number is not None:
        return int(attribute.encode_raw(np.array(number)))
    code = ClassNames(attribute.classes).code(each.label)
    if code is None:
        raise DataError(
            f"{each.where}: unknown {attribute.name} {each.label!r}"
            f"{near(each.label, attribute.classes)}; available: {', '.join(attribute.classes)}"
        )
    return code


def summary(corrections: Sequence[Corrected]) -> Iterator[str]:
    """Yields a sentence for every source of corrections: what it changed."""
    sources: defaultdict[str, list[Corrected]] = defaultdict(list)
    for each in corrections:
        sources[each.where.rpartition(" row ")[0]].append(each)
    for source, rows in sources.items():
        changed: dict[str, int] = {}
        for each in rows:
            changed[each.attribute] = changed.get(each.attribute, 0) + each.num_changed
        idle = sum(not each.num_changed for each in rows)
        parts = ", ".join(f"{name} of {count} photos" for name, count in changed.items() if count)
        without = f"; {idle} rows change nothing, the labels are so already" if idle else ""
        yield f"{len(rows)} corrections of {source}: {parts or 'nothing'} changed{without}"
