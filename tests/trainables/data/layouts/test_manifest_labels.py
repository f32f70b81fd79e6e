import re

import pytest

from tests.trainables.data.folders import write_manifest
from trainables.data.layouts import manifest
from trainables.errors import DataError


def _read(root, column, yaml=None, name="x"):
    lines = [f"path,group,{name}", *(f"{i}.jpg,p{i},{cell}" for i, cell in enumerate(column))]
    return manifest.read(write_manifest(root, lines, yaml))


def test_one_and_one_point_zero_are_one_class_and_that_is_said(tmp_path):
    table = _read(tmp_path, ["1", "0", "1.0", "0.0"])
    assert table.schema["x"].classes == ("0", "1")
    assert table.labels[:, 0].tolist() == [1, 0, 1, 0]
    assert table.notes == ("x: classes 1 and 1.0 are one", "x: classes 0 and 0.0 are one")


def test_listed_classes_are_found_in_other_spellings_and_that_is_said(tmp_path):
    yaml = 'attributes: {x: {classes: ["1", "3-9"], ordered: false}}'
    table = _read(tmp_path, ["1", "1.0", "03-Sep"], yaml)
    assert table.labels[:, 0].tolist() == [0, 0, 1]
    assert table.notes == ("x: '1.0' read as '1'", "x: '03-Sep' read as '3-9'")


def test_bands_are_ordered_unless_it_is_said_that_they_are_not(tmp_path):
    column = ["10-19", "3-9", "0-2", "more than 20"]
    ordered = ("0-2", "3-9", "10-19", "more than 20")
    table = _read(tmp_path, column)
    assert (table.schema["x"].classes, table.schema["x"].ordered) == (ordered, True)
    assert table.labels[:, 0].tolist() == [2, 1, 0, 3]
    assert table.notes == (f"x: bands of a number, in their order: {', '.join(ordered)}",)
    plain = _read(tmp_path, column, "attributes: {x: {ordered: false}}").schema["x"]
    assert (plain.classes, plain.ordered) == (tuple(sorted(column)), False)


def test_listed_bands_keep_their_order_and_are_ordered_where_that_is_said(tmp_path):
    yaml = "attributes: {{x: {{classes: [<30, 30-59, 60+]{}}}}}"
    table = _read(tmp_path, ["<30", "30-59", "60+"], yaml.format(""))
    assert not table.schema["x"].ordered
    assert "`ordered: true` in dataset.yaml makes use of their order" in table.notes[0]
    said = _read(tmp_path, ["<30", "30-59", "60+"], yaml.format(", ordered: true"))
    assert said.schema["x"].ordered
    assert said.notes == ()


def test_bands_that_a_spreadsheet_made_dates_of_are_bands_again(tmp_path):
    table = _read(tmp_path, ["0-2", "03-Sep", "Oct-19", "20-29", "03-Sep"])
    assert table.schema["x"].classes == ("0-2", "3-9", "10-19", "20-29")
    assert table.labels[:, 0].tolist() == [0, 1, 2, 3, 1]
    assert "'03-Sep' is '3-9', 'Oct-19' is '10-19' (a spreadsheet made" in table.notes[0]


@pytest.mark.parametrize(
    "column",
    [
        ["03-Sep", "Oct-19", "03-Sep"],
        ["0-2", "2024-09-03 00:00:00", "20-29"],
        ["0-5", "03-Sep", "20-29"],
        ["2021-03-09", "2021-03-10", "2021-03-09"],
        ["3-Sep-20", "20 Sep 2020", "unknown"],
        ["12:00", "13:30"],
        ["20200103", "20200104"],
        ["May-5", "Jun-6"],
        ["2024년 1월 3일", "2024년 3월"],
        ["20240101_101112", "20240101_101113"],
    ],
)
def test_dates_are_no_classes(tmp_path, column):
    with pytest.raises(
        DataError, match=r"column 'x' holds dates such as .*ignore: \[x\].*or list them under cl"
    ) as error:
        _read(tmp_path, column)
    assert "made them of bands" in str(error.value)


@pytest.mark.parametrize("column", [["20-29", "30-39", "45360"], ["0-2", "03-Sep", "45360"]])
def test_the_number_of_a_day_among_bands_is_refused_with_the_band_that_it_was(tmp_path, column):
    with pytest.raises(DataError, match=r"such as '45360', .* bands \('45360' was '3-9'\)"):
        _read(tmp_path, column)


def test_dates_that_are_listed_are_classes(tmp_path):
    yaml = "attributes: {x: {classes: [03-Sep, Oct-19]}}"
    assert _read(tmp_path, ["03-Sep", "Oct-19"], yaml).labels[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("cell", ["#N/A", "nan", "NULL", ""])
def test_a_label_that_is_none_is_refused_with_row_and_way_out(tmp_path, cell):
    with pytest.raises(
        DataError, match=r"manifest.csv row 3: column 'x' is .*; fill it or remove"
    ):
        _read(tmp_path, ["a", cell, "b"])


def test_a_label_that_means_what_it_says_is_listed(tmp_path):
    yaml = "attributes: {x: {classes: [NA, EU]}}"
    assert _read(tmp_path, ["EU", "NA"], yaml).labels[:, 0].tolist() == [1, 0]


def test_a_column_of_one_value_comes_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"got 'face' in all 3 rows; leave it out \(ignore: \[lab"):
        _read(tmp_path, ["face"] * 3, name="label")


def test_a_person_in_two_spellings_is_one_and_that_is_said(tmp_path):
    rows = ("path,group,x", "1.jpg,\u0103n,a", "2.jpg,a\u0306n,b", "3.jpg,7,a", "4.jpg,7.0,b")
    table = manifest.read(write_manifest(tmp_path, rows))
    assert table.groups == ("\u0103n", "\u0103n", "7", "7")
    assert "spelt otherwise (2 such names)" in table.notes[0]


@pytest.mark.parametrize("groups", [("3.1", "3.10"), ("1", "01"), ("NA", "na")])
def test_people_of_different_names_stay_apart(tmp_path, groups):
    rows = ("path,group,x", f"1.jpg,{groups[0]},a", f"2.jpg,{groups[1]},b")
    assert manifest.read(write_manifest(tmp_path, rows)).groups == groups


def test_three_words_of_one_person_each_are_classes(tmp_path):
    assert _read(tmp_path, ["a", "b", "c"]).schema.num_classes("x") == 3


@pytest.mark.parametrize("column", [["1", "2", "3", "4"], ["a", "b", "c", "d"]])
def test_four_words_of_one_person_each_are_ids(tmp_path, column):
    with pytest.raises(DataError, match=r"4 different values, 4 of which .* list them under"):
        _read(tmp_path, column)


def test_numbers_beside_a_word_for_none_are_no_classes(tmp_path):
    column = [*(str(i // 2) for i in range(40)), "unknown", "unknown"]
    with pytest.raises(DataError, match=r"20 different numbers beside 'unknown', which are not"):
        _read(tmp_path, column)


def test_bands_beside_another_word_have_no_order_and_that_is_said(tmp_path):
    table = _read(tmp_path, ["0-2", "3-9", "10-19", "unknown"])
    assert not table.schema["x"].ordered
    assert table.notes == ("x: bands of a number beside 'unknown': without an order",)


def test_numbers_among_bands_are_in_their_order_and_no_other_thing_is_said(tmp_path):
    table = _read(tmp_path, ["0", "10+", "3-9", "1-2"])
    assert table.schema["x"].classes == ("0", "1-2", "3-9", "10+")
    assert table.notes == ("x: bands of a number, in their order: 0, 1-2, 3-9, 10+",)


@pytest.mark.parametrize("column", [["60-69", "70+", "70-79"], ["0-9", "5", "10-19"]])
def test_bands_that_lie_in_each_other_have_no_order_and_that_is_said(tmp_path, column):
    table = _read(tmp_path, column)
    assert not table.schema["x"].ordered
    assert table.notes == ("x: bands of a number that lie in each other: without an order",)


def test_a_band_is_no_number_to_be_cut(tmp_path):
    assert _read(tmp_path, ["25_30", "0_9"]).schema["x"].classes == ("0_9", "25_30")
    with pytest.raises(DataError, match=r"x '25_30' is not a number"):
        _read(tmp_path, ["25_30", "0_9"], "attributes: {x: {bins: [30, 60]}}")


@pytest.mark.parametrize("order", ["<30, 60+, 30-59", "30-59, <30, 60+"])
def test_bands_that_are_called_ordered_and_are_not_are_refused_with_both_orders(tmp_path, order):
    yaml = f"attributes: {{x: {{classes: [{order}], ordered: true}}}}"
    with pytest.raises(DataError, match=rf"\(<30, 30-59, 60\+\), got {re.escape(order)}"):
        _read(tmp_path, ["<30", "30-59", "60+"], yaml)


def test_bands_from_the_highest_down_are_in_order_too(tmp_path):
    yaml = "attributes: {x: {classes: [60+, 30-59, <30], ordered: true}}"
    assert _read(tmp_path, ["<30", "30-59", "60+"], yaml).schema["x"].ordered
