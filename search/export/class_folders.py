"""Makes the class folders that timm's train.py reads, from the table beside this file.

    python class_folders.py SPACE.csv DATA FOLDER

links the photos of DATA (copies them where links cannot be made) into FOLDER/train/CLASS/ and
FOLDER/validation/CLASS/: the people of the search, as it divided them. Needs Python alone.
"""

import csv
import shutil
import sys
from pathlib import Path


def fill(table: Path, data: Path, folder: Path) -> int:
    """Returns how many photos were put into their folders.

    Args:
        table: CSV `path,part,class`.
        data: that the paths start from.
        folder: to make; what it holds stays.

    Raises:
        FileNotFoundError: a photo is missing.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        # Where a name was kept from being a formula, the file is called without the apostrophe.
        named = row["path"]
        source = data / named
        if not source.is_file() and named.startswith("'"):
            source = data / named[1:]
        source = source.resolve(strict=True)
        # The number tells photos of one name in different folders apart.
        place = folder / row["part"] / row["class"] / f"{number:06}_{source.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            continue
        try:
            place.symlink_to(source)
        except OSError:
            shutil.copyfile(source, place)
    return len(rows)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.stderr.write("usage: python class_folders.py SPACE.csv DATA FOLDER\n")
        sys.exit(2)
    count = fill(*map(Path, sys.argv[1:]))
    sys.stdout.write(f"{count} photos in {sys.argv[3]}\n")
