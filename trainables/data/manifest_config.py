"""dataset.yaml: which columns of a manifest mean what."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from os.path import lexists
from pathlib import Path
from typing import Any

import yaml

from trainables.data.bounded_files import MAX_YAML_BYTES, load_yaml, read_bytes
from trainables.data.csv_text import ENCODINGS, decode_text
from trainables.data.image_decoding import MAX_PIXELS
from trainables.data.misnamed import check_named, misnamed
from trainables.errors import DataError, reading_data
from trainables.nearest import near

_TEXTS = ("name", "licence", "group", "path", "manifest", "file_names", "images", "encoding")
_KEYS = (*_TEXTS, "attributes", "ignore", "max_pixels", "missing")
_IGNORE = "ignore"
SETTINGS_FILE = "dataset.yaml"
_ATTRIBUTE_KEYS = ("column", "classes", "ordered", "bins")
OTHERS = "others"
"""What `ignore` says for every column that nothing else names."""
_MOST_PIXELS = 2**32


def to_ignore(columns: Iterable[str]) -> str:
    """Returns the line that leaves columns out, for an advice; their names as YAML has them."""
    listed = yaml.safe_dump(
        [*columns], default_flow_style=True, allow_unicode=True, width=math.inf
    ).strip()
    return f"{_IGNORE}: {listed} in {SETTINGS_FILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeConfig:
    """One attribute: its column and either classes, cuts of a numeric column, or neither.

    Attributes:
        name: of the attribute.
        column: of the manifest.
        classes: in code order; empty for the values of the column.
        values: the class of each value where the column has other words; empty for the classes'
            own names.
        bins: cuts of a column of numbers.
        ordered: whether the order of the classes means something; None where nothing is said.

    Raises:
        DataError: ordered classes are not listed, or an attribute with bins is called unordered.
    """

    name: str
    column: str
    classes: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    bins: tuple[float, ...] = ()
    ordered: bool | None = None

    def __post_init__(self) -> None:
        if self.ordered and not self.classes and not self.bins:
            raise DataError(
                f"attribute {self.name!r} is ordered, so its classes must be listed in order"
            )
        if self.bins and self.ordered is False:
            raise DataError(f"attribute {self.name!r} has bins, so it cannot be unordered")
        if self.bins and self.values:
            raise DataError(
                f"attribute {self.name!r} has bins, so its classes are a list of their names"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestConfig:
    """The contents of dataset.yaml; the defaults stand for a manifest without one.

    Attributes:
        name: of the data.
        licence: under which terms it may be used; empty where nothing is said.
        manifest: the CSV file, relative to the folder of the data.
        file_names: what the names of the photos say, such as "{age}_{gender}_{date}", where there
            is no CSV file; empty where there is.
        images: folder that the paths start from, relative to that of the data; empty for it.
        encoding: of the CSV file; empty where it is to be found out.
        group: column that tells whose photo it is.
        path: column that tells where the photo is.
        attributes: None if every column that is not path, group or ignored is an attribute.
        ignore: columns without meaning here.
        ignore_others: whether columns that nothing names are without meaning, too.
        max_pixels: that a photo may have at most.
        ignore_missing: whether an empty label is unknown, and the photo has its other ones.
        notes: what of the file was read otherwise than as UTF-8, a sentence each.
    """

    name: str = "manifest"
    licence: str = ""
    manifest: str = "manifest.csv"
    file_names: str = ""
    images: str = ""
    encoding: str = ""
    group: str = "group"
    path: str = "path"
    attributes: tuple[AttributeConfig, ...] | None = None
    ignore: tuple[str, ...] = ()
    ignore_others: bool = False
    max_pixels: int = MAX_PIXELS
    ignore_missing: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", self.encoding.lower())
        if self.encoding and self.file_names:
            raise DataError(
                "encoding is that of a CSV file, and file_names says there is none; keep one"
            )
        if self.encoding and self.encoding not in ENCODINGS:
            raise DataError(
                f"unknown encoding {self.encoding!r}{near(self.encoding, ENCODINGS)}; available: "
                f"{', '.join(ENCODINGS)}"
            )
        if self.ignore_others and self.attributes is None:
            raise DataError(
                f"ignore: {OTHERS} leaves the columns that nothing names out, so attributes must "
                "be named"
            )
        if not 1 <= self.max_pixels <= _MOST_PIXELS:
            raise DataError(f"max_pixels must be in [1, {_MOST_PIXELS}], got {self.max_pixels}")


def config_of(root: Path) -> ManifestConfig:
    """Returns what the dataset.yaml of a folder says; the defaults where it has none.

    Raises:
        DataError: as `read_config`, or a file that is called nearly so is there alone.
    """
    path = root / SETTINGS_FILE
    others = misnamed(root, SETTINGS_FILE)
    check_named(root, SETTINGS_FILE, others)
    if not lexists(path):
        return ManifestConfig()
    config = read_config(path)
    notes = [f"{name} is not read: {SETTINGS_FILE} is" for name in others]
    return replace(config, notes=(*config.notes, *notes))


def read_config(path: Path) -> ManifestConfig:
    """Reads dataset.yaml.

    Raises:
        DataError: the file is not YAML, or a key or value is not understood; names the file.
    """
    with reading_data(path, "cannot be read as YAML"):
        data, note = read_settings(path)
    try:
        return replace(_config({} if data is None else data), notes=(note,) if note else ())
    except (DataError, OverflowError) as error:
        raise DataError(f"{path}: {error}") from error


def read_settings(path: Path) -> tuple[Any, str]:
    """Returns what dataset.yaml holds, and whether it is UTF-16, in a sentence; else empty.

    Raises:
        OSError: it cannot be read, or is no plain file.
        ValueError: it is too long, in another encoding, or not YAML.
    """
    text, note = decode_text(path, read_bytes(path, MAX_YAML_BYTES), kind="YAML")
    return load_yaml(text), note


def _config(data: object) -> ManifestConfig:
    keys = _mapping(data, "the file", _KEYS)
    texts = {key: _text(keys[key], key) for key in _TEXTS if key in keys}
    if "manifest" in texts and "file_names" in texts:
        raise DataError("manifest and file_names are two places for labels; keep one")
    attributes = None
    if "attributes" in keys:
        attributes = tuple(
            _attribute(_text(name, "the name of an attribute"), value)
            for name, value in _mapping(keys["attributes"], "attributes").items()
        )
    ignore = keys.get("ignore", [])
    others = ignore == OTHERS
    missing = keys.get("missing")
    if missing not in (None, _IGNORE):
        raise DataError(
            f"missing must be {_IGNORE} (an empty label is unknown) or left out, got {missing!r}"
        )
    config = ManifestConfig(
        max_pixels=_whole(keys.get("max_pixels", MAX_PIXELS)),
        attributes=attributes,
        ignore=() if others else tuple(_text(each, "ignore") for each in _list(ignore, "ignore")),
        ignore_others=others,
        ignore_missing=missing == _IGNORE,
    )
    return replace(config, **texts)  # type: ignore[arg-type]  # none of them is a number


def _attribute(name: str, data: object) -> AttributeConfig:
    what = f"attribute {name!r}"
    keys = _mapping({} if data is None else data, what, _ATTRIBUTE_KEYS)
    ordered = keys.get("ordered")
    if ordered is not None and not isinstance(ordered, bool):
        raise DataError(f"{what}: ordered must be true or false, got {ordered!r}")
    values = _values(keys.get("classes"), f"{what}: classes")
    classes = values.values() or [
        _text(each, f"{what}: classes")
        for each in _list(keys.get("classes", []), f"{what}: classes")
    ]
    bins = _list(keys.get("bins", []), f"{what}: bins")
    return AttributeConfig(
        name=name,
        column=_text(keys.get("column", name), f"{what}: column"),
        classes=tuple(dict.fromkeys(classes)) if values else tuple(classes),
        values=values,
        bins=tuple(_number(each, f"{what}: bins") for each in bins),
        ordered=ordered,
    )


def _values(data: object, what: str) -> dict[str, str]:
    """Returns the class of each value of a column; empty where classes are no mapping."""
    if not isinstance(data, Mapping):
        return {}
    found = {_text(value, what): _text(name, what) for value, name in data.items()}
    if len(found) < len(data):
        raise DataError(f"{what} must name every value once, got {list(data)}")
    return found


def _mapping(data: object, what: str, allowed: tuple[str, ...] = ()) -> Mapping[Any, Any]:
    if not isinstance(data, Mapping):
        raise DataError(f"{what} must be a mapping of keys to values, got {data!r}")
    unknown = [key for key in data if allowed and key not in allowed]
    if unknown:
        raise DataError(
            f"{what} has an unknown key {unknown[0]!r}{near(str(unknown[0]), allowed)}; "
            f"available: {', '.join(allowed)}"
        )
    return data


def _list(data: object, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise DataError(f"{what} must be a list, got {data!r}")
    return data


def _text(data: object, what: str) -> str:
    # YAML reads an unquoted yes as true and 1.10 as 1.1: such a text is not what was written.
    if isinstance(data, bool) or not isinstance(data, str | int) or data == "":
        raise DataError(f"{what} must be a text, got {data!r}; put it in quotes")
    return str(data)


def _whole(data: object) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise DataError(f"max_pixels must be a whole number, got {data!r}")
    return data


def _number(data: object, what: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise DataError(f"{what} must be numbers, got {data!r}")
    return float(data)
