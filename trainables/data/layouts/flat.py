"""A folder of images without labels, as the competition's eval folder: what to predict."""

from __future__ import annotations

from os.path import lexists
from pathlib import Path

from trainables.data.csv_cells import original
from trainables.data.csv_rows import read_csv
from trainables.data.image_files import check_files, image_names, normal_path, resolved
from trainables.data.misnamed import check_named, misnamed
from trainables.data.sample_table import UnlabelledTable
from trainables.errors import DataError, reading_data

LOOKS_FOR = "info.csv (ImageID) with images/ or images beside it, or only a folder of images"
LABELLED = False


_INFO = "info.csv"


def _info(root: Path) -> Path | None:
    """Returns info.csv of `root`, or of `root/eval` as in the competition, or None."""
    found = [path for path in (root / _INFO, root / "eval" / _INFO) if lexists(path)]
    return found[0] if found else None


def _image_folder(root: Path) -> Path | None:
    """Returns the first usual folder that holds images, or None."""
    usual = (root / "images", root, root / "eval" / "images", root / "eval")
    return next((folder for folder in usual if image_names(folder)), None)


def detect(root: Path) -> bool:
    """Returns whether there is an info.csv, or an image in one of the usual folders."""
    return _info(root) is not None or _image_folder(root) is not None


def read(root: Path) -> UnlabelledTable:
    """Returns the images of info.csv in its order, or else all images of the folder by name.

    Raises:
        DataError: there is neither info.csv nor an image, info.csv is malformed, lists an image
            twice or is called a little otherwise, or a listed image is missing.
    """
    info = _info(root)
    if info is not None:
        with reading_data(info):
            return _read_listed(info)
    for place in (root, root / "eval"):
        check_named(place, _INFO, misnamed(place, _INFO))
    folder = _image_folder(root)
    if folder is None:
        raise DataError(f"{root} holds no images; a folder to predict needs {LOOKS_FOR}")
    found = image_names(folder)
    beside = len(image_names(folder.parent)) if folder.name == "images" and folder != root else 0
    note = f"the photos in {folder.name}/ alone; the {beside} beside it are left out"
    return UnlabelledTable(root=folder, paths=found, names=found, notes=(note,) if beside else ())


def _read_listed(info: Path) -> UnlabelledTable:
    rows = read_csv(info)
    folder = info.parent / "images" if (info.parent / "images").is_dir() else info.parent
    names = tuple(_name(cell, folder) for cell in rows.filled("ImageID"))
    first_row: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in first_row:
            raise DataError(
                f"each ImageID must be listed once: {name!r} is in {rows.where(first_row[name])} "
                f"and {rows.where(row)}"
            )
        first_row[name] = row
    wished = [normal_path(name, rows.where(row)) for row, name in enumerate(names)]
    paths, notes = resolved(folder, wished)
    check_files(folder, paths, rows.source_rows)
    return UnlabelledTable(root=folder, paths=paths, names=names, notes=(*rows.notes, *notes))


def _name(cell: str, folder: Path) -> str:
    """Returns the ImageID of a cell: info.csv may be an `ans.csv` of ours, which marks some."""
    name = original(cell)
    return cell if name == cell or (folder / cell).is_file() else name
