"""Photos that are there twice, and labels that contradict something."""

from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from tests.search.audit.damages import (
    GENDERS,
    SIZE,
    alike,
    cell,
    change,
    damage,
    folder,
    keep_people,
    people,
    photo,
    rename,
    save,
    write_people,
)


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
    one, other = alike(root)
    change(photo(root, other), photo(root, one).read_bytes())
    return folder(root, other).name


@damage("copy-between-people", "blurred")
def saved_again_and_smaller(root: Path) -> str:
    one, other = alike(root)
    image = Image.open(photo(root, one)).convert("RGB").resize((72, 96)).resize(SIZE)
    save(photo(root, other), image, quality=60)
    return folder(root, other).name


@damage("copy-between-people")
def mirrored(root: Path) -> str:
    one, other = alike(root)
    save(photo(root, other), ImageOps.mirror(Image.open(photo(root, one)).convert("RGB")))
    return folder(root, other).name


@damage("copy-between-people")
def lightened(root: Path) -> str:
    one, other = alike(root)
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
    one, other = alike(root)
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
    rename(root, rows, other, rows[one]["id"])
    return rows[one]["id"]


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
    rename(root, rows, old, rows[old]["id"])
    return rows[old]["id"]


@damage("odd-number")
def an_age_below_zero(root: Path) -> str:
    rows = people(root)
    young = next(n for n, row in enumerate(rows) if int(row["age"]) < 30)
    rows[young]["age"] = "-1"
    rename(root, rows, young, rows[young]["id"])
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
    keep_people(root, rows, [row for row in rows if cell(row) != ("male", "60")][:60], rows)
    return "male >=60: 1"


@damage("no-people-jointly")
def no_old_men(root: Path) -> str:
    rows = people(root)
    keep_people(root, rows, [row for row in rows if cell(row) != ("male", "60")], [])
    return "male >=60"


@damage("alike-names", "read-otherwise")
def ids_that_differ_in_zeros(root: Path) -> str:
    rows = people(root)
    one, other = (next(n for n, row in enumerate(rows) if row["gender"] == g) for g in GENDERS)
    rename(root, rows, other, rows[one]["id"].lstrip("0"))
    return rows[one]["id"]
