"""Ways to damage a copy of the demo, by name; two modules beside this one list some fifty.

Each takes the folder, damages it and returns what the audit must name.
"""

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

NUM_PEOPLE, SIZE = 60, (96, 128)

Row = dict[str, str]
GENDERS = ("male", "female")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A way to damage a folder.

    Attributes:
        kinds: of the findings that must come of it, all of them and no other.
        do: damages the folder and returns what must be named.
    """

    kinds: frozenset[str]
    do: Callable[[Path], str]


DAMAGES: dict[str, Damage] = {}


def damage(*kinds: str) -> Callable[[Callable[[Path], str]], Callable[[Path], str]]:
    def keep(do: Callable[[Path], str]) -> Callable[[Path], str]:
        DAMAGES[do.__name__] = Damage(kinds=frozenset(kinds), do=do)
        return do

    return keep


def people(root: Path) -> list[dict[str, str]]:
    """Returns the rows of train.csv."""
    with (root / "train" / "train.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_people(root: Path, rows: list[dict[str, str]]) -> None:
    path = root / "train" / "train.csv"
    path.unlink()  # the copies share their files
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def folder(root: Path, person: int) -> Path:
    return root / "train" / "images" / people(root)[person]["path"]


def photo(root: Path, person: int, stem: str = "mask1") -> Path:
    (found,) = folder(root, person).glob(f"{stem}.*")
    return found


def change(path: Path, data: bytes) -> str:
    path.unlink()
    path.write_bytes(data)
    return path.name


def save(path: Path, image: Image.Image, **options: object) -> None:
    path.unlink(missing_ok=True)
    form = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}[path.suffix]
    image.save(path, form, **options)


def jpegs(root: Path) -> list[int]:
    """Returns the numbers of people whose photos are JPEG."""
    return [n for n in range(NUM_PEOPLE) if photo(root, n).suffix != ".png"]


def cell(row: dict[str, str]) -> tuple[str, str]:
    return row["gender"], "60" if int(row["age"]) >= 60 else "other"


def keep_people(root: Path, rows: list[Row], kept: list[Row], one_of: list[Row]) -> None:
    """Keeps some people, and one old man of others; removes the folders of the rest."""
    kept = kept + [row for row in one_of if cell(row) == ("male", "60")][:1]
    for row in rows:
        if row not in kept:
            shutil.rmtree(root / "train" / "images" / row["path"])
    write_people(root, kept)


def rename(root: Path, rows: list[dict[str, str]], person: int, name: str) -> None:
    """Gives a person another id and a folder that agrees with the row."""
    row = rows[person]
    path = f"{name}_{row['gender']}_{row['race']}_{row['age']}"
    images = root / "train" / "images"
    (images / row["path"]).rename(images / path)
    row |= {"id": name, "path": path}
    write_people(root, rows)


def alike(root: Path) -> tuple[int, int]:
    """Returns two people with JPEG photos, of one gender and one age band."""
    rows = people(root)
    known: dict[tuple[str, int], int] = {}
    for person in jpegs(root):
        key = (
            rows[person]["gender"],
            (int(rows[person]["age"]) >= 30) + (int(rows[person]["age"]) >= 60),
        )
        if key in known:
            return known[key], person
        known[key] = person
    raise AssertionError("the demo has no two such people")


def linked_copy(root: Path, target: Path) -> Path:
    """Returns a copy of a folder that shares its files, which no damage writes into."""
    shutil.copytree(root, target, copy_function=os.link)
    return target
