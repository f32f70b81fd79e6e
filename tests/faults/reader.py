"""What a reader of the fault tests is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.mutations import Mutation

Read = Callable[[], object]
Made = tuple[Path, Read]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader and its file.

    Attributes:
        make: writes valid files into an empty folder; returns the one that is changed, and what
            reads it.
        mutations: of the file's format.
        beside: files that may be named in its place, where the two contradict each other.
        share: of the inputs asked for, where reading one takes long.
    """

    make: Callable[[Path], Made]
    mutations: tuple[Mutation, ...]
    beside: tuple[str, ...] = ()
    share: float = 1.0
