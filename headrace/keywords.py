"""Keywords of Python as words of the command line, so that one parser decides about both."""

from __future__ import annotations

import os
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

from search.errors import SearchError, UsageError, near


def parsed(command: str, given: Mapping[str, Any]) -> Namespace:
    """Returns what `headrace COMMAND` makes of the same options.

    Args:
        command: such as "run".
        given: options with underscores -> a text, a path, a number, True or False; several where
            the option takes several. None is not given. Of a duration, a number is seconds.

    Raises:
        UsageError: the command has no such option, or it does not take the value.
    """
    from search.cli.options import build_parser
    from search.cli.parser import commands_of

    whole = build_parser()
    known = _options(commands_of(whole)[command])
    words = [command]
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                f"headrace.{command} has no option {name!r}{near(name, known)}; it has: "
                f"{', '.join(sorted(known))}"
            )
        if value is not None:
            words += _words(known[name], value)
    return whole.parse_args(words)


@contextmanager
def one_base() -> Iterator[None]:
    """Raises what is wrong with data, spaces or weights as UsageError: callers catch one base."""
    from spaces.errors import SpaceError
    from trainables.errors import TrainablesError

    try:
        yield
    except SearchError:
        raise
    except (SpaceError, TrainablesError) as error:
        raise UsageError(str(error)) from error


def _options(parser: ArgumentParser) -> dict[str, Action]:
    return {a.dest: a for a in parser._actions if a.option_strings and a.dest != "help"}


def _words(action: Action, value: Any) -> list[str]:
    flag = action.option_strings[0]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{action.dest} must be True or False, got {value!r}")
        # An option that is off by itself has no word for that.
        off = [no for no in action.option_strings if no.startswith("--no-") and no != flag]
        return [flag] if value else off
    several = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes)
    if action.nargs is None:
        if several:
            raise UsageError(f"{action.dest} takes one value, got {value!r}")
        return [f"{flag}={_text(action, value)}"]
    texts = [_text(action, each) for each in (value if several else [value])]
    if dashed := [text for text in texts if text.startswith("-")]:
        raise UsageError(
            f"{action.dest} takes no value that begins with a dash, got {dashed[0]!r}; of a file, "
            f"write ./{dashed[0]}"
        )
    return [flag, *texts]


def _text(action: Action, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{action.dest} takes a text, a path or a number, got {value!r}")
    if action.metavar == "TIME":
        return f"{value}s" if isinstance(value, Integral) else f"{float(value):f}s"
    return str(value)
