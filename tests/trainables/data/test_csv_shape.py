"""What spreadsheets and pandas make of a CSV file: read where one reading fits, and said."""

import re

import pytest

from trainables.data.csv_rows import read_csv
from trainables.errors import DataError

PLAIN = "path,group,x\n1.jpg,p,a\n2.jpg,q,b\n"


def _read(tmp_path, content, encoding=""):
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, encoding)


def test_a_plain_file_is_read_without_a_note(tmp_path):
    assert _read(tmp_path, PLAIN).notes == ()


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN.replace(",", ";"), r"cells are separated by semicolons \(;\)"),
        (PLAIN.replace(",", "\t"), "cells are separated by tabs"),
        (PLAIN.replace(",", "|"), r"cells are separated by bars \(\|\)"),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), r"cells are separated by semicolons \(;\)"),
        (PLAIN.replace("\n", ",,\n"), "trailing commas ignored in 3 rows"),
        ("path,group,x\n1.jpg,p,a,\n2.jpg,q,b\n", "trailing commas ignored in 1 rows"),
        (PLAIN + ",,\n,,\n", "2 empty rows ignored"),
        (",path,group,x\n0,1.jpg,p,a\n1,2.jpg,q,b\n", r"index column 1 \(a first .* ignored"),
        ("Unnamed: 0,path,group,x\n4,1.jpg,p,a\n2,2.jpg,q,b\n", r"index column .* ignored"),
        (
            ",Unnamed: 0.1,Unnamed: 0,path,group,x\n0,3,7,1.jpg,p,a\n1,5,8,2.jpg,q,b\n",
            r"index column 1 .* ignored; rows.csv: index column 2 .*; rows.csv: index column 3",
        ),
        ("path,,group,x\n1.jpg,,p,a\n2.jpg,,q,b\n", "empty column 2 ignored"),
        (PLAIN.encode("utf-16"), "rows.csv read as UTF-16"),
        (PLAIN.encode("utf-16-le"), "rows.csv read as UTF-16"),
        (PLAIN.encode("utf-16-be"), "rows.csv read as UTF-16"),
        (PLAIN.replace(",", "\t").encode("utf-16"), "cells are separated by tabs"),
        (PLAIN + "path,group,x\n", r"header stands again in row 4, .* rows ignored: 1"),
        (PLAIN + "\ufeffpath,group,x\n", r"header stands again in row 4, .* rows ignored: 1"),
        ("2\ngroup x\n1.jpg  p a\n2.jpg q  b\n", "first column, which has no name, .* 'path'"),
    ],
)
def test_what_was_read_otherwise_is_said(tmp_path, content, note):
    rows = _read(tmp_path, content)
    assert rows.columns == ("path", "group", "x")
    assert rows.cells == (("1.jpg", "p", "a"), ("2.jpg", "q", "b"))
    assert re.search(note, "; ".join(rows.notes))


def test_quotes_behind_a_space_are_quotes(tmp_path):
    rows = _read(tmp_path, 'path, group, x\n1.jpg, "Kim, Ann", a\n2.jpg, "q", b\n3.jpg, q, b\n')
    assert [cells[1] for cells in rows.cells] == ["Kim, Ann", "q", "q"]


def test_a_first_column_that_has_its_name_between_spaces_is_not_called_otherwise(tmp_path):
    rows = _read(tmp_path, "path group x\n1.jpg  p a\n2.jpg q  b\n")
    assert rows.columns == ("path", "group", "x")
    assert rows.notes == ("rows.csv: cells are separated by spaces",)


@pytest.mark.parametrize(
    "header", ["Unnamed: 0.1,path,Unnamed: 0", "Unnamed: 0.1,Unnamed: 0,path"]
)
def test_a_column_without_a_name_that_is_no_index_stays(tmp_path, header):
    rows = _read(tmp_path, f"{header}\n0,3,3\n1,3,4\n")
    assert len(rows.columns) == 2


def test_lines_are_those_of_the_file_whatever_is_left_out(tmp_path):
    rows = _read(tmp_path, "sep=;\npath;x\n;\n1.jpg;a\n\n2.jpg;b\n")
    assert rows.source_rows == ("rows.csv row 4", "rows.csv row 6")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "path,group,x\n1.jpg,p,a,b\n",
            "row 2: 3 cells are needed as in the header, got 4; a cell with a separator in it",
        ),
        (
            "Photos of 2026\npath,x\n1.jpg,a\n",
            "row 2: .* got 2; remove the title above the header",
        ),
        ("Photos of 2026,\npath,x\n1.jpg,a\n", "got .* 2026', ''.; remove the title above"),
        (
            "path;group;x\n1.jpg;p\n",
            "row 2: 3 cells are needed as in the header, got 2; fill in .* or remove the row",
        ),
        ("path,,x\n1.jpg,7,a\n", "needs different, non-empty names"),
        ("path;a\tx\n1.jpg;b\tc\n", r"separated by semicolons \(;\) or tabs"),
        ("path;x\n1.jpg;a\n2.jpg\n", "row 3: 2 cells are needed as in the header, got 1"),
        ("sep=;\npath;x\n1.jpg;a\n2.jpg\n", "row 4: 2 cells are needed as in the header, got 1"),
        ('sep=;\npath;x\n1.jpg;"a"b\n', "in the row of line 3"),
        (",path,x\n0,1.jpg,a\n1,2.jpg\n", "row 3: 3 cells are needed as in the header, got 2"),
        ("path;age, years\n1.jpg;3, 4\n", r"by commas or semicolons .*header \(sep=,\)"),
        ("path,x\n1,1.jpg,a\n2,2.jpg,b\n", r"one cell more than the header, 2, as where R"),
        ('"file" "x"\n"1" "1.jpg" "a"\n"2" "2.jpg" "b"\n', r"row\.names=FALSE"),
        ('"path" "x"\n"1" "1.jpg" "a"\n"2" "2.jpg" "b"\n', r"row\.names=FALSE"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        _read(tmp_path, content)


@pytest.mark.parametrize(("sign", "columns"), [(",", 2), (";", 3)])
def test_a_line_before_the_header_says_which_separator_it_is(tmp_path, sign, columns):
    text = f"sep={sign}\npath;group;age, years\n1.jpg;p;3, 4\n"
    assert len(_read(tmp_path, text).columns) == columns


def test_names_with_spaces_in_one_column_stay_names(tmp_path):
    rows = _read(tmp_path, "ImageID\nmy photo.jpg\nher photo.jpg\n")
    assert rows.columns == ("ImageID",)
    assert rows.filled("ImageID") == ("my photo.jpg", "her photo.jpg")


def test_a_semicolon_in_a_cell_between_commas_separates_nothing(tmp_path):
    assert _read(tmp_path, "path,x\n1;2.jpg,a\n").filled("path") == ("1;2.jpg",)


def test_between_semicolons_a_comma_is_a_decimal_point(tmp_path):
    rows = _read(tmp_path, "path;age\na;29,5\nb;61\n")
    assert rows.numbers("age").tolist() == [29.5, 61.0]
    assert "a comma within a number is its decimal point" in rows.notes[-1]


KOREAN = "path,group,성별\n1.jpg,p,남\n2.jpg,q,여\n"


def test_the_encoding_of_a_region_is_refused_with_what_it_would_say_in_each(tmp_path):
    with pytest.raises(DataError) as raised:
        _read(tmp_path, KOREAN.encode("cp949"))
    said = str(raised.value)
    assert "rows.csv cannot be read as UTF-8 CSV, line 1" in said
    assert "as cp949 (Korean) '성별'" in said
    assert "as gb18030 (Chinese)" in said
    assert "encoding: cp949" in said
    assert "\n" not in said


@pytest.mark.parametrize("encoding", ["cp949", "euc-kr", "utf-16"])
def test_a_named_encoding_is_read(tmp_path, encoding):
    rows = _read(tmp_path, KOREAN.encode(encoding), encoding)
    assert rows.filled("성별") == ("남", "여")
    assert rows.notes == (f"rows.csv read as {encoding}",)


def test_a_named_encoding_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"rows\.csv is not cp949 in line 2"):
        _read(tmp_path, b"path,x\n1.jpg,\xff\xfe\n", "cp949")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_in_any_language(tmp_path, codec):
    text = "사진,사람,성별\n가나.jpg,가,남자\n나.jpg,나,여자\n"
    assert _read(tmp_path, text.encode(codec)).filled("성별") == ("남자", "여자")


def test_an_encoding_that_cannot_be_named_is_not_asked_for(tmp_path):
    (tmp_path / "info.csv").write_bytes(KOREAN.encode("cp949"))
    with pytest.raises(DataError, match=r'Chinese.*; save it as "CSV UTF-8"$'):
        read_csv(tmp_path / "info.csv")


@pytest.mark.parametrize("encoding", ["", "cp949"])
@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_called_csv_is_named(tmp_path, start, encoding):
    with pytest.raises(DataError, match=r"rows\.csv is a workbook .* save it as \"CSV UTF-8\""):
        _read(tmp_path, start + b"\x14\0\6\0", encoding)


def test_a_column_is_found_in_other_code_points(tmp_path):
    assert _read(tmp_path, "path,a\u0306ge\n1.jpg,7\n").filled("\u0103ge") == ("7",)


@pytest.mark.parametrize("value", ["#N/A", "nan", "NaN", "#REF!", "NULL", "N/A", "?", "-"])
def test_what_stands_for_no_value_is_refused_with_its_row(tmp_path, value):
    rows = _read(tmp_path, f"path,x\n1.jpg,a\n2.jpg,{value}\n3.jpg,{value}\n")
    with pytest.raises(DataError, match=r"rows.csv row 3: column 'x' is '.*\(2 rows have it\)"):
        rows.known("x")
    assert rows.known("x", kept=(value,))[1] == value
