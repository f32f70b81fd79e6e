"""LaTeX of tables: whatever a name holds, it is shown and means nothing."""

import re
import shutil
import string
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.report.document import Cell, table
from search.report.handin import characters, latex
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
        ("\u226560 \u2192 \u03bb", r"$\geq$60 $\rightarrow$ $\lambda$"),
        ("\u00bd \u00b5 \u2026 \u2019", r"\textonehalf{} $\mu$ \textellipsis{} \textquoteright{}"),
        ("café ő ß", r"caf\'{e} \H{o} \ss{}"),
        ("cafe\u0301", r"caf\'{e}"),
        (unicodedata.normalize("NFD", "마스크 착용"), "마스크 착용"),
        ("漢字 ㄱ マ", "漢字 ㄱ マ"),
        (
            "\u1100 \u0416 \u68c0 \u2764\ufe0f \U0001f600",
            "[U+1100] [U+0416] [U+68C0] [U+2764] [U+1F600]",
        ),
    ],
)
def test_every_character_that_means_something_is_shown(text, shown):
    assert latex.escaped(text) == shown


@given(st.text(st.sampled_from(string.printable + "한글\u2212±\u2028\u200b"), max_size=30))
def test_no_name_breaks_a_document(name):
    rows = [(name, Cell(text=name, strong=True)), ("[x]", "*")]
    lines = latex.table_lines(table(name, (f"n {name}", "value"), rows), "any")
    tex.check(latex.document(name, [*latex.section(name), *latex.paragraph([name]), *lines]))


@given(st.text(max_size=30))
def test_of_any_name_only_what_a_font_has_is_left(name):
    left = re.sub("[\x20-\x7e]", "", latex.escaped(name))
    # Korean standards: syllables, letters, Chinese and Japanese characters.
    assert re.fullmatch("[\u3001-\u33ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uffef]*", left), ascii(
        left
    )
    left.encode("cp949")  # raises where one is of no Korean standard


def test_a_row_is_no_option_of_the_one_before():
    found = table("t", ("name", "value"), [("[1, 2]", "1"), ("*", "2")])
    rows = [line for line in latex.table_lines(found, "t") if line.endswith(r"\\")]
    assert [row[:3] for row in rows[1:]] == ["{}[", "{}*"]


@pytest.mark.parametrize(("name", "needed"), [("여자", True), ("café \u2212 x", False)])
def test_fonts_of_korean_are_asked_for_where_there_is_some(name, needed):
    assert (r"\usepackage{kotex}" in latex.document(name, [])) == needed


ENGINES = [name for name in ("lualatex", "xelatex", "pdflatex") if shutil.which(name)]
SIGNS = "".join(characters.TABLE) + "áőñçĀžÅ"
BEYOND = "\u226560 \u0416 \U0001f600 \u68c0 a\u0323\u0301 "


def compiled(engine, folder, odd):
    """Compiles a document that has a text everywhere; returns what the engine says."""
    rows = [(name, Cell(text=odd, strong=True)) for name in NAMES]
    lines = latex.table_lines(table(odd, ("name", odd), rows), "odd")
    body = [*latex.section(odd), *latex.paragraph([odd]), *latex.commands([odd]), *lines]
    (folder / "odd.tex").write_text(latex.document(odd, body), encoding="utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "odd.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout + (folder / "odd.log").read_text(encoding="utf-8", errors="replace")


@pytest.mark.skipif(not ENGINES, reason="needs a LaTeX engine")
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_odd_compiles(engine, tmp_path):
    latin = "".join(character for character in ODD if ord(character) < 0x1100)
    log = compiled(engine, tmp_path, latin + SIGNS + BEYOND)
    assert "Missing character" not in log


def has_korean(engine):
    """Returns whether an engine finds the package and its fonts."""
    needed = {"lualatex": "luatexko.sty", "xelatex": "xetexko.sty", "pdflatex": "uwmjac.tfm"}
    found = shutil.which("kpsewhich")
    if found is None:
        return False
    names = ["kotex.sty", needed[engine]]
    told = subprocess.run([found, *names], capture_output=True, text=True, check=False).stdout
    return len(told.splitlines()) == len(names)


@pytest.mark.parametrize("engine", ["lualatex", "xelatex", "pdflatex"])
def test_korean_compiles_beside_what_no_font_has(engine, tmp_path):
    if engine not in ENGINES or not has_korean(engine):
        pytest.skip("needs the engine, and kotex with its fonts")
    apart = unicodedata.normalize("NFD", "마스크 착용")
    log = compiled(engine, tmp_path, f"{apart} 힣 漢字 ㄱ マ ｱ 「」 {SIGNS} {BEYOND}")
    assert "Missing character" not in log
