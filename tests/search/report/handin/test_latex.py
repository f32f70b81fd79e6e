"""LaTeX of tables: whatever a name holds, it is shown and means nothing."""

import shutil
import string
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.report.document import Cell, table
from search.report.handin import latex
from tests.search.report.handin import tex

NAMES = ("a|b", "100 %", "a_b & c", "#1 $x$", "\\input{x}", "~^", "<30", '"q"', "'`", "[x]", "*")
ODD = "".join(NAMES) + "줄\n바꿈\u200b\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("50 % of a_b & #c", r"50 \% of a\_b \& \#c"),
        ("$x$ {y}", r"\$x\$ \{y\}"),
        ("\\end", r"\textbackslash{}end"),
        ("<30|>=60", r"\textless{}30\textbar{}\textgreater{}=60"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("--space a,,b", r"-{}-space a,{},b"),
        ("two\nlines\t\x00", "two lines  "),
        ("여자\u200b \u22120.1", "여자 $-$0.1"),
    ],
)
def test_every_character_that_means_something_is_shown(text, shown):
    assert latex.escaped(text) == shown


@given(st.text(st.sampled_from(string.printable + "한글\u2212±\u2028\u200b"), max_size=30))
def test_no_name_breaks_a_document(name):
    rows = [(name, Cell(text=name, strong=True)), ("[x]", "*")]
    lines = latex.table_lines(table(name, (f"n {name}", "value"), rows), "any")
    tex.check(latex.document(name, [*latex.section(name), *latex.paragraph([name]), *lines]))


def test_a_row_is_no_option_of_the_one_before():
    found = table("t", ("name", "value"), [("[1, 2]", "1"), ("*", "2")])
    rows = [line for line in latex.table_lines(found, "t") if line.endswith(r"\\")]
    assert [row[:3] for row in rows[1:]] == ["{}[", "{}*"]


@pytest.mark.parametrize(("name", "needed"), [("여자", True), ("café \u2212 x", False)])
def test_fonts_of_korean_are_asked_for_where_there_is_some(name, needed):
    assert (r"\usepackage{kotex}" in latex.document(name, [])) == needed


ENGINES = [name for name in ("lualatex", "xelatex", "pdflatex") if shutil.which(name)]


@pytest.mark.skipif(not ENGINES, reason="needs a LaTeX engine")
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_odd_compiles(engine, tmp_path):
    latin = "".join(character for character in ODD if ord(character) < 0x1100)
    rows = [(name, Cell(text=latin, strong=True)) for name in NAMES]
    lines = latex.table_lines(table(latin, ("name", latin), rows), "odd")
    body = [*latex.section("x"), *latex.paragraph([latin]), *latex.commands([latin]), *lines]
    (tmp_path / "odd.tex").write_text(latex.document("odd", body), encoding="utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "odd.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
