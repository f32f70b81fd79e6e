"""Commands on a run, as its user can copy them."""

import shlex
import shutil
import sys
from pathlib import Path

from search.store.run_store import RunStore


def headrace() -> str:
    """Returns how the user calls headrace: by its name where the shell finds it, else by path."""
    beside = Path(sys.executable).with_name("headrace")
    if shutil.which("headrace") or not beside.exists():
        return "headrace"
    here = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return shlex.quote(str(here))


def resume_command(store: RunStore) -> str:
    """Returns the command that goes on with a run."""
    parent = store.root.parent
    where = "" if str(parent) == "results" else f" --results {shlex.quote(str(parent))}"
    return f"{headrace()} run --resume {store.root.name}{where}"
