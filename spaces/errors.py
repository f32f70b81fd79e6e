"""Errors a user of `spaces` can cause, and what he may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_MAX_MESSAGE = 1_900
"""Characters: what a space file raises may hold all it was given."""


class SpaceError(ValueError):
    """A space is unknown, malformed, or asks for what the data lacks."""

    def __init__(self, message: str = "") -> None:
        cut = f"{message[:_MAX_MESSAGE]} ..." if len(message) > _MAX_MESSAGE else message
        super().__init__(cut)


def near(word: str, known: Iterable[str]) -> str:
    """Returns the names nearest to a mistyped one, as " (did you mean age?)"; or nothing."""
    found = get_close_matches(word[:80].lower(), known, n=3, cutoff=0.65)
    return f" (did you mean {' or '.join(found)}?)" if found else ""
