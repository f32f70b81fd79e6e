"""Names of timm's models, read from its files: importing it takes seconds, reading them none."""

import importlib.util
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)
_RENAMED = re.compile(r"^\s*'([\w.]+)':\s*'[\w.]+',", re.MULTILINE)
_RENAMING = "register_model_deprecations("


@cache
def model_names() -> frozenset[str]:
    """Returns every name that timm registers, old ones of renamed models too, without tags.

    Empty where timm's files are not as they were known; then nobody can tell without it.
    """
    spec = importlib.util.find_spec("timm")
    found: set[str] = set()
    for folder in () if spec is None else spec.submodule_search_locations or ():
        for path in sorted(Path(folder, "models").glob("*.py")):
            text = path.read_text(encoding="utf-8", errors="replace")
            found.update(_REGISTERED.findall(text))
            found.update(_RENAMED.findall(text.partition(_RENAMING)[2]))
    return frozenset(found)


def is_unknown(pattern: str) -> bool:
    """Returns whether timm surely has no such model: `resnet18`, `resnet18.a1_in1k`, `resnet*`."""
    known, untagged = model_names(), pattern.partition(".")[0]
    return bool(known) and not any(
        fnmatchcase(name, pattern) or fnmatchcase(name, untagged) for name in known
    )
