"""Search spaces as plain Optuna functions, found by file name or by path.

A space file has `suggest(trial, schema, scale)`, which suggests parameters named by config paths
and may return constants; optional are `default(schema, scale)`, `APPROACH` ("separate", "joint",
"multihead"), `ATTRIBUTE` and `WARM_START`.
"""

import hashlib
import importlib
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from spaces.errors import SpaceError
from spaces.parts import default_config
from spaces.scale import Scale
from spaces.space import Schema, Space

_NOT_SPACES = frozenset({"errors", "groups", "parts", "scale", "space", "attribute"})


def names() -> tuple[str, ...]:
    """Returns the built-in spaces: the files of this package but the generic one."""
    files = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(n for n in files if n not in _NOT_SPACES and not n.startswith("_")))


def load(spec: str, schema: Schema) -> Space:
    """Loads a space for this data.

    Args:
        spec: a name (`age`), a file (`path/to/mine.py`) or both (`gender=path/to/mine.py`).
        schema: of the data.

    Raises:
        SpaceError: unknown name, a file that is not a space, or an attribute that the data lacks.
    """
    name, given, file = spec.partition("=")
    if given or spec.endswith(".py"):
        return _from_file(name if given else "", Path(file if given else spec), schema)
    if name in names():
        return _from_module(name, importlib.import_module(f"spaces.{name}")).check(schema)
    if name in schema:
        return _generic(name)
    available = dict.fromkeys([*names(), *schema.names])
    raise SpaceError(
        f"unknown space {name!r}; available: {', '.join(available)}, or a file path/to/space.py"
    )


def load_all(schema: Schema) -> tuple[Space, ...]:
    """Returns the spaces of every approach: each attribute of the data, joint and multihead."""
    return tuple(load(name, schema) for name in (*schema.names, "joint", "multihead"))


def _generic(attribute: str) -> Space:
    module = importlib.import_module("spaces.attribute")
    return Space(
        name=attribute,
        approach="separate",
        attribute=attribute,
        suggest=partial(module.suggest_for, attribute),
        default=module.default,
        source=_source(module),
    )


def _from_file(name: str, path: Path, schema: Schema) -> Space:
    if not path.is_file():
        raise SpaceError(f"a space file must exist, got {path}; built-in: {', '.join(names())}")
    module = _execute(path)
    if not callable(getattr(module, "suggest", None)):
        raise SpaceError(
            f"a space file must define suggest(trial, schema, scale), {path} does not; "
            "copy spaces/gender.py as a start"
        )
    if not name:
        name = getattr(module, "ATTRIBUTE", "") or getattr(module, "APPROACH", "")
    if not (isinstance(name, str) and name):
        raise SpaceError(
            f"{path} must say what it predicts: define ATTRIBUTE = 'gender' (or APPROACH = "
            f"'joint' or 'multihead') in it, or call it --space gender={path}"
        )
    space = _from_module(name, module).check(schema)
    taken = (*schema.names, "joint", "multihead")
    if name in taken and name != (space.attribute or space.approach):
        raise SpaceError(
            f"{path} predicts {space.attribute or space.approach!r}, so it cannot be the space "
            f"{name!r}; call it --space {space.attribute or space.approach}={path}"
        )
    return space


def _execute(path: Path) -> ModuleType:
    key = "headrace_space_" + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise SpaceError(f"{path} cannot be loaded as Python; a space file ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the file is the user's own code
        del sys.modules[key]
        raise SpaceError(f"{path} fails: {type(error).__name__}: {error}") from error
    return module


def _from_module(name: str, module: ModuleType) -> Space:
    joins = name in ("joint", "multihead") and not hasattr(module, "ATTRIBUTE")
    approach = getattr(module, "APPROACH", name if joins else "separate")
    attribute = getattr(module, "ATTRIBUTE", name if approach == "separate" else "")
    options: dict[str, Any] = {
        "name": name,
        "approach": approach,
        "attribute": attribute,
        "suggest": module.suggest,
        "default": getattr(module, "default", partial(_default, approach, attribute)),
        "warm_start": _warm_start(name, module),
        "source": _source(module),
    }
    return Space(**options)


def _warm_start(name: str, module: ModuleType) -> tuple[Any, ...]:
    given = getattr(module, "WARM_START", ())
    if not isinstance(given, list | tuple):
        raise SpaceError(
            f"WARM_START of space {name!r} must be a list of mappings such as "
            f"[{{'optim.lr': 0.001}}], got {given!r}"
        )
    return tuple(given)


def _default(
    approach: str, attribute: str, schema: Schema, scale: Scale
) -> dict[str, str | int | float | bool]:
    config = default_config(schema, scale, with_age=approach != "separate" or attribute == "age")
    if approach == "multihead":
        config |= {f"task_weight.{name}": 1.0 for name in schema.names}
    return config


def _source(module: ModuleType) -> str:
    # The shared groups are part of what a space searches: a changed range is another study.
    shared = (Path(__file__).with_name(name) for name in ("groups.py", "parts.py"))
    texts = (path.read_text(encoding="utf-8") for path in (Path(str(module.__file__)), *shared))
    return hashlib.sha256("".join(texts).encode()).hexdigest()
