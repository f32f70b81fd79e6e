"""Labelled and unlabelled photos whose decoded images lie in one store."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from trainables.data.sample_table import SampleTable, UnlabelledTable


@dataclass(frozen=True, slots=True, kw_only=True)
class BothTables:
    """Labelled photos and then unlabelled ones, as one table of the image store."""

    labelled: SampleTable
    unlabelled: UnlabelledTable

    @property
    def root(self) -> Path:
        """Of all paths, which are absolute."""
        return Path("/")

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all N + M photos."""
        tables = (self.labelled, self.unlabelled)
        return tuple(str((t.root / path).absolute()) for t in tables for path in t.paths)

    @property
    def source_rows(self) -> tuple[str, ...]:
        """What each photo is called in messages."""
        return (*self.labelled.source_rows, *self.unlabelled.source_rows)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of both tables."""
        both = f"{self.labelled.fingerprint}+{self.unlabelled.fingerprint}"
        return hashlib.sha256(both.encode()).hexdigest()[:16]

    @property
    def max_pixels(self) -> int:
        """That a photo of either table may have at most."""
        return max(self.labelled.max_pixels, self.unlabelled.max_pixels)

    def check_files(self) -> None:
        """Raises DataError where a file of either table is missing."""
        self.labelled.check_files()
        self.unlabelled.check_files()
