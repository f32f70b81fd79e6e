"""A run's folder leads nowhere else: what is written, replaced or deleted in it lies in it."""

import os
from pathlib import Path

from search.errors import ResultsError
from search.store.mirrored_files import JOURNAL

JOURNAL_LOCK = f"{JOURNAL}.lock"
"""How the names of Optuna's lock begin: it is renamed before it is deleted."""


def check_links(root: Path) -> None:
    """Raises ResultsError where a symbolic link below `root` leads out of it, or nowhere.

    The folder itself may be reached by a link: whoever makes that one chooses where runs lie. A
    folder that was copied from somebody else must not choose what a run of ours overwrites, cuts
    off or deletes. Optuna's lock of the journal is a link by its making, which is deleted only.
    """
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.parent == root and name.startswith(JOURNAL_LOCK):
                continue
            if path.is_symlink() and not _end(path).is_relative_to(inside):
                raise ResultsError(
                    f"no link in the folder of a run may lead out of it, got {path} -> "
                    f"{path.readlink()}; put what it leads to in its place"
                )


def _end(path: Path) -> Path:
    """Returns where a link leads; the root of the disk for one that leads in a circle."""
    try:
        return path.resolve()
    except RuntimeError:
        return Path("/")
