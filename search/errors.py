"""Errors a user of the command line can cause; the command ends with exit code 2."""


class SearchError(Exception):
    """Root of the errors raised deliberately by `search`."""


class UsageError(SearchError, ValueError):
    """An option has a value that cannot be used, alone or with the others."""


class ResultsError(SearchError, ValueError):
    """A results folder is missing, in use, or not what it should be."""


MAX_MESSAGE = 4_000
"""Characters of an error that are shown or kept: some libraries put the whole input into it."""


def bounded(message: str) -> str:
    """Returns a message of at most `MAX_MESSAGE` characters: its start and its end."""
    left_out = len(message) - MAX_MESSAGE
    if left_out <= 0:
        return message
    note = f" ... ({left_out} characters left out) ... "
    end = MAX_MESSAGE // 4
    return message[: MAX_MESSAGE - end - len(note)] + note + message[-end:]
