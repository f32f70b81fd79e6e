"""JSON and YAML of whatever origin, read within bounds: size, depth, aliases, whole numbers.

A results folder or a `dataset.yaml` may come from anybody, and a few hundred bytes can stand for
gigabytes: YAML aliases that double from line to line, brackets nested until the stack ends, a
number too long to be printed. Whatever is wrong becomes a ValueError; the disk raises OSError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from typing import Any

import yaml

from trainables.errors import in_short

MAX_JSON_BYTES = 2**28
"""Of a JSON file: a hundred times those of a long run with many classes."""
MAX_YAML_BYTES = 2**23
"""Of a YAML file, which people or a run's few figures write: PyYAML reads 0.2 MB a second."""
MAX_DEPTH = 64
"""Of lists and mappings in each other, aliases followed."""
MAX_EXPANDED = 2**25
"""Characters and nodes of a YAML file once every alias is written out."""
MAX_BITS = 256
"""Of a whole number: seeds have 64, and Python prints no number of 4,300 digits."""

_NOT_YAML = (
    *(yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError),
    RecursionError,
)
"""What PyYAML raises for what it cannot read, or makes no value of."""


def check_plain(path: Path) -> None:
    """Raises OSError where a path is missing, or no plain file.

    A pipe that nobody writes to is opened for ever, and a device never ends.
    """
    if not S_ISREG(path.stat().st_mode):
        raise OSError(f"{path} must be a plain file")


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Returns what a file of `max_bytes` at most holds.

    Raises:
        OSError: it cannot be read, or is no plain file.
        ValueError: it is longer.
    """
    check_plain(path)
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"it must have at most {max_bytes} bytes, got more")
    return data


def read_text(path: Path, max_bytes: int = MAX_JSON_BYTES) -> str:
    """Returns a UTF-8 file of `max_bytes` at most, without a byte order mark.

    Raises:
        OSError: it cannot be read, or is no plain file.
        ValueError: it is longer, or not UTF-8.
    """
    return read_bytes(path, max_bytes).decode("utf-8-sig")


def load_json(
    text: str | bytes, object_hook: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Returns what a JSON text says; ValueError where it is not JSON, or nested too deeply.

    Args:
        text: of the file.
        object_hook: makes something else of every object; objects stay as they are if None.
    """
    try:
        return json.loads(text, object_hook=object_hook)
    except RecursionError as error:
        raise ValueError("its lists and mappings are nested too deeply") from error


def load_yaml(text: str) -> Any:
    """Returns what a YAML text says, with plain types alone.

    Raises:
        ValueError: it is not YAML, breaks one of the bounds of this module, or holds a value that
            Python has none for, such as the 99th of a month.
    """
    try:
        return yaml.load(text, _BoundedLoader)
    except _NOT_YAML as error:
        raise ValueError(in_short(error)) from error


_PLAIN_INT = re.compile(r"[-+]?(?:0|[1-9]\d*)")
_SHOWN = 32
"""Signs of a key or number that an error shows."""


class _BoundedLoader(yaml.SafeLoader):
    """Refuses a document while it is put together: aliases are counted as if written out."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open = 0
        self._expanded: dict[int, tuple[int, int]] = {}  # characters and depth of a node, by id

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Returns the next node; ComposerError where the document is out of bounds."""
        is_alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._open += 1
        if self._open > MAX_DEPTH:
            raise _out_of_bounds(f"at most {MAX_DEPTH} lists and mappings in each other", mark)
        node = super().compose_node(parent, index)
        self._open -= 1
        if node is None:
            return None
        if is_alias:
            if id(node) not in self._expanded:
                raise _out_of_bounds("no list or mapping that holds itself", mark)
            return node
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
        parts = [self._expanded[id(child)] for child in _children(node)]
        length = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        expanded = 1 + length + sum(part[0] for part in parts)
        depth = 1 + max((part[1] for part in parts), default=0)
        if expanded > MAX_EXPANDED or depth > MAX_DEPTH:
            raise _out_of_bounds("aliases that stand for a bounded amount", mark)
        self._expanded[id(node)] = expanded, depth
        return node

    def _check_keys(self, node: yaml.MappingNode) -> None:
        """Raises MarkedYAMLError where a key stands twice: PyYAML would keep the last silently.

        What Python takes for one key, such as 1 and 1.0, is one. Keys are told apart before `<<`
        puts those of another mapping beside them.
        """
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            is_known = key.tag in self.yaml_constructors
            name = self.construct_object(key, True) if is_known else key.value
            if name in lines:
                got = f"{str(key.value)[:_SHOWN]!r} again, first in line {lines[name]}"
                raise _out_of_bounds(f"every key once, got {got}; keep one", key.start_mark)
            lines[name] = key.start_mark.line + 1

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Returns a number with a point; an error where YAML alone takes it for one: 1_2.5."""
        if re.search(r"[_:]", node.value):
            raise _not_digits("numbers", node)
        return float(super().construct_yaml_float(node))

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Returns a whole number; an error where it is none that a file needs.

        YAML takes 1_2 for 12, 1:30 for 90 and 010 for 8, which nobody means who names a class so.
        """
        if not _PLAIN_INT.fullmatch(node.value):
            raise _not_digits("whole numbers", node)
        value = int(super().construct_yaml_int(node))
        if value.bit_length() > MAX_BITS:
            raise _out_of_bounds(f"whole numbers of at most {MAX_BITS} bits", node.start_mark)
        return value


_BoundedLoader.add_constructor("tag:yaml.org,2002:int", _BoundedLoader.construct_yaml_int)
_BoundedLoader.add_constructor("tag:yaml.org,2002:float", _BoundedLoader.construct_yaml_float)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _not_digits(what: str, node: yaml.ScalarNode) -> yaml.MarkedYAMLError:
    got = f"{node.value[:_SHOWN]}; put a text in quotes"
    return _out_of_bounds(f"{what} written in digits, got {got}", node.start_mark)


def _out_of_bounds(rule: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"it must have {rule}", problem_mark=mark)
