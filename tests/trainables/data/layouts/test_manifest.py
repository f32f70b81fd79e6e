import os
import unicodedata
from pathlib import Path

import pytest

from tests.trainables.data.folders import write_manifest
from trainables.data.layouts import manifest
from trainables.errors import DataError

ROWS = (
    "path,group,mask,age",
    "a/1.jpg,p1,worn,29.5",
    "a/2.jpg,p1,none,30",
    "b/1.jpg,p2,worn,61",
)
YAML = """
name: faces
attributes:
  mask: {classes: [worn, wrong, none]}
  age: {bins: [30, 60]}
"""


def test_without_yaml_other_columns_are_attributes_with_sorted_classes(tmp_path):
    table = manifest.read(write_manifest(tmp_path, ROWS))
    assert table.schema.names == ("mask", "age")
    assert table.schema["mask"].classes == ("none", "worn")
    assert table.schema["age"].classes == ("29.5", "30", "61")
    assert not table.schema["age"].ordered
    assert table.labels.tolist() == [[1, 0], [0, 1], [1, 2]]
    assert table.groups == ("p1", "p1", "p2")
    assert table.paths == ("a/1.jpg", "a/2.jpg", "b/1.jpg")
    assert table.source_rows == tuple(f"manifest.csv row {line}" for line in (2, 3, 4))
    assert dict(table.raw) == {}


def test_yaml_gives_classes_their_order_and_numbers_their_bins(tmp_path):
    table = manifest.read(write_manifest(tmp_path, ROWS, YAML))
    assert table.schema.name == "faces"
    assert table.schema["mask"].classes == ("worn", "wrong", "none")
    age = table.schema["age"]
    assert age.classes == ("<30", "30-59", ">=60")
    assert age.ordered
    assert age.edges == (30.0, 60.0)
    assert table.labels.tolist() == [[0, 0], [2, 1], [0, 2]]
    assert table.raw["age"].tolist() == [29.5, 30.0, 61.0]


def test_columns_may_have_other_names(tmp_path):
    root = write_manifest(
        tmp_path,
        ("file,person,years,race,x", "1.jpg,p1,20,a,", "2.jpg,p2,70,b,"),
        """
path: file
group: person
ignore: [race, x]
attributes:
  age: {column: years, bins: [50], classes: [young, old]}
""",
    )
    table = manifest.read(root)
    assert table.schema.names == ("age",)
    assert table.schema["age"].classes == ("young", "old")
    assert table.groups == ("p1", "p2")
    assert table.raw["age"].tolist() == [20.0, 70.0]


def test_ordered_classes_are_ordered(tmp_path):
    text = "attributes: {mask: {classes: [none, worn], ordered: true}}\nignore: [age]"
    table = manifest.read(write_manifest(tmp_path, ROWS, text))
    assert table.schema["mask"].ordered
    assert not table.schema["mask"].has_raw


def test_one_column_may_give_two_attributes(tmp_path):
    text = "attributes: {old: {column: age, bins: [60]}, adult: {column: age, bins: [30]}}"
    table = manifest.read(write_manifest(tmp_path, ROWS, text + "\nignore: [mask]"))
    assert table.labels.tolist() == [[0, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("bins", "names"),
    [
        ("[30, 60]", ("<30", "30-59", ">=60")),
        ("[30, 31, 60]", ("<30", "30", "31-59", ">=60")),
        ("[0.5, 2]", ("<0.5", "0.5 to <2", ">=2")),
        ("[40]", ("<40", ">=40")),
    ],
)
def test_bins_without_classes_are_named_after_their_half_open_intervals(tmp_path, bins, names):
    text = f"attributes: {{age: {{bins: {bins}}}}}\nignore: [mask]"
    assert manifest.read(write_manifest(tmp_path, ROWS, text)).schema["age"].classes == names


def test_paths_are_put_in_normal_form(tmp_path):
    table = manifest.read(
        write_manifest(tmp_path, ("path,group,x", "./a/../1.jpg,p,a", "b//2.jpg,q,b"))
    )
    assert table.paths == ("1.jpg", "b/2.jpg")


@pytest.mark.parametrize(
    ("groups", "note"),
    [
        (("01", "1"), "group: '01' and '1' are two people; where they are one, write one"),
        (("P1", "p1"), "'P1' and 'p1' are two people"),
        (("P1", "P\u200b1"), "are two people"),
    ],
)
def test_people_that_may_be_one_are_named(tmp_path, groups, note):
    rows = ("path,group,x", *(f"{i}.jpg,{name},{i}" for i, name in enumerate(groups)))
    table = manifest.read(write_manifest(tmp_path, rows))
    assert table.groups == groups
    assert note in table.notes[0]


def test_people_that_a_spreadsheet_rounded_are_refused(tmp_path):
    rows = ("path,group,x", "1.jpg,1.23457E+17,a", "2.jpg,1.23457E+17,b")
    with pytest.raises(DataError, match=r"row 2: column 'group' is '1.23457E\+17', a long numbe"):
        manifest.read(write_manifest(tmp_path, rows))


@pytest.mark.parametrize("column", ["group", "x"])
@pytest.mark.parametrize("sign", ["\ufffd", "\x00", "\x1b$B"])
def test_labels_and_people_with_lost_characters_are_refused_with_their_line(
    tmp_path, column, sign
):
    cells = {"group": "p", "x": "a"} | {column: f"n{sign}n"}
    rows = ("path,group,x", "1.jpg,q,b", f"2.jpg,{cells['group']},{cells['x']}")
    with pytest.raises(
        DataError, match=rf"manifest.csv row 3: column '{column}' is 'n\\"
    ) as error:
        manifest.read(write_manifest(tmp_path, rows))
    assert str(error.value).isprintable()


def _decimal(tmp_path, between, cells, yaml=None):
    lines = [between.join(("path", "group", "x"))]
    lines += [between.join((f"{i}.jpg", f"p{i}", cell)) for i, cell in enumerate(cells)]
    return manifest.read(write_manifest(tmp_path, lines, yaml))


@pytest.mark.parametrize("between", [";", "\t"])
def test_decimal_commas_are_numbers_wherever_they_stand(tmp_path, between):
    with pytest.raises(DataError, match="20 different numbers, which are not classes"):
        _decimal(tmp_path, between, [f"{i},5" for i in range(20)])
    table = _decimal(tmp_path, between, ["1", "1,0", "0"])
    assert table.schema["x"].classes == ("0", "1")
    yaml = 'attributes: {x: {classes: ["0,5", "1,5"]}}'
    table = _decimal(tmp_path, between, ["1,5", "0,5"], yaml)
    assert table.schema["x"].classes == ("0,5", "1,5")
    assert table.labels[:, 0].tolist() == [1, 0]
    yaml = "attributes: {x: {bins: [30]}}"
    assert _decimal(tmp_path, between, ["29,5", "31"], yaml).raw["x"].tolist() == [29.5, 31]


def test_thousands_between_tabs_are_no_decimals(tmp_path):
    with pytest.raises(DataError, match="x '1,234' is not a number"):
        _decimal(tmp_path, "\t", ["1,234", "900"], "attributes: {x: {bins: [1000]}}")


@pytest.mark.parametrize(("ids", "found"), [(("0", "0", "1"), True), (("0", "1", "2"), False)])
def test_a_first_column_without_a_name_may_be_the_person_unless_it_counts(tmp_path, ids, found):
    rows = ("Unnamed: 0,path,x", *(f"{n},{i}.jpg,{i}" for i, n in enumerate(ids)))
    root = write_manifest(tmp_path, rows, 'group: "Unnamed: 0"')
    if found:
        assert manifest.read(root).groups == ids
        return
    with pytest.raises(DataError, match=r"a column 'Unnamed: 0' \(left out: an index column"):
        manifest.read(root)


@pytest.mark.parametrize("name", ["joint", "multihead", "separate", "all", "attribute:joint"])
def test_an_attribute_called_like_one_of_our_words_gets_a_prefix(tmp_path, name):
    lines = (f"path,group,{name},mask", "1.jpg,p,a,x", "2.jpg,q,b,y")
    table = manifest.read(write_manifest(tmp_path, lines))
    assert table.schema.names == (f"attribute:{name}", "mask")
    renamed = ("path,group,other,mask", *lines[1:])
    assert (table.labels == manifest.read(write_manifest(tmp_path, renamed)).labels).all()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("path,mask", "1.jpg,a"), "needs a column 'group'; its columns are path, mask"),
        (("image,group,mask", "1.jpg,p,a"), "needs a column 'path'; .*dataset.yaml can name"),
        (("path,group", "1.jpg,p"), "has no attribute column beside group, path"),
        (("path,group,m", "1.jpg,p,a", "2.jpg,p,"), "manifest.csv row 3: column 'm' is empty"),
        (("path,group,m", "1.jpg,p,a", "2.jpg, ,b"), "manifest.csv row 3: column 'group' is"),
        (("path,group,m", ",p,a", "2.jpg,p,b"), "manifest.csv row 2: column 'path' is empty"),
        (("path,group,m", "1.jpg,p,a", "2.jpg,p,a"), "column 'm': .*two different classes"),
        (("path,group,m", "x,p,a", "x,p,b"), "manifest.csv row 2 and manifest.csv row 3"),
        (("path,group,m", "x,p,a", "y/../x,p,b"), "duplicate path 'x' in manifest.csv row 2"),
        (("path,group,m", "x,p,a", "../x,p,b"), "manifest.csv row 3: .*stay inside it"),
        (("path,group,m", "/x,p,a", "x,p,b"), "manifest.csv row 2: .*got '/x'"),
        (("path,group,m", "x,p,a,b"), "manifest.csv row 2: 3 cells are needed"),
        (("path,group,a\x1bb", "x,p,a", "y,p,b"), r"without control characters .*, got 'a\\x1bb'"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        manifest.read(write_manifest(tmp_path, lines))


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("attributes: {mask: }", "column 'age' is not in dataset.yaml; .*or to ignore"),
        ("attributes: {}\nignore: [mask, age]", "has no attribute column"),
        ("attributes: {mask: , age: {}, size: {}}", "needs a column 'size'; its columns are"),
        ("ignore: [aeg]", r"'aeg'; .*mean age\?\) \(dataset.yaml ignores it: correct the name"),
        ("attributes: {mask: , age: }\nignore: [age]", "column 'age' is an attribute .* also"),
        ("attributes: {mask: , age: , group: }", "column 'group' is an attribute .* also path"),
        (
            "attributes: {mask: {classes: [worn, wrong]}}\nignore: [age]",
            "manifest.csv row 3: unknown mask 'none'; allowed: worn, wrong",
        ),
        (
            "attributes: {mask: {bins: [1]}}\nignore: [age]",
            r"row 2: mask 'worn' is not a number, in 3 rows \(others are 'none'\); write",
        ),
        ("attributes: {age: {bins: [60, 30]}}\nignore: [mask]", "'age': .*must be increasing"),
        (
            "attributes: {age: {bins: [30], classes: [a, b, c]}}\nignore: [mask]",
            "column 'age': .*with 3 classes needs 2 edges",
        ),
        ("size: 3", "dataset.yaml: the file has an unknown key 'size'"),
        ("a: [", "dataset.yaml cannot be read as YAML"),
    ],
)
def test_a_yaml_that_does_not_fit_the_manifest_is_refused(tmp_path, yaml, message):
    with pytest.raises(DataError, match=message):
        manifest.read(write_manifest(tmp_path, ROWS, yaml))


def test_the_manifest_is_detected_by_its_name(tmp_path: Path):
    assert not manifest.detect(tmp_path)
    assert manifest.detect(write_manifest(tmp_path, ROWS))


def test_a_pipe_in_the_place_of_a_settings_file_is_not_passed_over(tmp_path):
    root = write_manifest(tmp_path, ("path,group,gender", "1.jpg,p,male", "2.jpg,q,female"))
    os.mkfifo(root / "dataset.yaml")
    with pytest.raises(DataError, match=r"dataset\.yaml .*must be a plain file"):
        manifest.read(root)


def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "manifest.csv")
    with pytest.raises(DataError, match=r"manifest\.csv .*must be a plain file"):
        manifest.read(tmp_path)


def test_another_file_another_folder_and_words_for_values(tmp_path):
    (tmp_path / "photos" / "small").mkdir(parents=True)
    yaml = """
manifest: labels.csv
images: photos/small
group: path
ignore: others
attributes:
  gender: {column: sex, classes: {0: male, 1: female, 2: male}}
"""
    root = write_manifest(tmp_path, ROWS, yaml)
    (root / "labels.csv").write_text("path,sex,junk\n1.jpg,0,a\n2.jpg,1,b\n3.jpg,2.0,c\n")
    table = manifest.read(root)
    assert table.paths[0] == "photos/small/1.jpg"
    assert table.schema["gender"].classes == ("male", "female")
    assert table.labels[:, 0].tolist() == [0, 1, 0]
    assert "gender: '2.0' read as '2'" in table.notes


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("manifest: ../other.csv", "manifest in dataset.yaml: a path must be relative"),
        ("manifest: none.csv", r"none\.csv cannot be read: .* \(manifest: manifest\.csv\)"),
        ("images: nope", "images in dataset.yaml must be a folder, got nope in "),
        ("images: ../x", r"images in dataset.yaml: a path must .*got '\.\./x'"),
        ("{encoding: cp949, file_names: '{a}_{b}'}", "encoding is that of a CSV file, and"),
        ("attributes: {mask: {classes: {1: a, '1': b}}}", r"every value once, got \[1, '1'\]"),
        ("attributes: {mask: {classes: {1_2: a, 3: b}}}", "in digits, got 1_2; put a text in quo"),
        ("attributes: {mask: {classes: [1:30, 2]}}", "in digits, got 1:30; put a text in quotes"),
        ("attributes: {mask: {classes: [010, 8]}}", "in digits, got 010; put a text in quotes"),
        ("encoding: latin", "unknown encoding 'latin'; available: utf-8, utf-16, cp949"),
        ("ignore: others", "so attributes must be named"),
        ("max_pixels: 0", r"max_pixels must be in \[1, "),
        ("max_pixels: many", "max_pixels must be a whole number, got 'many'"),
        ("{manifest: a.csv, file_names: '{a}_{b}'}", "two places for labels; keep one"),
        ("attributes: {age: {bins: [30], classes: {1: a, 2: b}}}", "a list of their names"),
        ("attributes: {mask: {classes: {worn: yes}}}", "must be a text, got True"),
        ("attributes: {mask: {classes: {}}}", "classes must be a list"),
    ],
)
def test_what_dataset_yaml_cannot_mean_is_refused(tmp_path, yaml, message):
    with pytest.raises(DataError, match=message):
        manifest.read(write_manifest(tmp_path, ROWS, yaml))


def test_an_encoding_is_named_in_any_capitals_and_the_licence_is_kept(tmp_path):
    root = write_manifest(tmp_path, ROWS, "encoding: CP949\nlicence: CC BY 4.0")
    (root / "manifest.csv").write_bytes("path,group,성별\n1,p,남\n2,q,여\n".encode("cp949"))
    table = manifest.read(root)
    assert table.schema.names == ("성별",)
    assert table.licence == "CC BY 4.0"


@pytest.mark.parametrize(
    "text", ["manifest: a.csv", "x: 1\n'file_names' : '{a}'", "manifest: [", "{manifest: a.csv}"]
)
def test_a_dataset_yaml_that_names_the_labels_is_a_manifest(tmp_path, text):
    (tmp_path / "dataset.yaml").write_text("name: faces\n", encoding="utf-8")
    assert not manifest.detect(tmp_path)
    (tmp_path / "dataset.yaml").write_text(text, encoding="utf-8")
    assert manifest.detect(tmp_path)


def test_group_path_is_every_photo_its_own_whatever_the_column_of_paths_is_called(tmp_path):
    lines = ["filename,mask", "0.jpg,on", "1.jpg,off", "2.jpg,off"]
    table = manifest.read(write_manifest(tmp_path, lines, "path: filename\ngroup: path"))
    assert table.groups == ("0.jpg", "1.jpg", "2.jpg")


def test_photos_that_lie_beside_the_table_may_be_said_to_be_there(tmp_path):
    lines = ["path,group,mask", "0.jpg,a,on", "1.jpg,b,off"]
    assert manifest.read(write_manifest(tmp_path, lines, "images: .")).paths[0] == "0.jpg"


def test_columns_that_look_the_same_are_not_two(tmp_path):
    one, other = (unicodedata.normalize(form, "성별") for form in ("NFC", "NFD"))
    lines = [f"path,group,{one},{other}", "0.jpg,a,x,y", "1.jpg,b,y,x"]
    with pytest.raises(DataError, match=r"manifest\.csv needs different, non-empty names"):
        manifest.read(write_manifest(tmp_path, lines))


def test_a_cell_of_signs_that_nobody_sees_is_empty(tmp_path):
    lines = ["path,group,x", "0.jpg,a,\u200b", "1.jpg,b,on", "2.jpg,c,off"]
    with pytest.raises(DataError, match=r"row 2: column 'x' is empty, in 1 rows"):
        manifest.read(write_manifest(tmp_path, lines))
