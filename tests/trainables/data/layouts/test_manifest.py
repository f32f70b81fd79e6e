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


def _numbers(count: int) -> list[str]:
    return ["path,group,x", *(f"{i}.jpg,p{i},{i}" for i in range(count))]


def test_twelve_different_numbers_are_classes(tmp_path):
    table = manifest.read(write_manifest(tmp_path, _numbers(12)))
    assert table.schema.num_classes("x") == 12


@pytest.mark.parametrize("yaml", [None, "attributes: {x: }"])
def test_thirteen_different_numbers_need_bins(tmp_path, yaml):
    root = write_manifest(tmp_path, _numbers(13), yaml)
    with pytest.raises(
        DataError,
        match=r"column 'x' holds 13 different numbers, .* give bins for attribute 'x' in dataset",
    ):
        manifest.read(root)


def test_many_words_are_classes_where_each_has_two_people(tmp_path):
    lines = ["path,group,x", *(f"{i}.jpg,p{i},word{i // 2:02}" for i in range(40))]
    assert set(manifest.read(write_manifest(tmp_path, lines)).labels[:, 0]) == set(range(20))


@pytest.mark.parametrize("value", ["photo of {i}", "IMG_{i:04}", "2021-03-{i:02}", "x{i}.png"])
def test_what_names_the_photo_is_no_class(tmp_path, value):
    lines = ["path,group,x", *(f"{i}.jpg,p{i},{value.format(i=i)}" for i in range(10, 28))]
    with pytest.raises(DataError, match=r"manifest.csv: column 'x' .*leave it out \(ignore: \[x"):
        manifest.read(write_manifest(tmp_path, lines))


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
        (("path,group,a\x1bb", "x,p,a", "y,p,b"), r"without control characters, got 'a\\x1bb'"),
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
        ("ignore: [race]", "needs a column 'race'"),
        ("attributes: {mask: , age: }\nignore: [age]", "column 'age' is an attribute .* also"),
        ("attributes: {mask: , age: , group: }", "column 'group' is an attribute .* also path"),
        (
            "attributes: {mask: {classes: [worn, wrong]}}\nignore: [age]",
            "manifest.csv row 3: unknown mask 'none'; allowed: worn, wrong",
        ),
        (
            "attributes: {mask: {bins: [1]}}\nignore: [age]",
            "manifest.csv row 2: mask 'worn' is not a number",
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
