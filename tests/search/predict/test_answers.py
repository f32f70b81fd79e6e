"""The CSV of answers: written whole, in order, or not at all."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import ResultsError, UsageError
from search.predict.answers import (
    check_answers,
    check_names,
    check_no_input,
    label_columns,
    write_answers,
)
from tests.trainables.data.folders import write_flat
from trainables.data.csv_cells import original
from trainables.data.layouts.flat import read
from trainables.data.schema import Attribute, LabelSchema

PROBS = np.array([[0.25, 0.75], [1 - 1e-9, 1e-9], [1 / 3, 2 / 3]])


def test_answers_come_in_the_order_given(tmp_path):
    out = tmp_path / "ans.csv"
    write_answers(out, ["b.jpg", "a.jpg"], np.array([17, 0]))
    assert out.read_bytes() == b"ImageID,ans\nb.jpg,17\na.jpg,0\n"
    assert list(tmp_path.iterdir()) == [out]


def test_probabilities_are_a_column_a_class_to_six_digits(tmp_path):
    out = tmp_path / "ans.csv"
    write_answers(out, ["a", "b", "c"], np.array([1, 0, 1]), PROBS)
    assert out.read_text().splitlines() == [
        "ImageID,ans,p0,p1",
        "a,1,0.25,0.75",
        "b,0,1,1e-09",
        "c,1,0.333333,0.666667",
    ]


def test_answers_in_words_have_a_column_an_attribute_and_the_confidence(tmp_path):
    schema = LabelSchema(
        name="odd",
        attributes=(
            Attribute(name="ans", classes=("on", "=off")),
            Attribute(name="seed", classes=("young", "old")),
        ),
    )
    probs = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])
    classes = np.array([2, 0])  # the first is not the likeliest: class biases chose it
    words = label_columns(schema, classes, probs)
    write_answers(tmp_path / "ans.csv", ["a", "b"], classes, probs, words)
    assert (tmp_path / "ans.csv").read_text().splitlines() == [
        "ImageID,ans,attribute:ans,attribute:seed,confidence,p0,p1,p2,p3",
        "a,2,'=off,young,0.3000,0.1,0.2,0.3,0.4",
        "b,0,on,young,0.7000,0.7,0.1,0.1,0.1",
    ]


@settings(max_examples=30)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
        min_size=1,
        unique=True,
    )
)
def test_any_name_is_read_back(tmp_path_factory, names):
    out = tmp_path_factory.mktemp("answers") / "ans.csv"
    write_answers(out, names, np.arange(len(names)))
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ImageID", "ans"]
    assert [(original(cell), code) for cell, code in rows[1:]] == [
        (name, str(row)) for row, name in enumerate(names)
    ]


FORMULAS = ["=1+1.jpg", "+a.jpg", "-a.jpg", "@a.jpg", "'=a.jpg"]


def test_no_name_of_a_photo_is_a_formula_and_predict_finds_the_photos_again(tmp_path):
    folder = write_flat(tmp_path / "photos", FORMULAS, info=False)
    write_answers(folder / "info.csv", FORMULAS, np.zeros(len(FORMULAS), dtype=np.int64))
    cells = [row.partition(",")[0] for row in (folder / "info.csv").read_text().splitlines()[1:]]
    assert cells == [f"'{name}" for name in FORMULAS]
    assert read(folder).names == tuple(FORMULAS)


def test_a_name_that_is_no_text_leaves_the_old_answers(tmp_path):
    out = tmp_path / "ans.csv"
    out.write_text("old")
    with pytest.raises(UsageError, match=r"--out .*ans\.csv cannot be written: .*surrogates"):
        write_answers(out, ["a\udcff.jpg"], np.array([0]))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_name_that_is_no_text_is_found_before_anything_is_predicted():
    check_names(["a.jpg", "사진.jpg"])
    with pytest.raises(UsageError, match=r"must be Unicode .*got 'a\\udcff\.jpg'; rename"):
        check_names(["a.jpg", "a\udcff.jpg"])


@pytest.fixture
def listed(tmp_path):
    return read(write_flat(tmp_path / "eval", ("a.jpg", "b.jpg")))


def test_answers_are_not_written_over_a_device_or_a_link(tmp_path):
    """Its rename would break the one for every program, and leave the target of the other."""
    with pytest.raises(UsageError, match=r"must be a plain file, got /dev/null; give another"):
        check_answers(Path("/dev/null"))
    link, target = tmp_path / "ans.csv", tmp_path / "shared.csv"
    link.symlink_to(target)
    with pytest.raises(UsageError, match=rf"a link, which would be .* give {target}"):
        check_answers(link)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("eval/images/a.jpg", "which is a photo to predict; give another"),
        ("eval/images/../images/b.jpg", "which is a photo to predict"),
        ("eval/info.csv", "which is a list of photos to predict; give another"),
    ],
)
def test_answers_do_not_take_the_place_of_what_is_predicted(listed, tmp_path, place, message):
    with pytest.raises(UsageError, match=rf"--out must be .* got .*{message}"):
        check_no_input(tmp_path / place, listed)


@pytest.mark.parametrize("place", ["eval/images/ans.csv", "eval/a.jpg", "info.csv", "b.jpg"])
def test_answers_may_lie_beside_what_is_predicted(listed, tmp_path, place):
    check_no_input(tmp_path / place, listed)


def test_a_name_without_an_answer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write_answers(tmp_path / "ans.csv", ["a", "b"], np.array([0]))
    assert not list(tmp_path.iterdir())


def test_a_folder_cannot_take_the_answers(tmp_path):
    with pytest.raises(UsageError, match=r"must be a CSV file, got the folder .*; try .*ans\.csv"):
        check_answers(tmp_path)


@pytest.mark.parametrize("name", ["p64.jpg", "ans.PNG"])
def test_answers_cannot_be_called_like_a_photo(name, tmp_path):
    with pytest.raises(
        UsageError, match=r"must be a CSV file, got .*the name of a photo; try .*csv"
    ):
        check_answers(tmp_path / name)


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"folder of --out .* is a file"):
        check_answers(tmp_path / "file" / "ans.csv")


def test_a_folder_that_is_not_there_yet_will_be_made(tmp_path):
    out = tmp_path / "new" / "deep" / "ans.csv"
    check_answers(out)
    assert not (tmp_path / "new").exists()
    write_answers(out, ["a"], np.array([0]))
    assert out.is_file()
