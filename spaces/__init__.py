"""Search spaces as plain Optuna functions, found by file name or by path.

A space file has `suggest(trial, schema, scale)`, which suggests parameters named by config paths
and may return constants; optional are `default(schema, scale)` and `WARM_START`. What it predicts
it says by `ATTRIBUTE = "gender"`, or by `ATTRIBUTES = ("mask", "gender")` with `FORM = "softmax"`
(one softmax over their joint label) or "heads"; `APPROACH = "joint"` and `"multihead"` are all
attributes in the one form and the other.
"""

import hashlib
import importlib
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from spaces.errors import SpaceError, near
from spaces.scale import Scale
from spaces.space import Flat, Schema, Space

_NOT_SPACES = frozenset({"errors", "groups", "parts", "scale", "space", "attribute", "block"})
WHOLE = {"joint": "softmax", "multihead": "heads"}
"""Spaces of all attributes together, and the form of their prediction."""
_PREFIX = "attribute:"
"""Before the name of an attribute that is called like one of these, or like a file."""


def names() -> tuple[str, ...]:
    """Returns the built-in spaces: the files of this package but the generic one."""
    files = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(n for n in files if n not in _NOT_SPACES and not n.startswith("_")))


def load(spec: str, schema: Schema) -> Space:
    """Loads a space for this data.

    Args:
        spec: a name (`age`), a file (`path/to/mine.py`) or both (`gender=path/to/mine.py`); an
            attribute that could be mistaken for either is `attribute:<name>`.
        schema: of the data.

    Raises:
        SpaceError: unknown name, a file that is not a space, or an attribute that the data lacks.
    """
    if spec not in schema and spec.removeprefix(_PREFIX) in schema:
        spec = spec.removeprefix(_PREFIX)
    if spec in schema and (spec not in names() or _lacks_order(spec, schema)):
        return _generic((spec,), "softmax")
    name, file = split_spec(spec)
    if name != spec:
        return _from_file(name, Path(file), schema)
    if name in names():
        return _from_module(name, importlib.import_module(f"spaces.{name}"), schema)
    available = dict.fromkeys([*names(), *schema.names])
    several = name.split(",")
    if len(several) > 1 and all(each.strip() in available for each in several):
        words = " ".join(each.strip() for each in several)
        raise SpaceError(f"spaces have blanks between them, got {name!r}; write --space {words}")
    raise SpaceError(
        f"unknown space {name!r}{near(name, available)}; available: {', '.join(available)}, or a "
        "file path/to/space.py"
    )


def split_spec(spec: str) -> tuple[str, str]:
    """Returns the name and the file of a spec: either may be empty, and a path may have a `=`."""
    name, given, file = spec.partition("=")
    if given and "/" not in name and not Path(spec).is_file():
        return name, file
    return ("", spec) if spec.endswith(".py") else (spec, "")


def load_block(attributes: tuple[str, ...], form: str, schema: Schema) -> Space:
    """Loads the built-in space of a block: its own file, or a generic one.

    Args:
        attributes: of the block, in schema order.
        form: "softmax" or "heads".
        schema: of the data.

    Raises:
        SpaceError: attributes and form do not fit, or the data lacks an attribute.
    """
    if attributes == schema.names:
        names = [name for name, whole in WHOLE.items() if whole == form]
        if len(attributes) > 1 or form == "heads":
            return load(names[0], schema)
    if len(attributes) == 1 and form == "softmax" and attributes[0] not in WHOLE:
        return load(attributes[0], schema)
    return _generic(attributes, form).check(schema)


def _lacks_order(name: str, schema: Schema) -> bool:
    """Returns whether the space `age` would take ages for ordered whose order means nothing."""
    return name == "age" and name in schema and not schema[name].ordered


def _generic(attributes: tuple[str, ...], form: str) -> Space:
    if len(attributes) == 1:
        module = importlib.import_module("spaces.attribute")
        suggest, default = partial(module.suggest_for, attributes[0]), module.default
    else:
        module = importlib.import_module("spaces.block")
        suggest = partial(module.suggest_for, attributes, form)
        default = partial(_default, attributes, form)
    return Space(
        name=_joined(attributes, form),
        attributes=attributes,
        form=form,
        suggest=suggest,
        default=default,
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
    if not name and getattr(module, "ATTRIBUTES", None):
        name = _own_name(*_block(path.stem, module, schema), schema)
    if not name:
        attribute = _in_data(getattr(module, "ATTRIBUTE", ""), schema)
        name = attribute or getattr(module, "APPROACH", "")
    if not (isinstance(name, str) and name):
        raise SpaceError(
            f"{path} must say what it predicts: define ATTRIBUTE = 'gender' (or APPROACH = "
            f"'joint' or 'multihead') in it, or call it --space gender={path}"
        )
    try:
        space = _from_module(name, module, schema)
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from error
    taken = (*schema.names, *WHOLE, "separate", "all")
    own = _own_name(space.attributes, space.form, schema)
    if name in taken and name != own:
        raise SpaceError(
            f"{path} predicts {own!r}, so it cannot be the space {name!r}; call it --space "
            f"{own}={path}"
        )
    return space


def _own_name(attributes: tuple[str, ...], form: str, schema: Schema) -> str:
    """Returns what the space of a block is called where nobody gives it another name."""
    if len(attributes) > 1 and attributes == schema.names:
        return next((name for name, its in WHOLE.items() if its == form), form)
    return _joined(attributes, form)


def _joined(attributes: tuple[str, ...], form: str) -> str:
    return "+".join(attributes) + ("-heads" if form == "heads" else "")


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


def _from_module(name: str, module: ModuleType, schema: Schema) -> Space:
    attributes, form = _block(name, module, schema)
    space = Space(
        name=name,
        attributes=attributes,
        form=form,
        suggest=module.suggest,
        default=getattr(module, "default", partial(_default, attributes, form)),
        warm_start=_warm_start(name, module),
        source=_source(module),
    )
    return space.check(schema)


def _block(name: str, module: ModuleType, schema: Schema) -> tuple[tuple[str, ...], str]:
    """Returns attributes and form that a space file names, by one of its three ways."""
    several = getattr(module, "ATTRIBUTES", None)
    joins = name in WHOLE and not hasattr(module, "ATTRIBUTE") and several is None
    approach = getattr(module, "APPROACH", name if joins else "separate")
    attribute = getattr(module, "ATTRIBUTE", None)
    known = approach in (*WHOLE, "separate")
    if not known or (approach in WHOLE and (attribute or several)) or (attribute and several):
        raise SpaceError(
            f"space {name!r} must say what it predicts by one of ATTRIBUTE, ATTRIBUTES and "
            f"APPROACH ({', '.join(WHOLE)}), got APPROACH={approach!r} ATTRIBUTE={attribute!r} "
            f"ATTRIBUTES={several!r}"
        )
    if several is None and hasattr(module, "FORM"):
        raise SpaceError(
            f"FORM of space {name!r} belongs to ATTRIBUTES, a list of names, and the file has "
            f"none, got FORM={module.FORM!r}"
        )
    if approach in WHOLE:
        if len(schema.names) < 2:
            raise SpaceError(
                f"space {name!r} needs two attributes or more; this data has: "
                f"{', '.join(schema.names)}"
            )
        return schema.names, WHOLE[approach]
    if several is None:
        return (_in_data(attribute or name, schema),), "softmax"
    if not isinstance(several, tuple | list) or not all(isinstance(n, str) for n in several):
        raise SpaceError(f"ATTRIBUTES of space {name!r} must be a list of names, got {several!r}")
    several = [_in_data(each, schema) for each in several]
    ordered = sorted(several, key=lambda one: schema.names.index(one) if one in schema else -1)
    return tuple(ordered), getattr(module, "FORM", "softmax")


def _in_data(attribute: str, schema: Schema) -> str:
    """Returns what the data calls an attribute: one called like an approach has a prefix."""
    prefixed = f"{_PREFIX}{attribute}"
    return prefixed if attribute not in schema and prefixed in schema else attribute


def _warm_start(name: str, module: ModuleType) -> tuple[Any, ...]:
    given = getattr(module, "WARM_START", ())
    if not isinstance(given, list | tuple):
        raise SpaceError(
            f"WARM_START of space {name!r} must be a list of mappings such as "
            f"[{{'optim.lr': 0.001}}], got {given!r}"
        )
    return tuple(given)


def _default(attributes: tuple[str, ...], form: str, schema: Schema, scale: Scale) -> Flat:
    from spaces.parts import AGE, default_config  # loads Optuna

    config = default_config(schema, scale, with_age=AGE in attributes)
    if form == "heads":
        config |= {f"task_weight.{name}": 1.0 for name in attributes}
    return config


def _source(module: ModuleType) -> str:
    # The shared groups are part of what a space searches: a changed range is another study.
    shared = (Path(__file__).with_name(name) for name in ("groups.py", "parts.py"))
    texts = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in (Path(str(module.__file__)), *shared)
    )
    return hashlib.sha256("".join(texts).encode()).hexdigest()
