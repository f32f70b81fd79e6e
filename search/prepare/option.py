"""An option of `headrace run`, declared once: beside the field of the config that it gives."""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from search.errors import UsageError, near
from search.store.reading import HIGHEST_COUNT
from trainables.given_paths import no_file, no_folder
from trainables.timm_names import is_unknown, model_names

_HOST_AND_PORT = re.compile(r"[^\s/]+:\d{1,5}")
_CLIENT = "ray://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """How the command line gives a field of `RunConfig`.

    Attributes:
        flag: such as `--trials`.
        help: what `--help` says of it.
        arguments: further ones of argparse, such as type, nargs or metavar.
        read: from what argparse gives to the value of the field; None is not given.
        check: raises UsageError where the field may not have a value; called with flag and value.
            None where it may have any.
        on_top: whether a resumed run may be given another value.
        write: the value as a word of the command line; None where the command of a run does not
            say it.
    """

    flag: str
    help: str
    arguments: Mapping[str, Any]
    read: Callable[[Any], Any]
    check: Callable[[str, Any], None] | None
    on_top: bool
    write: Callable[[Any], str] | None

    @property
    def dest(self) -> str:
        """Name of argparse's attribute."""
        return self.flag.removeprefix("--").replace("-", "_")

    def words(self, value: Any) -> list[str]:
        """Returns the words of the command line that give a value."""
        if self.write is None:
            return []
        if isinstance(value, bool):
            return [self.flag if value else self.flag.replace("--", "--no-", 1)]
        return [self.flag, *map(self.write, value if isinstance(value, tuple) else [value])]


def option(
    flag: str,
    text: str,
    *,
    default: Any = MISSING,
    read: Callable[[Any], Any] = lambda given: given,
    check: Callable[[str, Any], None] | None = None,
    on_top: bool = False,
    write: Callable[[Any], str] | None = str,
    **arguments: Any,
) -> Any:
    """Returns a field of `RunConfig` whose metadata have the `Option` of these values."""
    found = Option(
        flag=flag,
        help=text,
        arguments=arguments,
        read=read,
        check=check,
        on_top=on_top,
        write=write,
    )
    return field(default=default, metadata={"option": found})


class FirstData(argparse.Action):
    """Takes the folder of the data; folders that are given after it are added."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: Any, *_: object
    ) -> None:
        """Keeps the first folder, and puts others behind those of `--add-data`."""
        if getattr(namespace, self.dest) is None:
            setattr(namespace, self.dest, values)
        elif not hasattr(namespace, "add_data"):
            raise argparse.ArgumentError(self, "one folder is taken here, got another")
        else:
            namespace.add_data = [*(namespace.add_data or ()), values]


def absolute(path: str) -> str:
    """Returns an absolute path, or an empty string for none."""
    return str(Path(path).resolve()) if path else ""


def at_least(lowest: int) -> Callable[[str, int], None]:
    """Returns the check of a number that has a lowest value."""

    def check(flag: str, value: int) -> None:
        """Raises UsageError for what is no whole number or is too low."""
        _check_number(flag, value, Integral, "a whole number")
        if value < lowest:
            raise UsageError(f"{flag} must be at least {lowest}, got {value}")
        if value > HIGHEST_COUNT:
            raise UsageError(f"{flag} must be at most {HIGHEST_COUNT}, got {value}")

    return check


def between(lowest: int, highest: int) -> Callable[[str, int], None]:
    """Returns the check of a number that has a lowest and a highest value."""

    def check(flag: str, value: int) -> None:
        """Raises UsageError for a number outside."""
        if not lowest <= value <= highest:
            raise UsageError(f"{flag} must be between {lowest} and {highest}, got {value}")

    return check


def below_one(flag: str, value: float) -> None:
    """Raises UsageError where a number is negative, 1 or more, or NaN."""
    _check_number(flag, value, Real, "a number")
    if not 0 <= value < 1:
        raise UsageError(f"{flag} must be at least 0 and below 1, got {value:g}")


def host_and_port(flag: str, value: str) -> None:
    """Raises UsageError where a text is neither HOST:PORT nor `auto`. Empty is no cluster."""
    if value and value != "auto" and not _HOST_AND_PORT.fullmatch(value):
        client = "; Ray Client cannot run a search: give the port of the head, 6379 as a rule"
        raise UsageError(
            f"{flag} must be HOST:PORT of a Ray cluster, auto, or local for this machine, got "
            f"{value!r}{client if value.startswith(_CLIENT) else ''}"
        )


def cluster(value: str) -> str:
    """Returns the address that an option means; empty is this machine."""
    return "" if value == "local" else value


def _check_number(flag: str, value: object, kind: type, wanted: str) -> None:
    """Raises UsageError where a value from Python is another kind of thing."""
    if isinstance(value, bool) or not isinstance(value, kind):
        raise UsageError(f"{flag} must be {wanted}, got {value!r}")


def known_model(flag: str, pattern: str) -> None:
    """Raises UsageError where timm surely has no model of a name, or none that a pattern matches.

    Without timm itself, which takes seconds to load.
    """
    if is_unknown(pattern):
        raise UsageError(
            f"{flag} must be models of timm, got {pattern!r}{near(pattern, model_names())}; "
            "timm.list_models() lists all"
        )


def is_file(path: str) -> bool:
    """Returns whether a path is that of a file; not where no file can have such a name."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def check_folder(flag: str, path: str | Path, what: str = "a folder") -> None:
    """Raises UsageError where nothing can be read from a folder; says why, and which is meant.

    Raises:
        PermissionError: nobody can tell: a folder above it is closed to this user.
    """
    if why := no_folder(path):
        raise UsageError(f"{flag} must be {what}, got {path}: {why}")


def check_file(flag: str, path: str | Path, what: str = "a file") -> None:
    """Raises UsageError where a path is that of no file; says why, and which is meant.

    Raises:
        PermissionError: nobody can tell: a folder above it is closed to this user.
    """
    if why := no_file(path):
        raise UsageError(f"{flag} must be {what}, got {path}: {why}")
