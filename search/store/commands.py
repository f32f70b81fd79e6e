"""Commands on a run, as its user can copy them."""

import shlex
import shutil
import sys
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
    return f"{headrace()} {command} {store.root.name}{_where(store)}"


def resume_command(store: RunStore) -> str:
    """Returns the command that goes on with a run."""
    return f"{headrace()} run --resume {store.root.name}{_where(store)}"


def _where(store: RunStore) -> str:
    parent = store.root.parent
    here = parent.absolute() == Path("results").absolute()
    return "" if here else f" --results {shlex.quote(str(parent))}"
