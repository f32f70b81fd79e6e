"""Commands on a run, as its user can copy them."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.store.run_store import RunStore


def program(name: str) -> str | None:
    """Returns how the user calls a program: by its name where the shell finds it, else by path.

    The one beside the running Python comes before any other of that name: it is of the same
    packages. None where it is not installed.
    """
    beside, found = Path(sys.executable).with_name(name), shutil.which(name)
    if not beside.exists():
        return name if found else None
    if found and Path(found).samefile(beside):
        return name
    here = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return shlex.quote(str(here))


def headrace() -> str:
    """Returns how the user calls headrace."""
    return program("headrace") or "headrace"


def on_run(command: str, store: RunStore) -> str:
    """Returns a command such as `predict` on a run."""
    return f"{headrace()} {command} {store.root.name}{_where(store)[0]}"


def resume_command(store: RunStore) -> str:
    """Returns the command that goes on with a run."""
    return f"{headrace()} run --resume {store.root.name}{''.join(_where(store))}"


_typed: dict[Path, tuple[str, str]] = {}


@contextmanager
def typed(folder: Path, results: str, cache: Path | None) -> Iterator[None]:
    """Lets commands within the block name a folder of runs as its user did.

    Args:
        folder: where the runs are worked at.
        results: the address of the store that they are mirrored to.
        cache: the cache folder that was given, below which `folder` lies.
    """
    more = "" if cache is None else f" --cache {shlex.quote(str(cache))}"
    _typed[folder] = f" --results {shlex.quote(results)}", more
    try:
        yield
    finally:
        _typed.pop(folder, None)


def _where(store: RunStore) -> tuple[str, str]:
    """Returns the options that lead to a run, and those that lead to its files here."""
    parent = store.root.parent
    if parent in _typed:
        return _typed[parent]
    here = parent.absolute() == Path("results").absolute()
    return "" if here else f" --results {shlex.quote(str(parent))}", ""
