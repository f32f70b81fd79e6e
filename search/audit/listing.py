"""Which photos lie in a data folder, which of them are labelled, and whose they are.

Notation: N photos, in the order of their paths.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from trainables.data import layouts
from trainables.data.image_files import IMAGE_SUFFIXES, check_unicode, is_hidden
from trainables.data.layouts import flat
from trainables.data.sample_table import SampleTable
from trainables.errors import DataError, reading_data

OTHER_PHOTOS = frozenset({".heic", ".heif", ".gif", ".tif", ".tiff", ".avif", ".jfif"})
"""Suffixes of photos that headrace does not read."""


@dataclass(frozen=True, slots=False, kw_only=True, eq=False)
class Listing:
    """What lies in a data folder.

    Attributes:
        root: the data folder; all paths start from it.
        table: what its labels say; None where they cannot be read.
        problems: what stands against a run, as the run would say it.
        paths: of all photos: those in the folder and those that are only listed, sorted.
        others: paths of photos in formats that are not read.
        unlabelled: those of `paths` that are to be predicted.
    """

    root: Path
    table: SampleTable | None
    problems: tuple[str, ...]
    paths: tuple[str, ...]
    others: tuple[str, ...]
    unlabelled: frozenset[str]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of the table of each listed photo, by its path."""
        if self.table is None:
            return {}
        return {self.path_of(row): row for row in range(self.table.num_samples)}

    def path_of(self, row: int) -> str:
        """Returns the path of a row of the table from the data folder."""
        return self._listed[row]

    @cached_property
    def _listed(self) -> tuple[str, ...]:
        if self.table is None:
            return ()
        return _from(self.root, self.table.root, self.table.paths)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Row of the table of each photo, int64 [N]; -1 where nothing lists it."""
        return np.array([self.row_of.get(path, -1) for path in self.paths], dtype=np.int64)

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Place of each photo in `paths`."""
        return {path: place for place, path in enumerate(self.paths)}

    @property
    def max_pixels(self) -> int | None:
        """That a photo may have at most, where the data says so."""
        return None if self.table is None else self.table.max_pixels


def _from(root: Path, folder: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Returns paths that start from a folder below `root` as they start from `root`."""
    inner = PurePosixPath(folder.relative_to(root).as_posix())
    return tuple((inner / path).as_posix() for path in paths)


def list_folder(root: Path, layout: str | None = None, corrections: Sequence[str] = ()) -> Listing:
    """Returns what lies in a data folder; whatever is wrong with its labels is in the listing.

    Args:
        root: the data folder.
        layout: one of the layouts' names, or None to find it out.
        corrections: files, or names of known sets; if none, `corrections.csv` beside the data.
    """
    table, problems = layouts.look(root, layout, corrections)
    photos, others = _photos_below(root)
    unlabelled = frozenset(_unlabelled(root, table))
    listed = () if table is None else _from(root, table.root, table.paths)
    return Listing(
        root=root,
        table=table,
        problems=problems,
        paths=tuple(sorted({*photos, *listed, *unlabelled})),
        others=tuple(sorted(set(others).difference(listed))),
        unlabelled=unlabelled - set(listed),
    )


def _photos_below(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the photos below a folder, and those in formats that are not read."""
    photos: list[str] = []
    others: list[str] = []
    for folder, folders, names in os.walk(root):
        # A Mac's "._name", ".git" and the small copies in a Synology's "@eaDir" are no data.
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in names:
            suffix = PurePosixPath(name).suffix.lower()
            if is_hidden(name) or suffix not in IMAGE_SUFFIXES | OTHER_PHOTOS:
                continue
            path = (Path(folder) / name).relative_to(root).as_posix()
            (photos if suffix in IMAGE_SUFFIXES else others).append(path)
    check_unicode((*photos, *others))
    return tuple(photos), tuple(others)


def _unlabelled(root: Path, table: SampleTable | None) -> tuple[str, ...]:
    """Returns the photos of the competition's test folder beside those with labels."""
    folder = root / "eval"
    if table is not None and table.root == root and not folder.is_dir():
        return ()
    try:
        with reading_data(folder):
            found = flat.read(folder) if folder.is_dir() else None
    except DataError:
        return ()  # what is wrong with it is said of its photos one by one
    return () if found is None else _from(root, found.root, found.paths)
