"""What can become of a file: torn, of other bytes, of other values, of another shape.

A mutation takes the bytes of a valid file and a generator of random numbers, and returns other
bytes. Those of a format change values where a random byte would hardly ever hit one.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import yaml

Mutation = Callable[[bytes, Random], bytes]

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, -(10**30), 0.5, -0.0, 1e308),
    *(10**400, -(10**400)),
    *(float("nan"), float("inf"), "", " ", "a", "\0", "joint", "../..", "/etc/passwd", "é" * 300),
    *("[wide] *", "=1+1", "%s{}%n", "😀", [], {}, [[]], [None], {"": None}, ["a", "a"]),
    *({"schema": 99}, "9" * 400, "x" * 5000, list(range(500))),
)


def _deep(depth: int) -> Any:
    found: Any = None
    for _ in range(depth):
        found = [found]
    return found


def cut(data: bytes, rng: Random) -> bytes:
    """A write that a killed process did not finish."""
    return data[: rng.randrange(len(data) + 1)]


def flip(data: bytes, rng: Random) -> bytes:
    """A few bytes that the disk changed."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20)) if found else 0):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found)


def zeros(data: bytes, rng: Random) -> bytes:
    """A block that was never written, after a power cut."""
    if not data:
        return b"\0" * 100
    start = rng.randrange(len(data))
    length = rng.choice((1, 10, 100, 4096))
    return data[:start] + b"\0" * length + data[start + length :]


def splice(data: bytes, rng: Random) -> bytes:
    """A part twice, or a part lost."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    if rng.random() < 0.5:
        return data[:start] + data[end:]
    return data[:end] + data[start:]


def lines(data: bytes, rng: Random) -> bytes:
    """A line twice, lost, or in another place."""
    rows = data.split(b"\n")
    row = rows.pop(rng.randrange(len(rows)))
    for _ in range(rng.choice((0, 1, 2))):
        rows.insert(rng.randrange(len(rows) + 1), row)
    return b"\n".join(rows)


def encoding(data: bytes, rng: Random) -> bytes:
    """The same text in the bytes of another program."""
    text = data.decode("utf-8", "replace")
    kind = rng.choice(("utf-16", "utf-32", "utf-8-sig", "cp949", "latin-1", "utf-7"))
    return text.encode(kind, "replace")


def foreign(data: bytes, rng: Random) -> bytes:
    """Another file under this name."""
    return rng.choice(
        (
            *(b"", b"\n", b"\0" * 64, b"null", b"[]", b"{}", b"3", b'"text"', rng.randbytes(200)),
            *(b"\x89PNG\r\n\x1a\n", b"\xff\xfe\x00", b"\x80\x04.", b"PK\x05\x06" + b"\0" * 18),
            *(
                b"[" * 20_000,
                b'{"a":' * 5_000,
                b"- " * 3_000 + b"a",
                b"a,b\n1,2\n",
                b"<html></html>",
            ),
            *(b"&a [*a]", b"!!python/object:os.system {}", b"a: &a [*a, *a]", data + data),
        )
    )


BYTES: tuple[Mutation, ...] = (cut, flip, zeros, splice, encoding, foreign)
TEXT: tuple[Mutation, ...] = (*BYTES, lines)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Returns every (container, key) of a tree."""
    found: list[tuple[Any, Any]] = []
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            found += [(tree, key), *_places(tree[key])]
    return found


def _changed(tree: Any, rng: Random) -> Any:
    """Returns a tree with a value or two of another kind, lost, or under another key."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        places = _places(tree)
        if not places:
            return rng.choice(_VALUES)
        container, key = rng.choice(places)
        kind = rng.random()
        if kind < 0.15:
            del container[key]
        elif kind < 0.2 and isinstance(container, dict):
            container[rng.choice(("", "a", 3, "schema", key * 2))] = container.pop(key)
        elif kind < 0.25:
            container[key] = _deep(rng.choice((10, 200)))
        elif kind < 0.3:
            container[key] = [container[key]]
        else:
            container[key] = rng.choice(_VALUES)
    return tree


def json_value(data: bytes, rng: Random) -> bytes:
    """Another value at some place of a JSON file."""
    text = json.dumps(_changed(json.loads(data), rng))
    if rng.random() < 0.1:  # the same key twice
        text = text.replace("{", '{"schema": 1, "config": 1, "schema": 1, ', 1)
    return text.encode()


def json_line(data: bytes, rng: Random) -> bytes:
    """Another value at some place of a file of JSON lines."""
    rows = data.splitlines()
    place = rng.randrange(len(rows))
    rows[place] = json.dumps(_changed(json.loads(rows[place]), rng)).encode()
    return b"\n".join(rows) + b"\n"


def yaml_value(data: bytes, rng: Random) -> bytes:
    """Another value at some place of a YAML file."""
    tree = _changed(yaml.safe_load(data), rng)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode()


def csv_cell(data: bytes, rng: Random) -> bytes:
    """Another cell, column or row of a CSV file."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    row = rng.randrange(len(rows)) if rng.random() < 0.7 else 0
    column = rng.randrange(len(rows[row]))
    kind = rng.random()
    if kind < 0.1:
        del rows[row][column]
    elif kind < 0.2:
        for each in rows:
            each.insert(column, each[column])
    elif kind < 0.3:
        for each in rows:
            del each[column]
    else:
        value = rng.choice(_VALUES)
        rows[row][column] = value if isinstance(value, str) else json.dumps(value)
    text = io.StringIO()
    csv.writer(text, lineterminator=rng.choice(("\n", "\n", "\r\n", "\r"))).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def npz_array(data: bytes, rng: Random) -> bytes:
    """Another array of an npz file: its kind, shape, values or name, or none."""
    with np.load(io.BytesIO(data)) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    name = rng.choice(list(arrays))
    found = arrays.pop(name)
    kind = rng.randrange(9)
    if kind == 0:
        arrays[rng.choice(("a", "head:", "mirrored:x", "..", "key", "é"))] = found
    elif kind == 1:
        arrays[name] = found.astype(rng.choice(("f2", "f8", "i1", "i8", "U8", "c16", "?")))
    elif kind == 2:
        arrays[name] = found.reshape(-1)
    elif kind == 3:
        arrays[name] = found[..., None]
    elif kind == 4:
        arrays[name] = np.array(found.tolist(), dtype=object)  # a pickle
    elif kind == 5:
        arrays[name] = np.full(found.shape, rng.choice((np.nan, np.inf, -1, 10**9)))
    elif kind == 6:
        arrays[name] = np.array(rng.choice(("", "{", "[]", "null", "x" * 3000)))
    elif kind == 7:
        arrays[name] = found[:0] if found.ndim else np.zeros(0)
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        for each, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            archive.writestr(f"{each}.npy", member.getvalue())
    return text.getvalue()
