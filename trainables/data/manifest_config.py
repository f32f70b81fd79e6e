"""dataset.yaml: which columns of a manifest mean what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.bounded_files import MAX_YAML_BYTES, load_yaml, read_text
from trainables.errors import DataError, reading_data

_KEYS = ("name", "licence", "group", "path", "attributes", "ignore")
_ATTRIBUTE_KEYS = ("column", "classes", "ordered", "bins")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeConfig:
    """One attribute: its column and either classes, cuts of a numeric column, or neither.

    Raises:
        DataError: ordered classes are not listed, or an attribute with bins is called unordered.
    """

    name: str
    column: str
    classes: tuple[str, ...] = ()
    bins: tuple[float, ...] = ()
    ordered: bool | None = None

    def __post_init__(self) -> None:
        if self.ordered and not self.classes and not self.bins:
            raise DataError(
                f"attribute {self.name!r} is ordered, so its classes must be listed in order"
            )
        if self.bins and self.ordered is False:
            raise DataError(f"attribute {self.name!r} has bins, so it cannot be unordered")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestConfig:
    """The contents of dataset.yaml; the defaults stand for a manifest without one.

    Attributes:
        attributes: None if every column that is not path, group or ignored is an attribute.
    """

    name: str = "manifest"
    group: str = "group"
    path: str = "path"
    attributes: tuple[AttributeConfig, ...] | None = None
    ignore: tuple[str, ...] = ()


def read_config(path: Path) -> ManifestConfig:
    """Reads dataset.yaml.

    Raises:
        DataError: the file is not YAML, or a key or value is not understood; names the file.
    """
    with reading_data(path, "cannot be read as YAML"):
        data = load_yaml(read_text(path, MAX_YAML_BYTES))
    try:
        return _config({} if data is None else data)
    except (DataError, OverflowError) as error:
        raise DataError(f"{path}: {error}") from error


def _config(data: object) -> ManifestConfig:
    keys = _mapping(data, "the file", _KEYS)
    texts = {key: _text(keys[key], key) for key in ("name", "group", "path") if key in keys}
    if "licence" in keys:
        _text(keys["licence"], "licence")
    attributes = None
    if "attributes" in keys:
        attributes = tuple(
            _attribute(_text(name, "the name of an attribute"), value)
            for name, value in _mapping(keys["attributes"], "attributes").items()
        )
    return ManifestConfig(
        **texts,
        attributes=attributes,
        ignore=tuple(_text(each, "ignore") for each in _list(keys.get("ignore", []), "ignore")),
    )


def _attribute(name: str, data: object) -> AttributeConfig:
    what = f"attribute {name!r}"
    keys = _mapping({} if data is None else data, what, _ATTRIBUTE_KEYS)
    ordered = keys.get("ordered")
    if ordered is not None and not isinstance(ordered, bool):
        raise DataError(f"{what}: ordered must be true or false, got {ordered!r}")
    classes = _list(keys.get("classes", []), f"{what}: classes")
    bins = _list(keys.get("bins", []), f"{what}: bins")
    return AttributeConfig(
        name=name,
        column=_text(keys.get("column", name), f"{what}: column"),
        classes=tuple(_text(each, f"{what}: classes") for each in classes),
        bins=tuple(_number(each, f"{what}: bins") for each in bins),
        ordered=ordered,
    )


def _mapping(data: object, what: str, allowed: tuple[str, ...] = ()) -> Mapping[Any, Any]:
    if not isinstance(data, Mapping):
        raise DataError(f"{what} must be a mapping of keys to values, got {data!r}")
    unknown = [key for key in data if allowed and key not in allowed]
    if unknown:
        raise DataError(
            f"{what} has an unknown key {unknown[0]!r}; available: {', '.join(allowed)}"
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


def _number(data: object, what: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise DataError(f"{what} must be numbers, got {data!r}")
    return float(data)
