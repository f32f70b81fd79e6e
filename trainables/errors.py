"""Errors a user can cause; each states the rule, the value that came and the way out."""

from textwrap import shorten


class TrainablesError(Exception):
    """Root of the errors raised deliberately by `trainables`."""


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
