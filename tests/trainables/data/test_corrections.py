"""Corrections give labels, fingerprint and summary; what is not clear is refused with its line."""

from pathlib import Path

import pytest

from tests.trainables.data.folders import write_image, write_manifest, write_profiles
from trainables.data import layouts
from trainables.data.corrections import corrected, read_corrections, summary
from trainables.data.known_corrections import KNOWN
from trainables.errors import DataError

ROWS = (
    "path,group,gender,age",
    "a/1.jpg,p,male,25",
    "a/2.jpg,p,male,25",
    "b/1.jpg,q,female,40",
    "c/1.jpg,r,male,61",
)
YAML = "attributes: {gender: {classes: [male, female]}, age: {bins: [30, 60]}}"
HEADER = "group_or_path,attribute,label,reason"


@pytest.fixture
def root(tmp_path):
    """A data set of four photos."""
    for row in ROWS[1:]:
        write_image(tmp_path / row.partition(",")[0])
    return write_manifest(tmp_path, ROWS, YAML)


def write(root: Path, *lines: str, name: str = "corrections.csv") -> str:
    path = root / name
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return str(path)


def test_a_group_a_path_and_a_photo_of_a_group_are_corrected(root):
    before = layouts.load(root)
    write(root, "p,gender,female,seen", "b/1.jpg,gender,male,", "r/1,age,59,told")
    table = layouts.load(root)
    assert table.labels[:, 0].tolist() == [1, 1, 0, 0]
    assert table.labels[:, 1].tolist() == [0, 0, 1, 1]
    assert table.raw["age"].tolist() == [25, 25, 40, 59]
    assert table.fingerprint != before.fingerprint
    assert before.corrections == ()
    assert [each.num_changed for each in table.corrections] == [2, 1, 1]
    assert table.corrections[0].reason == "seen"
    (said,) = summary(table.corrections)
    path = root / "corrections.csv"
    assert said == f"3 corrections of {path}: gender of 3 photos, age of 1 photos changed"


def test_what_is_so_already_changes_nothing_and_is_counted(root):
    before = layouts.load(root)
    write(root, "p,gender,male,seen")
    table = layouts.load(root)
    assert table.fingerprint == before.fingerprint
    assert next(summary(table.corrections)) == (
        f"1 corrections of {root / 'corrections.csv'}: nothing changed; 1 rows change nothing, "
        "the labels are so already"
    )


def test_a_named_file_goes_before_the_one_beside_the_data_and_that_is_said(root):
    write(root, "p,gender,female,")
    mine = write(root, "q,age,70,", name="mine.csv")
    table = layouts.load(root, None, (mine,))
    assert table.labels[:, 0].tolist() == [0, 0, 1, 0]
    beside = root / "corrections.csv"
    assert table.notes == (f"{beside} beside the data is not applied: others are named",)
    both = layouts.load(root, None, (mine, str(root / "corrections.csv")))
    assert both.labels[:, 0].tolist() == [1, 1, 1, 0]
    assert both.notes == ()


@pytest.mark.parametrize(
    "name",
    [
        *("Corrections.csv", "corrections.CSV", "corrections.csv.txt", "correction.csv"),
        *("corrections.tsv", "corrections.xlsx"),
    ],
)
def test_a_file_called_nearly_so_is_not_passed_over(root, name):
    near = write(root, "p,gender,female,", name=name)
    with pytest.raises(DataError, match=rf"called corrections.csv to be read, got {name}; rename"):
        layouts.load(root)
    mine = write(root, "q,age,70,", name="mine.csv")
    note = f"{near} beside the data is not applied: "
    assert layouts.load(root, None, (mine,)).notes == (f"{note}others are named",)
    right = write(root, "q,age,70,")
    assert layouts.load(root).notes == (f"{note}{right} goes before",)


def test_a_link_to_no_corrections_is_not_passed_over(root):
    (root / "corrections.csv").symlink_to(root / "gone.csv")
    with pytest.raises(DataError, match=r"corrections must be a CSV file .*no 'gone.csv'"):
        layouts.load(root)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,gender,male,"], "corrections.csv row 2: 'x' is no group and no path of this data"),
        (["P,gender,male,"], r"'P' is no group .* \(did you mean p\?\); correct it"),
        (["a/01.jpg,gender,male,"], r"'a/01.jpg' is no .* \(did you mean a/1.jpg\?\); "),
        (["a/1.jgp,gender,male,"], r"'a/1.jgp' is no .* \(did you mean a/1.jpg"),
        (["p,gendre,male,"], r"unknown attribute 'gendre' \(did you mean gender\?\); available"),
        (["p,gender,mael,"], r"unknown gender 'mael' \(did you mean male\?\); available"),
        (["p,mood,glad,"], "row 2: unknown attribute 'mood'; available: gender, age"),
        (["p,gender,other,"], "row 2: unknown gender 'other'; available: male, female"),
        (["p,age,>=60,"], "row 2: age is a number in this data, .* got '>=60'"),
        (["p,age,nan,"], "row 2: age is a number in this data, .* got 'nan'"),
        (["p,gender,,"], "row 2: column 'label' is empty"),
        (["p,gender,male,", "a/1.jpg,gender,female,"], "row 3: .*row 2 has 'male' for 'a/1.jpg'"),
        (["p,age,30,", "p,age,31,"], "row 3: 'p' is to be '31', and .* row 2 has '30'"),
        (["p/3,gender,male,"], "row 2: 'p/3' is no group and no path"),
        (["p,gender"], "row 2: 4 cells are needed"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_line(root, lines, message):
    write(root, *lines)
    with pytest.raises(DataError, match=message):
        layouts.load(root)


def test_a_person_whose_zeros_a_spreadsheet_removed_is_asked_for(tmp_path):
    write_profiles(tmp_path, [("000001", "male", "45"), ("000010", "female", "61")])
    write(tmp_path, "1,gender,female,")
    with pytest.raises(DataError, match=r"row 2: '1' is no .* \(did you mean 000001\?\); correct"):
        layouts.load(tmp_path)


def test_the_same_correction_twice_is_no_contradiction(root):
    write(root, "p,gender,female,", "a/1.jpg,gender,female,")
    assert layouts.load(root).labels[:, 0].tolist() == [1, 1, 1, 0]


def test_a_name_that_is_a_path_and_a_group_of_other_photos_is_refused(tmp_path):
    for name in ("p", "1.jpg", "2.jpg"):
        write_image(tmp_path / f"{name.removesuffix('.jpg')}.jpg")
    rows = ("path,group,x", "1.jpg,2.jpg,a", "2.jpg,q,b")
    write(write_manifest(tmp_path, rows), "2.jpg,x,b,")
    with pytest.raises(DataError, match=r"row 2: '2\.jpg' is a path and also a group"):
        layouts.load(tmp_path)


def test_other_columns_are_refused(root):
    (root / "corrections.csv").write_text("group,attribute,label\np,gender,male\n")
    with pytest.raises(DataError, match="needs the columns group_or_path, attribute, label, reas"):
        layouts.load(root)


def test_a_source_that_is_neither_file_nor_known_set_is_refused():
    with pytest.raises(DataError, match=r"known sets \(competition\), got nothing.csv"):
        read_corrections("nothing.csv")


def test_the_known_errors_of_the_competition_are_corrected_where_they_are_named(tmp_path):
    females = {f"00{number}" for number in range(6359, 6365)}
    ids = dict.fromkeys(key.partition("/")[0] for key, *_ in KNOWN["competition"])
    people = [(each, "female" if each in females else "male", "25") for each in ids]
    write_profiles(tmp_path, [*people, ("000001", "male", "45")])
    plain = layouts.load(tmp_path)
    table = layouts.load(tmp_path, None, ("competition",))
    changed = (plain.labels != table.labels).sum(axis=0)
    assert changed.tolist() == [3 * 2, 8 * 7, 0]
    swapped = [row for row, group in enumerate(table.groups) if group == "000020"]
    masks = {Path(table.paths[row]).stem: table.labels[row, 0] for row in swapped}
    assert (masks["incorrect_mask"], masks["normal"], masks["mask1"]) == (2, 1, 0)
    genders = {g: table.labels[row, 1] for row, g in enumerate(table.groups)}
    assert (genders["001498-1"], genders["006359"], genders["000001"]) == (1, 0, 0)


def test_a_known_set_on_data_without_these_people_is_refused(tmp_path):
    write_profiles(tmp_path, [("000001", "male", "45")])
    with pytest.raises(DataError, match=r"competition row 1: '000020/incor.*into a file"):
        layouts.load(tmp_path, None, ("competition",))


def test_no_correction_leaves_the_table_as_it_is(root):
    table = layouts.load(root)
    assert corrected(table, ()).fingerprint == table.fingerprint


def test_corrections_lie_beside_the_data_or_beside_its_table(tmp_path):
    people = [("000001", "male", "45"), ("000002", "male", "15"), ("000003", "female", "15")]
    write_profiles(tmp_path / "train", people)
    write(tmp_path / "train", "000001,gender,female,")
    assert layouts.load(tmp_path).labels[::7, 1].tolist() == [1, 0, 1]
    write(tmp_path, "000001/mask1,mask,normal,")
    table = layouts.load(tmp_path)
    assert table.labels[::7, 1].tolist() == [0, 0, 1]
    assert [each.key for each in table.corrections] == ["000001/mask1"]
    idle = tmp_path / "train" / "corrections.csv"
    used = tmp_path / "corrections.csv"
    assert table.notes == (f"{idle} beside the data is not applied: {used} goes before",)


def test_a_file_of_corrections_without_a_row_corrects_nothing(root):
    before = layouts.load(root)
    write(root)
    assert layouts.load(root).fingerprint == before.fingerprint
    assert layouts.load(root).corrections == ()


@pytest.mark.parametrize("key", ["1.jpg", "./1.jpg", "images/1.jpg", "images\\1.jpg", "p1"])
def test_a_path_is_named_as_the_manifest_has_it_or_as_the_data_folder_has_it(tmp_path, key):
    rows = ("path,group,x", "1.jpg,p1,a", "11.jpg,p2,b", "2.jpg,p3,a")
    for name in ("1", "11", "2"):
        write_image(tmp_path / "images" / f"{name}.jpg")
    write(write_manifest(tmp_path, rows, "images: images"), f"{key},x,b,")
    assert layouts.load(tmp_path).labels[:, 0].tolist() == [1, 1, 0]


def test_an_attribute_is_named_in_other_code_points(tmp_path):
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        write_image(tmp_path / name)
    rows = ("path,group,\u0103", "1.jpg,p,a", "2.jpg,q,b", "3.jpg,r,b")
    write(write_manifest(tmp_path, rows), "q,a\u0306,a,")
    assert layouts.load(tmp_path).labels[:, 0].tolist() == [0, 0, 1]


def test_a_number_may_have_a_comma_between_semicolons(root):
    (root / "corrections.csv").write_text(HEADER.replace(",", ";") + "\np;age;65,5;\n")
    assert layouts.load(root).raw["age"].tolist() == [65.5, 65.5, 40, 61]


def test_the_same_file_by_another_way_is_no_other_file(root, tmp_path):
    write(root, "p,gender,female,")
    link = tmp_path / "link"
    link.symlink_to(root)
    assert layouts.load(link, None, (str(root / "corrections.csv"),)).notes == ()


def test_corrections_that_leave_one_class_are_refused(root):
    write(root, "q,gender,male,")
    with pytest.raises(DataError, match="'gender' needs photos of two classes, got 'male' for al"):
        layouts.load(root)
