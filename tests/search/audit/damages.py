"""Some forty ways in which a data folder goes wrong, done to a copy of the demo.

Each takes the folder, damages it and returns what the audit must name.
"""

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

NUM_PEOPLE, SIZE = 60, (96, 128)

Row = dict[str, str]


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


@damage("empty-file")
def an_empty_file(root: Path) -> str:
    return change(photo(root, 3), b"")


@damage("cut-short")
def a_photo_cut_in_half(root: Path) -> str:
    path = photo(root, jpegs(root)[0])
    return change(path, path.read_bytes()[: path.stat().st_size // 2])


@damage("cut-short")
def a_photo_cut_in_its_header(root: Path) -> str:
    path = photo(root, jpegs(root)[1])
    return change(path, path.read_bytes()[:40])


@damage("cut-short")
def a_png_cut_short(root: Path) -> str:
    path = photo(root, 5)
    image = Image.open(path).copy()
    png = path.with_suffix(".png")
    path.unlink()
    image.save(png)
    return change(png, png.read_bytes()[:-2000])


@damage("not-a-photo")
def a_web_page(root: Path) -> str:
    return change(photo(root, 6), b"<!DOCTYPE html><html><body>404 Not Found</body></html>")


@damage("not-a-photo")
def a_text_file(root: Path) -> str:
    return change(photo(root, 7), b"this is no photo at all\n" * 4)


@damage("not-a-photo")
def noise(root: Path) -> str:
    return change(photo(root, 8), np.random.default_rng(0).bytes(5000))


@damage("not-a-photo")
def a_pointer_of_git_lfs(root: Path) -> str:
    return change(photo(root, 9), b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


@damage("not-a-photo")
def a_heic_called_jpg(root: Path) -> str:
    return change(photo(root, 9), b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\0" * 99)


@damage("other-format")
def a_heic_beside_the_photos(root: Path) -> str:
    (root / "train" / "images" / "IMG_0001.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic")
    return "IMG_0001.HEIC"


@damage("refused")
def a_photo_missing(root: Path) -> str:
    photo(root, 10).unlink()
    return folder(root, 10).name


@damage("missing-photo")
def a_link_to_nothing(root: Path) -> str:
    path = photo(root, 10)
    path.unlink()
    path.symlink_to(root / "nowhere.jpg")
    return path.name


@damage("refused")
def a_photo_too_many(root: Path) -> str:
    with Image.open(photo(root, 11)) as image:
        image.rotate(40, fillcolor=(90, 120, 30)).save(folder(root, 11) / "mask6.jpg")
    return "mask6.jpg"


@damage("refused", "copy-unlabelled")
def two_files_of_one_stem(root: Path) -> str:
    shutil.copy(photo(root, 12), folder(root, 12) / "mask1.bmp")
    return "mask1"


@damage("refused")
def a_person_without_a_folder(root: Path) -> str:
    name = folder(root, 13).name
    shutil.rmtree(folder(root, 13))
    return name


@damage("not-listed")
def a_folder_without_a_person(root: Path) -> str:
    rows = people(root)
    write_people(root, rows[:14] + rows[15:])
    return rows[14]["path"]


@damage("blank")
def a_black_photo(root: Path) -> str:
    save(photo(root, 15), Image.new("RGB", SIZE))
    return photo(root, 15).name


@damage("grey-part")
def a_photo_that_ends_in_grey(root: Path) -> str:
    path = photo(root, 16)
    image = Image.open(path).copy()
    image.paste((128, 128, 128), (0, SIZE[1] // 2, *SIZE))
    save(path, image)
    return path.name


@damage("dark")
def a_photo_in_the_dark(root: Path) -> str:
    path = photo(root, 17)
    save(path, ImageEnhance.Brightness(Image.open(path).convert("RGB")).enhance(0.12))
    return path.name


@damage("bright")
def a_photo_overexposed(root: Path) -> str:
    path = photo(root, 17)
    image = Image.open(path).convert("RGB").point(lambda value: 225 + value * 30 // 255)
    save(path, image)
    return path.name


@damage("black-part")
def a_photo_cut_beyond_its_edge(root: Path) -> str:
    path = photo(root, 28)
    image = Image.open(path).convert("RGB")
    save(path, image.rotate(25))
    return path.name


@damage("blurred")
def a_photo_out_of_focus(root: Path) -> str:
    path = photo(root, 29)
    save(path, Image.open(path).convert("RGB").filter(ImageFilter.GaussianBlur(9)), quality=95)
    return path.name


@damage("sideways")
def a_photo_on_its_side(root: Path) -> str:
    path = photo(root, 18)
    save(path, Image.open(path).transpose(Image.Transpose.ROTATE_90))
    return path.name


@damage("other-size")
def a_thumbnail(root: Path) -> str:
    path = photo(root, 19)
    save(path, Image.open(path).resize((24, 32)))
    return path.name


@damage("other-channels")
def a_grey_photo(root: Path) -> str:
    path = photo(root, 20)
    save(path, Image.open(path).convert("L"))
    return path.name


@damage("other-channels")
def a_photo_for_print(root: Path) -> str:
    path = photo(root, jpegs(root)[5])
    save(path, Image.open(path).convert("CMYK"))
    return path.name


@damage("no-colours")
def a_photo_without_colours(root: Path) -> str:
    path = photo(root, 21)
    save(path, Image.open(path).convert("L").convert("RGB"))
    return path.name


@damage("copy-within-person")
def one_photo_twice(root: Path) -> str:
    first, second = photo(root, 22), photo(root, 22, "mask2")
    change(second, first.read_bytes())
    return second.name


@damage("copy-within-person", "copy-other-label")
def one_photo_with_two_labels(root: Path) -> str:
    first, second = photo(root, 22, "normal"), photo(root, 22, "incorrect_mask")
    change(second, first.read_bytes())
    return second.name


@damage("copy-between-people")
def one_photo_of_two_people(root: Path) -> str:
    one, other = _alike(root)
    change(photo(root, other), photo(root, one).read_bytes())
    return folder(root, other).name


@damage("copy-between-people")
def saved_again_and_smaller(root: Path) -> str:
    one, other = _alike(root)
    image = Image.open(photo(root, one)).convert("RGB").resize((72, 96)).resize(SIZE)
    save(photo(root, other), image, quality=60)
    return folder(root, other).name


@damage("copy-between-people")
def mirrored(root: Path) -> str:
    one, other = _alike(root)
    save(photo(root, other), ImageOps.mirror(Image.open(photo(root, one)).convert("RGB")))
    return folder(root, other).name


@damage("copy-between-people")
def lightened(root: Path) -> str:
    one, other = _alike(root)
    image = Image.open(photo(root, one)).convert("RGB")
    save(photo(root, other), ImageEnhance.Brightness(image).enhance(1.15))
    return folder(root, other).name


@damage("copy-between-people", "copy-other-label")
def one_photo_of_a_man_and_a_woman(root: Path) -> str:
    rows = people(root)
    one = next(n for n, row in enumerate(rows) if row["gender"] == "male")
    other = next(n for n, row in enumerate(rows) if row["gender"] == "female")
    change(photo(root, other), photo(root, one).read_bytes())
    return folder(root, other).name


@damage("copy-between-people", "person-twice")
def one_person_under_two_ids(root: Path) -> str:
    one, other = _alike(root)
    for stem in ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal"):
        image = Image.open(photo(root, one, stem)).convert("RGB")
        save(photo(root, other, stem), image, quality=70)
    return people(root)[other]["id"]


@damage("copy-labelled-unlabelled")
def a_photo_also_to_predict(root: Path) -> str:
    target = sorted((root / "eval" / "images").iterdir())[0]
    change(target, photo(root, 24).read_bytes())
    return target.name


@damage("contradiction", "other-number-of-photos")
def one_id_for_two_people(root: Path) -> str:
    rows = people(root)
    one, other = (next(n for n, row in enumerate(rows) if row["gender"] == g) for g in GENDERS)
    _rename(root, rows, other, rows[one]["id"])
    return rows[one]["id"]


GENDERS = ("male", "female")


@damage("other-name")
def a_gender_that_the_folder_denies(root: Path) -> str:
    rows = people(root)
    rows[25]["gender"] = GENDERS[rows[25]["gender"] == "male"]
    write_people(root, rows)
    return rows[25]["path"]


@damage("other-name")
def an_age_that_the_folder_denies(root: Path) -> str:
    rows = people(root)
    rows[26]["age"] = "44" if rows[26]["age"] != "44" else "45"
    write_people(root, rows)
    return rows[26]["path"]


@damage("odd-number")
def an_age_of_a_thousand(root: Path) -> str:
    rows = people(root)
    old = next(n for n, row in enumerate(rows) if row["age"] == "60")
    rows[old]["age"] = "1000"
    _rename(root, rows, old, rows[old]["id"])
    return rows[old]["id"]


@damage("odd-number")
def an_age_below_zero(root: Path) -> str:
    rows = people(root)
    young = next(n for n, row in enumerate(rows) if int(row["age"]) < 30)
    rows[young]["age"] = "-1"
    _rename(root, rows, young, rows[young]["id"])
    return rows[young]["id"]


@damage("refused")
def a_gender_misspelt(root: Path) -> str:
    rows = people(root)
    rows[27]["gender"] = "femal"
    write_people(root, rows)
    return "femal"


@damage("refused")
def an_age_left_out(root: Path) -> str:
    rows = people(root)
    rows[28]["age"] = ""
    write_people(root, rows)
    return "row 30"


@damage("refused")
def no_header(root: Path) -> str:
    path = root / "train" / "train.csv"
    change(path, path.read_bytes().partition(b"\n")[2])
    return "train.csv"


@damage("too-few-people-jointly")
def hardly_any_old_men(root: Path) -> str:
    rows = people(root)
    _keep(root, rows, [row for row in rows if _cell(row) != ("male", "60")][:60], rows)
    return "male >=60: 1"


@damage("no-people-jointly")
def no_old_men(root: Path) -> str:
    rows = people(root)
    _keep(root, rows, [row for row in rows if _cell(row) != ("male", "60")], [])
    return "male >=60"


@damage("alike-names")
def ids_that_differ_in_zeros(root: Path) -> str:
    rows = people(root)
    one, other = (next(n for n, row in enumerate(rows) if row["gender"] == g) for g in GENDERS)
    _rename(root, rows, other, rows[one]["id"].lstrip("0"))
    return rows[one]["id"]


def _cell(row: dict[str, str]) -> tuple[str, str]:
    return row["gender"], "60" if int(row["age"]) >= 60 else "other"


def _keep(root: Path, rows: list[Row], kept: list[Row], one_of: list[Row]) -> None:
    """Keeps some people, and one old man of others; removes the folders of the rest."""
    kept = kept + [row for row in one_of if _cell(row) == ("male", "60")][:1]
    for row in rows:
        if row not in kept:
            shutil.rmtree(root / "train" / "images" / row["path"])
    write_people(root, kept)


def _rename(root: Path, rows: list[dict[str, str]], person: int, name: str) -> None:
    """Gives a person another id and a folder that agrees with the row."""
    row = rows[person]
    path = f"{name}_{row['gender']}_{row['race']}_{row['age']}"
    images = root / "train" / "images"
    (images / row["path"]).rename(images / path)
    row |= {"id": name, "path": path}
    write_people(root, rows)


def _alike(root: Path) -> tuple[int, int]:
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
