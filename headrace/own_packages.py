"""Whose `search`, `spaces` and `trainables` Python finds: headrace's own, or others of that name.

The names are common ones: a file of the user's, or an installed package, may come first.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

NAMES = ("search", "spaces", "trainables")
HOME = Path(__file__).resolve().parents[1]
"""Folder of all packages of headrace."""


def check() -> None:
    """Raises ImportError where Python finds another module of such a name: names its file."""
    for name in NAMES:
        found = _found(name)
        if found is None or found.parent.resolve() == HOME:
            continue
        installed = {"site-packages", "dist-packages"} & set(found.parts)
        way_out = (
            "uninstall that package, or give headrace an environment of its own"
            if installed
            else "rename it, or start Python from another folder"
        )
        raise ImportError(
            f"headrace needs its own package {name!r}, but Python finds {found} first; {way_out}",
            name=name,
            path=str(found),
        )


def claim() -> None:
    """Lets Python find headrace's own in this process, whatever else bears their names.

    For the command alone: in a program of the user's, his own module would be hidden.
    """
    sys.meta_path.insert(0, _Own())


class _Own:
    """Finds the packages of headrace where they lie."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Returns where a package of headrace lies; None for any other module."""
        if name not in NAMES or path is not None:
            return None
        folder = HOME / name
        return importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )


def _found(name: str) -> Path | None:
    """Returns the file or the folder of the module that Python takes for a name."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        origin, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", ())
    else:
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        origin, folders = spec.origin, spec.submodule_search_locations or ()
    # Of a package its folder; one without __init__.py has no file.
    place = next(iter(folders), origin)
    return None if place is None else Path(place)
