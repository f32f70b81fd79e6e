"""Errors a user can cause; each states the rule, the value that came and the way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

MAX_MESSAGE = 1_900
"""Characters of an error: a value that came may be as long as the file it came from."""


def bounded(message: str) -> str:
    """Returns a message of at most `MAX_MESSAGE` characters: its start and its end."""
    left_out = len(message) - MAX_MESSAGE
    if left_out <= 0:
        return message
    note = f" ... ({left_out} characters left out) ... "
    end = MAX_MESSAGE // 4
    return message[: MAX_MESSAGE - end - len(note)] + note + message[-end:]


class TrainablesError(Exception):
    """Root of the errors raised deliberately by `trainables`."""

    def __init__(self, message: str = "") -> None:
        super().__init__(bounded(message))


class DataError(TrainablesError, ValueError):
    """The data set breaks a rule: an unreadable image, an unknown class, a duplicate path."""


class ConfigError(TrainablesError, ValueError):
    """A config has an unknown, missing or contradictory name or value."""


class WeightsError(TrainablesError, ValueError):
    """Pretrained weights cannot be found or do not fit the model."""


class NonFiniteLossError(TrainablesError, ArithmeticError):
    """The training loss or a prediction became NaN or infinite; the trial ends."""


class OutOfMemoryError(TrainablesError, MemoryError):
    """A training step does not fit in memory even at the smallest micro-batch."""


class CheckpointError(TrainablesError, ValueError):
    """A checkpoint is torn or belongs to another trial."""


def in_short(error: BaseException) -> str:
    """Returns an error of a library on one line of at most 300 characters, its type if empty."""
    return shorten(str(error) or type(error).__name__, width=300, placeholder=" ...")


@contextmanager
def reading_data(path: Path, wrong: str = "cannot be read") -> Iterator[None]:
    """Turns what is raised while a file of the data is read into a DataError that names it.

    Args:
        path: of the file, or of the folder of the data.
        wrong: what is the matter where something is raised.

    Raises:
        DataError: something was raised; a DataError passes as it is.
    """
    try:
        yield
    except TrainablesError:
        raise
    except Exception as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else in_short(error)
        raise DataError(f"{path} {wrong}: {said}; correct or replace it") from error
