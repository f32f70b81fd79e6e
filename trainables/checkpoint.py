"""Checkpoints of a running trial: written whole or not at all, read without unpickling code."""

import pickle
from pathlib import Path
from typing import Any

import torch

from trainables.data.bounded_files import check_plain
from trainables.drafts import written
from trainables.errors import CheckpointError

SCHEMA = 1
# A torn file can look like anything to torch's unpickler, which then stumbles over its own stack.
_UNREADABLE = (RuntimeError, EOFError, OSError, ValueError, LookupError, pickle.UnpicklingError)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` (tensors, numbers, strings, containers) so that `path` is old or whole.

    Raises:
        OSError: the system refuses it: the disk is full, or read-only, or fails.
    """
    whole = {"schema": SCHEMA, **state}
    with written(path) as draft:
        try:
            torch.save(whole, draft)
        except RuntimeError:
            # Of a full disk it knows nothing but "unexpected pos"; Python's file says what it is.
            _save_through_python(whole, draft)


def _save_through_python(whole: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(whole, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint on the CPU.

    Raises:
        CheckpointError: the file is torn or of another schema.
    """
    try:
        check_plain(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read: {error}; delete it to restart that trial"
        ) from error
    schema = state.get("schema") if isinstance(state, dict) else None
    if schema != SCHEMA:
        raise CheckpointError(f"checkpoint {path} must have schema {SCHEMA}, got {schema!r}")
    return dict(state)
