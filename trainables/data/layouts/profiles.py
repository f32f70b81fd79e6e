"""The mask-state competition's folders: one folder per person with seven photos, and train.csv."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from trainables.data.csv_rows import CsvRows, read_csv
from trainables.data.image_files import (
    is_folder,
    normal_path,
    resolved,
    several,
    visible_entries,
)
from trainables.data.manifest_config import SETTINGS_FILE
from trainables.data.person_names import person_names
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema
from trainables.errors import DataError

LOOKS_FOR = "train.csv (id,gender,age,path) and images/ with a folder of seven photos per person"
LABELLED = True

MASK = Attribute(name="mask", classes=("wear", "incorrect", "normal"))
GENDER = Attribute(name="gender", classes=("male", "female"))
AGE = Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30.0, 60.0))
SCHEMA = LabelSchema(name="profiles", attributes=(MASK, GENDER, AGE))

_COLUMNS = frozenset({"id", "gender", "age", "path"})
_HEADER_BYTES = 4096

STEMS = {
    "mask1": "wear",
    "mask2": "wear",
    "mask3": "wear",
    "mask4": "wear",
    "mask5": "wear",
    "incorrect_mask": "incorrect",
    "normal": "normal",
}
"""Mask class of each photo of a person by the stem of its file name."""

_logger = logging.getLogger(__name__)


def _words_of_header(path: Path) -> set[str]:
    """Returns the words of a table's first line, in whatever encoding they are of ASCII."""
    with path.open("rb") as file:
        header = file.readline(_HEADER_BYTES).replace(b"\0", b"")
    return set(re.findall(r"\w+", header.decode("ascii", errors="ignore").lower()))


def _base(root: Path) -> Path:
    """Returns the folder that holds train.csv: `root`, or `root/train` as in the competition."""
    return root if (root / "train.csv").is_file() else root / "train"


def detect(root: Path) -> bool:
    """Returns whether the competition's train.csv and images/ are in `root` or in `root/train`.

    Tables of other data are often called so, too: this one has these columns, but for one perhaps.
    """
    base = _base(root)
    is_there = (base / "train.csv").is_file() and (base / "images").is_dir()
    return is_there and len(_COLUMNS & _words_of_header(base / "train.csv")) >= len(_COLUMNS) - 1


def read(root: Path) -> SampleTable:
    """Returns the photos of all people of train.csv, seven a folder, grouped by the id.

    The group is the whole id string: a suffix ("001498-1") is another person, and two folders of
    one id are one person.

    Raises:
        DataError: train.csv or images/ is missing or malformed, a gender or age is not one, or
            folders do not hold exactly one image for each of the seven stems; names ten of them.
    """
    table, problems = read_whole(root)
    if table is None or problems:
        raise DataError(several(problems, "; "))
    return table


def read_whole(root: Path) -> tuple[SampleTable | None, tuple[str, ...]]:
    """Returns the people whose folder is whole, and what is wrong with those of the others.

    There is no table where nobody's is.

    Raises:
        DataError: train.csv is missing or malformed, or a gender or age is not one.
    """
    base = _base(root)
    rows = read_csv(base / "train.csv")
    ids, id_notes = person_names(rows, "id")
    genders = rows.codes("gender", GENDER.classes)
    ages = rows.numbers("age")
    folders, notes = resolved(
        base / "images",
        [normal_path(folder, rows.where(row)) for row, folder in enumerate(rows.filled("path"))],
    )
    _warn_of_unlisted(base / "images", folders)
    files, problems = {}, []
    for row, folder in enumerate(folders):
        try:
            files[row] = _photos(base, folder, rows, row)
        except DataError as error:
            problems.append(str(error))
    if not files:
        return None, tuple(problems)
    whole = list(files)
    masks = [MASK.classes.index(mask) for mask in STEMS.values()]
    per_person = len(STEMS)
    labels = np.column_stack(
        [
            np.tile(masks, len(whole)),
            np.repeat(genders[whole], per_person),
            np.repeat(AGE.encode_raw(ages[whole]), per_person),
        ]
    )
    table = SampleTable(
        schema=SCHEMA,
        root=base,
        paths=tuple(path for person in files.values() for path in person),
        groups=tuple(ids[row] for row in whole for _ in STEMS),
        labels=labels,
        raw={"age": np.repeat(ages[whole], per_person)},
        source_rows=tuple(rows.source_rows[row] for row in whole for _ in STEMS),
        notes=(*rows.notes, *id_notes, *notes, *_passed_over(dict.fromkeys((root, base)))),
    )
    return table, tuple(problems)


def _passed_over(folders: Iterable[Path]) -> Iterator[str]:
    """Yields that the settings of another layout are not used, where there are some."""
    for folder in folders:
        if (folder / SETTINGS_FILE).exists():
            yield (
                f"{folder / SETTINGS_FILE} is not used: it explains a manifest, and this folder "
                "is read by its train.csv (manifest: FILE in it names a manifest)"
            )


def _photos(base: Path, folder: str, rows: CsvRows, row: int) -> list[str]:
    """Returns the paths of a person's photos relative to `base`, in the order of `STEMS`."""
    where = f"{rows.where(row)}, folder {folder!r}"
    path = base / "images" / folder
    if not is_folder(path):
        raise DataError(f"{where}: there is no such folder in {base / 'images'}")
    by_stem: dict[str, str] = {}
    # By stem, never by full name: jpg, jpeg and png are mixed, in a few folders even in one.
    for entry in visible_entries(path):
        stem = entry.stem.lower()
        if stem not in STEMS:
            raise DataError(
                f"{where}: unknown file {entry.name!r}; a folder holds one image for each of "
                f"{', '.join(STEMS)} and nothing else: move it away"
            )
        if stem in by_stem:
            raise DataError(
                f"{where}: two files for {stem!r}, {by_stem[stem]!r} and {entry.name!r}; "
                "remove one"
            )
        by_stem[stem] = entry.name
    missing = [stem for stem in STEMS if stem not in by_stem]
    if missing:
        raise DataError(f"{where}: no image for {', '.join(missing)}")
    return [f"images/{folder}/{by_stem[stem]}" for stem in STEMS]


def _warn_of_unlisted(images: Path, folders: Iterable[str]) -> None:
    listed = set(folders)
    unlisted = [
        entry.name
        for entry in visible_entries(images)
        if entry.is_dir() and entry.name not in listed
    ]
    if unlisted:
        _logger.warning(
            "%d folders of %s are not in train.csv and are left out, the first is %r",
            len(unlisted),
            images,
            unlisted[0],
        )
