"""LaTeX of a page's tables: `booktabs`, scaled down to the line where they are too wide.

Names of the data are the user's: every character that means something to TeX is written so that
it shows. The source compiles with pdflatex, xelatex and lualatex; Korean names need `kotex`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from search.report.document import Cell, Table
from search.report.handin import characters

_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[margin=25mm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\newsavebox{\fitbox}
\newenvironment{fit}{\begin{lrbox}{\fitbox}}{\end{lrbox}%
  \ifdim\wd\fitbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}"""
_KOREAN = r"\usepackage{kotex}"
_LIGATURES = re.compile(r"([-,])(?=\1)")
"""Two hyphens would be a dash, two commas a quotation mark."""


def escaped(text: str) -> str:
    """Returns a text that LaTeX shows as it is, on one line."""
    return _LIGATURES.sub(r"\1{}", characters.shown(text))


def document(title: str, body: Iterable[str]) -> str:
    """Returns a whole document.

    Args:
        title: a text.
        body: lines of LaTeX.
    """
    lines = list(body)
    shown = escaped(title)
    korean = any(map(characters.needs_korean, (shown, *lines)))
    head = [_PREAMBLE, *([_KOREAN] if korean else []), rf"\title{{{shown}}}", r"\date{}"]
    opening = [r"\begin{document}", r"\maketitle"]
    return "\n".join([*head, *opening, *lines, r"\end{document}"]) + "\n"


def section(heading: str) -> tuple[str, ...]:
    """Returns the lines that begin a section."""
    return ("", rf"\section{{{escaped(heading)}}}")


def paragraph(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns sentences as one paragraph, a line each; none of no sentence."""
    return ("", *map(escaped, texts)) if texts else ()


def commands(lines: Sequence[str]) -> Iterator[str]:
    """Yields shell commands, broken at their spaces."""
    if not lines:
        return
    yield from ("", r"\begin{quote}\ttfamily\raggedright")
    yield from (rf"{escaped(line)}\par" for line in lines)
    yield r"\end{quote}"


def table_lines(found: Table, label: str) -> Iterator[str]:
    """Yields a table as a float.

    Args:
        found: the table.
        label: what stands behind `tab:`; letters.
    """
    yield from ("", r"\begin{table}[htbp]", r"\centering\small")
    yield rf"\caption{{{escaped(found.caption)}}}\label{{tab:{label}}}"
    yield rf"\begin{{fit}}\begin{{tabular}}{{{_columns(found)}}}"
    yield r"\toprule"
    yield _row(escaped(name) for name in found.columns)
    yield r"\midrule"
    yield from (_row(map(_cell, row)) for row in found.rows)
    yield from (r"\bottomrule", r"\end{tabular}\end{fit}", r"\end{table}")


def _columns(found: Table) -> str:
    kinds = ["r" if numeric else "l" for numeric in found.numeric]
    if found.wraps:
        kinds[-1] = r"p{0.7\linewidth}"
    return "".join(kinds)


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    return rf"\textbf{{{text}}}" if cell.strong and text else text


def _row(cells: Iterable[str]) -> str:
    line = " & ".join(cells)
    # Behind the end of a row, or a rule, these would be options of it.
    start = "{}" if line.startswith(("[", "*")) else ""
    return rf"{start}{line} \\"
