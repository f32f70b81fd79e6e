"""Tiny data folders and tables for the tests of the data layer."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data.layouts.profiles import STEMS
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema

MASK_SCHEMA = LabelSchema(
    name="tiny",
    attributes=(
        Attribute(name="mask", classes=("wear", "incorrect", "normal")),
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30, 60)),
    ),
)

COLOUR_SCHEMA = LabelSchema(
    name="colours", attributes=(Attribute(name="colour", classes=("red", "green", "blue")),)
)


def write_image(
    path: Path,
    *,
    size: tuple[int, int] = (12, 16),
    colour: tuple[int, int, int] = (200, 100, 50),
    **options: object,
) -> Path:
    """Writes one image of a plain colour; `size` is (width, height) as Pillow has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}[suffix]
    Image.new("RGB", size, colour).save(path, format=kind, **options)
    return path


def write_profiles(
    root: Path, people: Iterable[tuple[str, str, str]], *, suffix: str = ".jpg"
) -> Path:
    """Writes train.csv and images/ for people given as (id, gender, age)."""
    lines = ["id,gender,race,age,path"]
    for number, gender, age in people:
        folder = f"{number}_{gender}_Asian_{age}"
        lines.append(f"{number},{gender},Asian,{age},{folder}")
        for stem in STEMS:
            write_image(root / "images" / folder / f"{stem}{suffix}")
    (root / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def write_manifest(root: Path, lines: Sequence[str], yaml: str | None = None) -> Path:
    """Writes manifest.csv, and dataset.yaml if given; the images are not written."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if yaml is not None:
        (root / "dataset.yaml").write_text(yaml, encoding="utf-8")
    return root


def write_flat(root: Path, names: Sequence[str], *, info: bool = True) -> Path:
    """Writes images/ and, if wanted, an info.csv that lists them in the given order."""
    for name in names:
        write_image(root / "images" / name)
    if info:
        lines = ["ImageID,ans", *(f"{name},0" for name in names)]
        (root / "info.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def colour_table(
    root: Path, groups: Sequence[str], colours: Sequence[int] | None = None
) -> SampleTable:
    """Returns a table with one attribute; no image is written."""
    codes = np.zeros(len(groups), dtype=np.int64) if colours is None else np.array(colours)
    return SampleTable(
        schema=COLOUR_SCHEMA,
        root=root,
        paths=tuple(f"{row:04}.png" for row in range(len(groups))),
        groups=tuple(groups),
        labels=codes[:, np.newaxis],
        raw={},
        source_rows=tuple(f"made up row {row}" for row in range(len(groups))),
    )
