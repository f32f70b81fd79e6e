"""Frozen values as JSON has them, and back.

Errors leave the way out to the reader of the file, who knows which it is.

A dataclass is an object of its fields, a tuple a list. A field whose default is None is left out
where it is None. A class with another layout says so by `to_dict` and `from_dict`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from search.analysis.errors import AnalysisError

T = TypeVar("T")
_LEAVES = (bool, int, float, str)


def to_plain(value: Any) -> Any:
    """Returns what JSON can hold of a value, its order kept."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return fields_of(value)
    if isinstance(value, Mapping):
        return {key: to_plain(part) for key, part in value.items()}
    return [to_plain(part) for part in value] if isinstance(value, (tuple, list)) else value


def fields_of(value: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass by name."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    absent = {field.name for field in fields(value) if field.default is None}
    return {k: to_plain(part) for k, part in found.items() if part is not None or k not in absent}


def from_plain(kind: type[T], data: Any) -> T:
    """Returns the value that `to_plain` wrote; what no field asks for is passed over.

    Args:
        kind: a dataclass, or what its fields may be: X | None, tuple[X, ...], Mapping[str, X],
            an Enum, a number or a text.
        data: what JSON holds.

    Raises:
        AnalysisError: a field without a default is missing, or an Enum has no such value.
    """
    found: T = _read(kind, data)
    return found


def need(data: Mapping[str, Any], key: str) -> Any:
    """Returns an entry that must be there.

    Raises:
        AnalysisError: it is not.
    """
    if not isinstance(data, Mapping) or data.get(key) is None:
        got = ", ".join(sorted(data)) if isinstance(data, Mapping) else repr(data)
        raise AnalysisError(f"an entry needs {key!r}, got only {got}")
    return data[key]


def _read(kind: Any, data: Any) -> Any:
    if hasattr(kind, "from_dict"):
        return kind.from_dict(data)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**_read_fields(kind, data))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, data)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if data is None else _read(args[0], data)
    if origin is tuple:
        kinds = args[:1] * len(data) if args[-1] is Ellipsis else args
        return tuple(_read(one, part) for one, part in zip(kinds, data, strict=True))
    if origin is Mapping:
        return {key: _read(args[1], part) for key, part in data.items()}
    if kind in _LEAVES and not _is_leaf(kind, data):
        raise AnalysisError(f"a {kind.__name__} is needed, got {data!r}")
    return data


def _is_leaf(kind: type, data: Any) -> bool:
    if kind is not bool and isinstance(data, bool):
        return False
    return isinstance(data, (int, float) if kind is float else kind)


def _member(kind: type[Enum], data: Any) -> Enum:
    for member in kind:
        if member.value == data:
            return member
    known = ", ".join(str(member.value) for member in kind if member.value)
    raise AnalysisError(f"{kind.__name__.lower()} must be one of {known}, got {data!r}")


def _read_fields(kind: Any, data: Any) -> dict[str, Any]:
    hints, found = _hints(kind), {}
    for field in fields(kind):
        optional = type(None) in get_args(hints[field.name])
        if field.default is MISSING and not (optional and field.name in data):
            need(data, field.name)
        if field.name in data:
            found[field.name] = _read(hints[field.name], data[field.name])
    return found


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
