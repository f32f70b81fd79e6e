import re
from pathlib import Path

import pytest
import yaml

from trainables.data.layouts.manifest import detect
from trainables.data.manifest_config import (
    AttributeConfig,
    ManifestConfig,
    config_of,
    read_config,
    to_ignore,
)
from trainables.errors import DataError


def _read(tmp_path: Path, text: str) -> ManifestConfig:
    path = tmp_path / "dataset.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_every_key_is_read(tmp_path):
    config = _read(
        tmp_path,
        """
name: faces
licence: CC BY 4.0
group: person
path: file
ignore: [race]
attributes:
  gender: {classes: [male, female]}
  age: {column: years, bins: [30, 60.5], classes: [young, middle, old]}
  size: {classes: [0, 1], ordered: true}
  mood:
""",
    )
    assert config == ManifestConfig(
        name="faces",
        licence="CC BY 4.0",
        group="person",
        path="file",
        ignore=("race",),
        attributes=(
            AttributeConfig(name="gender", column="gender", classes=("male", "female")),
            AttributeConfig(
                name="age",
                column="years",
                classes=("young", "middle", "old"),
                bins=(30.0, 60.5),
            ),
            AttributeConfig(name="size", column="size", classes=("0", "1"), ordered=True),
            AttributeConfig(name="mood", column="mood"),
        ),
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\ufeffname: manifest\n"])
def test_an_empty_file_is_the_default(tmp_path, text):
    assert _read(tmp_path, text) == ManifestConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read as YAML"),
        ("attributes:\n  age:\n    bins: [30]\n  age:\n", "got 'age' again, first in line 2"),
        ("ignore: [a]\nignore: [b]", "got 'ignore' again"),
        ("- a\n- b\n", r"the file must be a mapping of keys to values, got \['a', 'b'\]"),
        (
            "groups: person",
            "unknown key 'groups' .*mean group\\?.; available: name, licence, group, path",
        ),
        ("1: person", "unknown key 1; available"),
        ("group: [person]", r"group must be a text, got \['person'\]"),
        ("licence: 4.0", "licence must be a text, got 4.0; put it in quotes"),
        ("ignore: race", "ignore must be a list, got 'race'"),
        ("ignore: [yes]", "ignore must be a text, got True; put it in quotes"),
        ("attributes: [mask]", "attributes must be a mapping"),
        ("attributes: {mask: {class: [a, b]}}", "attribute 'mask' has an unknown key 'class'"),
        ("attributes: {mask: [a, b]}", "attribute 'mask' must be a mapping"),
        ("attributes: {mask: {classes: a}}", "attribute 'mask': classes must be a list"),
        ("attributes: {mask: {classes: [yes, no]}}", "classes must be a text, got True"),
        ("attributes: {mask: {classes: [a, ]}, age: {column: }}", "column must be a text"),
        ("attributes: {mask: {ordered: 1}}", "ordered must be true or false, got 1"),
        ("attributes: {mask: {ordered: true}}", "classes must be listed in order"),
        ("attributes: {age: {bins: 30}}", "bins must be a list, got 30"),
        ("attributes: {age: {bins: ['30']}}", "bins must be numbers, got '30'"),
        ("attributes: {age: {bins: [true]}}", "bins must be numbers, got True"),
        ("attributes: {age: {bins: [30], ordered: false}}", "cannot be unordered"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_file_name(tmp_path, text, message):
    with pytest.raises(DataError, match=f"dataset.yaml.*{message}"):
        _read(tmp_path, text)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "dataset.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(
        DataError, match=r"cannot be read as UTF-8 YAML, line 1, .*; save it as UTF-8"
    ):
        read_config(tmp_path / "dataset.yaml")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_that_of_tables_is_and_that_is_said(tmp_path, encoding):
    path = tmp_path / "dataset.yaml"
    path.write_bytes("name: faces\nimages: 사진\nmanifest: labels.csv\n".encode(encoding))
    config = read_config(path)
    assert (config.name, config.images) == ("faces", "사진")
    assert config.notes == ("dataset.yaml read as UTF-16",)
    assert detect(tmp_path)


def test_another_encoding_comes_with_what_the_text_would_say(tmp_path):
    path = tmp_path / "dataset.yaml"
    path.write_bytes("name: faces\nimages: 사진\n".encode("cp949"))
    with pytest.raises(DataError, match=r"YAML, line 2, .*as cp949 \(Korean\) '사진'.*as UTF-8$"):
        read_config(path)


@pytest.mark.parametrize(
    "name",
    [
        *("Dataset.yaml", "dataset.yml", "dataset.yaml.txt", "DATASET.YML.TXT"),
        *("dataset.yaml.yaml", "datasets.yaml"),
    ],
)
def test_a_file_called_nearly_so_is_not_passed_over(tmp_path, name):
    (tmp_path / name).write_text("ignore: [mask]")
    wanted = f"must be called dataset.yaml to be read, got {name}; rename it, or move it away"
    with pytest.raises(DataError, match=re.escape(wanted)):
        config_of(tmp_path)
    (tmp_path / "dataset.yaml").write_text("name: faces")
    assert config_of(tmp_path).notes == (f"{name} is not read: dataset.yaml is",)


@pytest.mark.parametrize("name", ["data.yaml", "dataset.json", "dataset.yaml.bak", "dataset.txt"])
def test_files_of_other_names_are_other_files(tmp_path, name):
    (tmp_path / name).write_text("ignore: [mask]")
    assert config_of(tmp_path) == ManifestConfig()


def test_a_link_to_no_file_is_not_passed_over(tmp_path):
    (tmp_path / "dataset.yaml").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(DataError, match=r"dataset\.yaml cannot be read as YAML: .*No such file"):
        config_of(tmp_path)


@pytest.mark.parametrize("columns", [["age"], ["race, said"], ["yes", "name: full", "나이"]])
def test_an_advice_to_ignore_columns_is_yaml_that_ignores_them(columns):
    line, _, where = to_ignore(columns).partition(" in ")
    assert yaml.safe_load(line) == {"ignore": columns}
    assert where == "dataset.yaml"
