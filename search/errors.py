"""Errors a user of the command line can cause; the command ends with exit code 2."""

from trainables.errors import MAX_MESSAGE, bounded
from trainables.nearest import near

__all__ = [
    "MAX_MESSAGE",
    "BrokenDefaultError",
    "ResultsError",
    "SearchError",
    "UsageError",
    "bounded",
    "near",
]


class SearchError(Exception):
    """Root of the errors raised deliberately by `search`."""

    def __init__(self, message: str = "") -> None:
        super().__init__(bounded(message))


class UsageError(SearchError, ValueError):
    """An option has a value that cannot be used, alone or with the others."""


class ResultsError(SearchError, ValueError):
    """A results folder is missing, in use, or not what it should be."""


class BrokenDefaultError(SearchError, ValueError):
    """The default config of every space breaks in training, so nothing says what one takes."""


class StalledError(SearchError, RuntimeError):
    """The machines do not let the run go on now; nothing is lost, and it can be resumed."""
