"""The worked examples of docs/data.md, each on a tiny made copy of its data set's layout."""

import re
from pathlib import Path

import pytest

from tests.trainables.data.folders import write_image
from trainables.data import layouts

DOCS = Path(__file__).parents[3] / "docs" / "data.md"
EXAMPLES = dict(
    re.findall(
        r"<!-- example: (.*?) -->\n```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL
    )
)
BANDS = (
    *("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69"),
    "more than 70",
)


def _write(root: Path, name: str, lines: list[str]) -> Path:
    root.mkdir(exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def fairface(root: Path) -> Path:
    """`file,age,gender,race,service_test`, photos in train/."""
    lines = ["file,age,gender,race,service_test"]
    for number in range(27):
        write_image(root / f"train/{number + 1}.jpg")
        gender = ("Male", "Female")[number % 2]
        lines.append(f"train/{number + 1}.jpg,{BANDS[number % 9]},{gender},Black,{number > 9}")
    return _write(root, "fairface_label_train.csv", lines)


def celeba_rows(root: Path, separator: str) -> tuple[list[str], list[str]]:
    """Names of 40 attributes, and a row of -1 and 1 for each photo in img_align_celeba/."""
    names = ["Male", "Smiling", "Young", *(f"Attribute_{number}" for number in range(37))]
    rows = []
    for number in range(12):
        photo = f"{number + 1:06}.jpg"
        write_image(root / "img_align_celeba" / photo)
        values = ["1" if (number >> place) % 2 else "-1" for place in range(40)]
        rows.append(separator.join([photo, *values]))
    return names, rows


def celeba(root: Path) -> Path:
    names, rows = celeba_rows(root, ",")
    return _write(root, "list_attr_celeba.csv", [",".join(["image_id", *names]), *rows])


def utkface(root: Path) -> Path:
    """Names such as 26_0_2_20170104023102422.jpg.chip.jpg, in two folders."""
    for number, age in enumerate((1, 26, 30, 45, 60, 99)):
        part = f"part{number % 2}"
        name = f"{age}_{number % 2}_{number % 5}_2017010402310242{number}.jpg.chip.jpg"
        write_image(root / part / name)
    return root


def a_photo_a_person(root: Path) -> Path:
    """A manifest without a group."""
    for number in range(6):
        write_image(root / f"{number}.jpg")
    rows = [f"{number}.jpg,{('worn', 'none')[number % 2]}" for number in range(6)]
    return _write(root, "manifest.csv", ["path,mask", *rows])


MAKERS = {
    "fairface": fairface,
    "fairface in three classes": fairface,
    "celeba": celeba,
    "utkface": utkface,
    "a photo a person": a_photo_a_person,
}


@pytest.fixture
def load(tmp_path):
    """Reads the data of an example with the dataset.yaml that docs/data.md gives it."""

    def read(name: str):
        root = MAKERS[name](tmp_path / "data")
        (root / "dataset.yaml").write_text(EXAMPLES[name], encoding="utf-8")
        return layouts.load(root)

    return read


def test_every_example_has_its_test():
    assert set(EXAMPLES) == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_every_example_is_read_a_photo_a_person(load, name):
    table = load(name)
    assert table.num_groups == table.num_samples
    assert "every photo is a person of its own (group and path are one column)" in table.notes


def test_the_bands_of_fairface_are_in_order_and_that_is_said(load):
    table = load("fairface")
    assert table.schema.names == ("age", "gender")
    assert table.schema["age"].classes == BANDS
    assert table.schema["age"].ordered
    assert f"age: bands of a number, in their order: {', '.join(BANDS)}" in table.notes


def test_the_bands_of_fairface_make_three_classes(load):
    table = load("fairface in three classes")
    age = table.schema["age"]
    assert (age.classes, age.ordered) == (("<30", "30-59", ">=60"), True)
    column = table.schema.names.index("age")
    assert table.labels[:9, column].tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]


def test_celeba_has_its_named_attributes(load):
    table = load("celeba")
    assert table.schema.names == ("Male", "Smiling", "Young")
    assert table.schema["Male"].classes == ("no", "yes")
    assert table.labels[:4].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
    assert table.paths[0] == "img_align_celeba/000001.jpg"


def test_the_original_list_of_celeba_is_read_as_the_table_is(load, tmp_path):
    table = load("celeba")
    root = tmp_path / "original"
    names, rows = celeba_rows(root, "  ")
    _write(root, "list_attr_celeba.txt", [str(len(rows)), " ".join(names), *rows])
    text = EXAMPLES["celeba"].replace(".csv", ".txt").replace("image_id", "path")
    (root / "dataset.yaml").write_text(text, encoding="utf-8")
    assert layouts.load(root).labels.tolist() == table.labels.tolist()


def test_the_names_of_utkface_give_ages_and_genders(load):
    table = load("utkface")
    assert table.schema.names == ("age", "gender")
    assert sorted(table.raw["age"].tolist()) == [1, 26, 30, 45, 60, 99]
    by_age = dict(zip(table.raw["age"].tolist(), table.labels.tolist(), strict=True))
    assert by_age[26] == [0, 1]
    assert by_age[60] == [2, 0]
    assert table.paths[0].startswith("part0/")
