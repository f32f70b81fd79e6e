from pathlib import Path

import numpy as np
import pytest

from trainables.data.csv_rows import CsvRows, number_said, parse_number, read_csv
from trainables.errors import DataError


def _read(tmp_path: Path, content: str | bytes) -> CsvRows:
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


def test_cells_are_text_so_leading_zeros_survive(tmp_path):
    rows = _read(tmp_path, "id,age\n000001, 45 \n001498-1,23\n")
    assert rows.filled("id") == ("000001", "001498-1")
    assert rows.numbers("age").tolist() == [45.0, 23.0]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_line_ends_and_blank_lines_do_not_matter(tmp_path, end):
    rows = _read(tmp_path, "\ufeff" + end.join(["id,x", "1,a", "", "2,b", ""]))
    assert rows.columns == ("id", "x")
    assert rows.filled("x") == ("a", "b")
    assert rows.source_rows == ("rows.csv row 2", "rows.csv row 4")


def test_a_cell_over_two_lines_does_not_shift_the_line_numbers_after_it(tmp_path):
    rows = _read(tmp_path, 'id,x\n1,"a\nb"\n2,c\n')
    assert rows.where(1) == "rows.csv row 4"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "needs a header and one or more rows, got 0 lines"),
        ("id,x\n", "needs a header and one or more rows, got 1 lines"),
        ("id,x\n1,a\n2\n", "rows.csv row 3: 2 cells are needed as in the header, got 1"),
        ("id,x\n1,a,b\n", "rows.csv row 2: 2 cells are needed as in the header, got 3"),
        ("id,id\n1,2\n", "header of .* needs different, non-empty names"),
        ("id,\n1,2\n", "header of .* needs different, non-empty names"),
        ('id,x\n1,"a\n', r"cannot be read as CSV in the row of line 2 \(unexpected end of data\)"),
        ('id,x\n0,c\n1,"a"b\n', r"in the row of line 3 \(.*\): .* the quote is written twice"),
        (b"id,x\n1,\xff\xfe\n", "cannot be read as UTF-8 CSV"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        _read(tmp_path, content)


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_csv(tmp_path / "absent.csv")


def test_a_missing_column_names_those_that_are_there(tmp_path):
    with pytest.raises(DataError, match="needs a column 'age'; its columns are id, x"):
        _read(tmp_path, "id,x\n1,a\n").filled("age")


def test_an_empty_cell_names_its_row(tmp_path):
    with pytest.raises(DataError, match=r"rows.csv row 3: column 'x' is empty"):
        _read(tmp_path, "id,x\n1,a\n2, \n").filled("x")


def test_values_are_coded_by_their_place_among_the_classes(tmp_path):
    rows = _read(tmp_path, "id,x\n1,b\n2,a\n3,b\n")
    np.testing.assert_array_equal(rows.codes("x", ("a", "b")), [1, 0, 1])
    with pytest.raises(DataError, match=r"row 2: unknown x 'b' \(2 rows have .*one\); allowed"):
        rows.codes("x", ("a", "c"))
    with pytest.raises(DataError, match=r"rows.csv row 3: unknown x 'a'; allowed: b, c"):
        rows.codes("x", ("b", "c"))


def test_an_unknown_class_comes_with_the_nearest(tmp_path):
    rows = _read(tmp_path, "id,gender\n1,male\n2,mael\n")
    with pytest.raises(DataError, match=r"'mael' \(did you mean male\?\); allowed: male, female"):
        rows.codes("gender", ("male", "female"))
    with pytest.raises(DataError, match=r"columns are id, gender \(did you mean gender\?\)"):
        rows.column("gendre")


def test_cells_that_were_merged_are_counted(tmp_path):
    with pytest.raises(DataError, match=r"row 3: column 'x' is empty, in 2 rows .*merged cells"):
        _read(tmp_path, "id,x\n1,a\n2,\n3,\n").filled("x")


@pytest.mark.parametrize("value", ["old", "60세", "inf", "4,5", "1,234"])
def test_a_value_that_is_not_a_number_names_its_row(tmp_path, value):
    rows = _read(tmp_path, f'id,x\n1,7\n2,"{value}"\n')
    with pytest.raises(
        DataError, match=f"rows.csv row 3: x '{value}' is not a number; write digits alone, with"
    ):
        rows.numbers("x")


def test_values_that_are_not_numbers_are_counted(tmp_path):
    cells = ["7", "old", *(f"{n}세" for n in range(12)), "old"]
    rows = _read(tmp_path, "x,y\n" + "".join(f"{cell},a\n" for cell in cells))
    with pytest.raises(
        DataError, match=r"number, in 14 rows \(others are '0세', .*'9세', and 2 m"
    ):
        rows.numbers("x")
    with pytest.raises(DataError, match="y 'a' is not a number, in 15 rows; write digits alone"):
        rows.numbers("y")


@pytest.mark.parametrize("value", ["nan", "N/A", "?"])
def test_a_number_that_is_none_comes_with_its_rows_and_the_way_out(tmp_path, value):
    rows = _read(tmp_path, f"id,x\n1,7\n2,{value}\n3,{value}\n")
    with pytest.raises(DataError, match=r"row 3: column 'x' is '.*\(2 rows .*row \(leave it out"):
        rows.numbers("x", "leave it out")


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\t"])
def test_a_text_of_several_lines_is_no_lost_encoding(tmp_path, sign):
    rows = _read(tmp_path, f'id,x\n1,a\n2,"b{sign}c"\n3,"d{sign}e"\n')
    message = r"'b\\.*', a text with a line break or a tab in it \(2 rows .*tabs"
    with pytest.raises(DataError, match=message + "$") as error:
        rows.known("x")
    assert str(error.value).isprintable()
    with pytest.raises(DataError, match=message + r", or leave .* \(ignore: \[x\] in dataset"):
        rows.known("x", way_out="list it")


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7.0), ("-1.5e2", -150.0), ("", None), ("nan", None), ("x", None)]
)
def test_only_finite_numbers_are_parsed(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["25_30", "1_0", "1_0.5"])
def test_an_underscore_makes_no_number(tmp_path, text):
    assert parse_number(text) is None
    with pytest.raises(DataError, match=f"rows.csv row 3: x '{text}' is not a number"):
        _read(tmp_path, f"id,x\n1,7\n2,{text}\n").numbers("x")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (30.0, "30"),
        (30.5, "30.5"),
        (0.1, "0.1"),
        (19900101.0, "19900101"),
        (-2.0, "-2"),
        (1e22, "1e+22"),
    ],
)
def test_a_number_is_said_so_that_it_reads_back_as_the_same(number, said):
    assert number_said(number) == said
    assert parse_number(said) == number


def test_a_decimal_comma_may_have_an_exponent_behind_it(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id;p\na;1,5e-05\nb;0,3\n", encoding="utf-8")
    assert read_csv(path).column("p") == ("1.5e-05", "0.3")
