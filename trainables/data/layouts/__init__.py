"""The folder layouts that data may come in: one module per layout, found by its file name.

A layout module has
    LOOKS_FOR: str             one line, what the folder must hold
    LABELLED: bool             whether it reads a SampleTable or an UnlabelledTable
    detect(root) -> bool       whether the folder looks like this layout; never raises
    read(root) -> table        SampleTable or UnlabelledTable; DataError if the data breaks a rule
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from os.path import lexists
from pathlib import Path
from types import ModuleType

from trainables.data.corrections import CORRECTIONS_FILE, corrected, read_corrections
from trainables.data.image_decoding import broken_rows, unreadable
from trainables.data.image_files import missing_rows, several, visible_entries
from trainables.data.manifest_config import SETTINGS_FILE, to_ignore
from trainables.data.misnamed import WORKBOOKS, check_named, misnamed
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN
from trainables.errors import DataError, reading_data
from trainables.given_paths import no_folder
from trainables.nearest import near

_TABLES = frozenset({".csv", ".tsv", ".txt", *WORKBOOKS})
_OF_LAYOUTS = frozenset({"info.csv", CORRECTIONS_FILE})
LOOKING_SECONDS = 20.0
"""For which photos are looked at before the run ends over a missing one."""


def names() -> tuple[str, ...]:
    """Returns the names of all layouts, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def _check_folder(root: Path) -> None:
    if why := no_folder(root):
        raise DataError(f"data must be a folder, got {root}: {why}")


def _check_layout(root: Path, layout: str) -> None:
    """Raises DataError where a folder is plainly of another layout with labels."""
    _check_folder(root)
    others = [name for name in names() if _module(name).LABELLED and _module(name).detect(root)]
    if others and layout not in others and _module(layout).LABELLED:
        raise DataError(
            f"the folder {root} is of the layout {' and '.join(others)}, and not {layout} "
            f"({_module(layout).LOOKS_FOR}); leave the layout out"
        )


def detect(root: Path) -> str:
    """Returns the name of the layout of a folder; one with labels goes before one without.

    The competition's folder holds both: people with labels and a test folder without.

    Raises:
        DataError: `root` is not a folder, no layout fits, or several fit equally well.
    """
    _check_folder(root)
    found = [name for name in names() if _module(name).detect(root)]
    labelled = [name for name in found if _module(name).LABELLED]
    best = labelled or found
    if not best:
        known = "; ".join(f"{name}: {_module(name).LOOKS_FOR}" for name in names())
        raise DataError(f"no layout fits the folder {root}{_hint(root)}; known layouts: {known}")
    if len(best) > 1 and _module("manifest").is_named(root):
        return "manifest"
    if len(best) > 1:
        raise DataError(
            f"several layouts fit the folder {root}: {', '.join(best)}; say which one (--layout "
            f"{best[0]}), or in its {SETTINGS_FILE} (manifest: FILE)"
        )
    return best[0]


def _unlabelled(root: Path, layout: str) -> DataError:
    """Returns the error of a folder without labels."""
    labelled = "; ".join(
        f"{name}: {_module(name).LOOKS_FOR}" for name in names() if _module(name).LABELLED
    )
    return DataError(
        f"the folder {root} (layout {layout!r}) has no labels{_hint(root)}, so nothing can be "
        f"trained on it; give one with labels ({labelled})"
    )


def _hint(root: Path) -> str:
    """Returns where the labels may be instead: in a folder below, or in a file of another kind."""
    if settings := misnamed(root, SETTINGS_FILE):
        return f" (there is {several(settings)}: its name must be {SETTINGS_FILE})"
    entries = list(visible_entries(root))
    labelled = [_module(name) for name in names() if _module(name).LABELLED]
    for folder in (entry for entry in entries if entry.is_dir()):
        if any(module.detect(folder) for module in labelled):
            return f" (the folder {folder.name!r} in it has labels: give {folder})"
    tables = [
        each.name
        for each in entries
        if each.suffix.lower() in _TABLES and each.name not in _OF_LAYOUTS
    ]
    if not tables:
        return ""
    if Path(tables[0]).suffix.lower() in WORKBOOKS:
        return f' (there is {several(tables)}: save its table as "CSV UTF-8", called manifest.csv)'
    return f" (there is {several(tables)}: name it in dataset.yaml, manifest: {tables[0]})"


def load(
    root: Path,
    layout: str | None = None,
    corrections: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    *,
    is_added: bool = False,
) -> SampleTable:
    """Reads a labelled data set, corrects its labels and checks that all its images exist.

    Args:
        root: the data folder.
        layout: one of `names()`, or None to find it out.
        corrections: files, or names of known sets; if none, `corrections.csv` beside the data.
        progress: called with (images done, N) while images are looked at because one is missing.
        is_added: whether it is added to other data, and may have one class of an attribute.

    Raises:
        DataError: the layout is unknown, cannot be found out or has no labels, or the data or a
            correction breaks a rule.
    """
    if layout is None:
        layout = detect(root)
    elif layout not in names():
        raise DataError(
            f"unknown layout {layout!r}{near(layout, names())}; available: {', '.join(names())}"
        )
    else:
        _check_layout(root, layout)
    module = _module(layout)
    with reading_data(root):
        table = module.read(root) if module.LABELLED else None
    if not isinstance(table, SampleTable):
        raise _unlabelled(root, layout)
    _check_images(table, progress)
    table = _corrected(table, (root, table.root), corrections)
    if not is_added:
        _check_labels(table)
    return table.arranged()


def look(
    root: Path, layout: str | None = None, corrections: Sequence[str] = ()
) -> tuple[SampleTable | None, tuple[str, ...]]:
    """Returns what can be read of a labelled data set, and what stands against a run on it.

    The table may list images that are missing or broken. There is none where the labels cannot be
    read at all.

    Args:
        root: the data folder.
        layout: one of `names()`, or None to find it out.
        corrections: files, or names of known sets; if none, `corrections.csv` beside the data.
    """
    problems: tuple[str, ...] = ()
    table: SampleTable | None = None
    try:
        if layout is not None:
            _check_layout(root, layout)
        found = layout or detect(root)
        module = _module(found)
        read = getattr(module, "read_whole", None)
        with reading_data(root):
            if read is not None:
                table, problems = read(root)
            elif module.LABELLED:
                table = module.read(root)
            else:
                raise _unlabelled(root, found)
        if table is not None:
            table = _corrected(table, (root, table.root), corrections).arranged()
            _check_labels(table)
    except DataError as error:
        problems = (*problems, str(error))
    return table, problems


def _corrected(
    table: SampleTable, places: Sequence[Path], corrections: Sequence[str]
) -> SampleTable:
    """Returns the table with the corrections that are named, else those of the first place.

    Raises:
        DataError: none are named, and a place has some under another name alone; or as
            `read_corrections` and `corrected`.
    """
    beside = [place / CORRECTIONS_FILE for place in places if lexists(place / CORRECTIONS_FILE)]
    for place in dict.fromkeys(places):
        others = misnamed(place, CORRECTIONS_FILE, WORKBOOKS)
        if not corrections:
            check_named(place, CORRECTIONS_FILE, others)
        beside += [place / name for name in others]
    there = list(dict.fromkeys(path.resolve() for path in beside))
    used = [Path(source).resolve() for source in corrections] or there[:1]
    idle = [str(path) for path in there if path not in used]
    if idle:
        why = "others are named" if corrections else f"{used[0]} goes before"
        note = f"{' and '.join(idle)} beside the data is not applied: {why}"
        table = replace(table, notes=(*table.notes, note))
    sources = corrections or [str(path) for path in used]
    found = [each for source in sources for each in read_corrections(source)]
    return corrected(table, found) if found else table


def _check_labels(table: SampleTable) -> None:
    """Raises DataError where an attribute has one label alone, listed, cut or corrected so."""
    for attribute, column in zip(table.schema.attributes, table.labels.T, strict=True):
        known = column[column != UNKNOWN]
        if (known == known[:1]).all():
            wheres = (table.source_rows[0], *(each.where for each in table.corrections))
            files = dict.fromkeys(where.rpartition(" row ")[0] for where in wheres)
            one = f"{attribute.classes[known[0]]!r} for all {len(known)}" if len(known) else "none"
            raise DataError(
                f"{' and '.join(filter(None, files)) or 'names of photos'}: attribute "
                f"{attribute.name!r} needs photos of two classes, got {one} under "
                f"{table.root}; leave it out ({to_ignore([attribute.name])} beside a manifest)"
            )


def _check_images(table: SampleTable, progress: Callable[[int, int], None] | None) -> None:
    """Raises DataError where images are missing; it names those that cannot be read, too."""
    try:
        table.check_files()
    except DataError as error:
        missing = missing_rows(table.root, table.paths)
        if 2 * len(missing) > table.num_samples:
            raise  # the folder is another one, or the paths are wrong
        broken, looked_at = broken_rows(table, missing, LOOKING_SECONDS, progress)
        if not broken:
            raise
        cut = "" if looked_at == table.num_samples else f" (of the first {looked_at} looked at)"
        raise DataError(f"{error}; besides{cut}, {unreadable(table, broken)}") from error
