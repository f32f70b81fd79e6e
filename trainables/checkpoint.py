"""Checkpoints of a running trial: written whole or not at all, read without unpickling code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from trainables.errors import CheckpointError

SCHEMA = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` (tensors, numbers, strings, containers) so that `path` is old or whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save({"schema": SCHEMA, **state}, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint on the CPU.

    Raises:
        CheckpointError: the file is torn or of another schema.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read: {error}; delete it to restart that trial"
        ) from error
    if state.get("schema") != SCHEMA:
        raise CheckpointError(
            f"checkpoint {path} must have schema {SCHEMA}, got {state.get('schema')!r}"
        )
    return state
