"""How a name of the user becomes part of a file name, a key or a column, and never one of ours.

A user may call attributes, classes and spaces anything: `label`, `key`, `a/b`, `fit [wide]`. What
we write beside them has names, too. So theirs are told apart by a prefix (`attribute:label`), and
what a file system, a shell or our own `<space>.<config>.<seed>` could mistake is %XX. Two names
are never written the same way; who knows the name finds what is written under it.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

OWN = frozenset({"validation", "refit"})
"""What files and folders of a run begin with beside names of spaces."""
_ESCAPED = re.compile(r"[^\w +-]")
_LONGEST = 120  # bytes; a file name holds 255, with our own words around
_DIGITS = 16
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


def as_key(name: str) -> str:
    """Returns a name without a dot, slash or other special character; `from_key` undoes it."""
    return _ESCAPED.sub(lambda found: _percent(found.group()), name)


def from_key(key: str) -> str:
    """Returns the name that `as_key` wrote."""
    return unquote(key, errors="surrogatepass")


def as_file(name: str) -> str:
    """Returns how files and folders of a name begin: itself where it is harmless.

    A name that would be too long is cut, with the digest of the whole after a tilde, which no
    other name has.
    """
    if name in OWN:
        return _percent(name[0]) + name[1:]
    found = as_key(name)
    raw = found.encode()
    if len(raw) <= _LONGEST:
        return found
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return raw[: _LONGEST - _DIGITS - 1].decode(errors="ignore") + "~" + digest


def spellings(name: str) -> tuple[str, ...]:
    """Returns how files of a name may begin: as they are written, and as older runs wrote them.

    Those took the name as it was. Where that could be another name as it is written today, or a
    file of ours, it is left out.
    """
    written = as_file(name)
    first = name.partition(".")[0]
    could_differ = not re.search(r"[%~/\\]", name) and name.isprintable() and first not in OWN
    is_file = could_differ and len(name.encode()) <= 200
    return (written, name) if is_file and name != written else (written,)


def stored(folder: Path, before: str, name: str, after: str) -> Path:
    """Returns the path of a file of a name; that of an older run where only it is there.

    Args:
        folder: that it is in.
        before: what its file name has before the name.
        name: of the user.
        after: what its file name has after it.
    """
    paths = [folder / f"{before}{each}{after}" for each in spellings(name)]
    return next((path for path in paths if path.exists()), paths[0])


def own_number(text: str) -> int | None:
    """Returns the number that a part of a name is, as we write one; None where it is none."""
    return int(text) if _NUMBER.fullmatch(text) else None


def columns_of(columns: Iterable[str], prefix: str) -> dict[str, str]:
    """Returns the columns with a prefix, by the names that it was put before."""
    return {name.removeprefix(prefix): name for name in columns if name.startswith(prefix)}


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
