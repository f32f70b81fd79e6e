"""Confusion matrices as heat maps: right ones in one colour, errors in the other.

Notation: K classes; counts: int [K, K], row = true class, column = predicted class.
"""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.analysis.metrics import most_confused
from search.report.contents import Confusion, Counts
from search.report.figures import svg

_LARGE = 8  # classes from which on columns are numbered, as they are where a name finds no room
_SIDE = 58.0  # of a cell, at most
_NAMES = 0.36  # of the width, at most, for the names of the rows
_LEAST_SIDE = 13.0  # of a cell that a line of text finds room in
_LEAST_SHARE = 0.005  # of a row; a smaller share would read 0 % and stays blank
_DARK_SHARE = 0.75  # of a right cell, from which its text is light in both settings
_CORNER = 56.0  # room for "true" above the names of the rows


class Matrix(NamedTuple):
    """A confusion matrix by shares of the true class; `rows` float [K, K] sum to 1 or are 0.

    `shown` are the classes to draw: all, or those with the most errors where they are too many.
    """

    name: str
    approach: str
    classes: tuple[str, ...]
    counts: Counts
    rows: NDArray[np.float64]
    block: int
    shown: Counts


def matrix(confusion: Confusion, approach: str) -> Matrix:
    """Returns the shares of one approach; a class without samples has a row of zeros."""
    counts = confusion.counts[approach]
    totals = counts.sum(axis=1, keepdims=True)
    rows = counts / np.maximum(totals, 1)
    shown = most_confused(counts)
    block = confusion.block if len(shown) == len(counts) else 0
    return Matrix(confusion.name, approach, confusion.classes, counts, rows, block, shown)


def draw_matrix(found: Matrix, width: float) -> str:
    """Returns the heat map; where names find no room the columns bear the numbers of the rows.

    Of cells too small for text, every so-manieth row and column is named, and the shade tells.
    """
    num = len(found.shown)
    names = _names(found, width)
    numbered = names[0] != found.classes[found.shown[0]]
    left, side = _sizes(names, width)
    top = 40.0
    parts = [
        svg.label(left - 8, 14, "true ↓", "axis", anchor="end"),
        svg.label(left, 14, "predicted →", "axis"),
    ]
    widest = max(svg.text_width(str(i), svg.SMALL) for i in found.shown) + 3
    every = ceil(max(_LEAST_SIDE, widest if numbered else 0.0) / side)
    for row, (i, name) in enumerate(zip(found.shown, names, strict=True)):
        at = (row + 0.5) * side
        parts += [
            _cell(found, i, j, left + column * side, top + row * side, side)
            for column, j in enumerate(found.shown)
        ]
        if row % every:
            continue
        head = str(i) if numbered else svg.shortened(name, side - 2, svg.SMALL)
        parts.append(svg.label(left + at, top - 7, head, "tick", anchor="middle"))
        parts.append(
            svg.label(
                left - 8,
                top + at + 4,
                svg.shortened(name, left - 10, svg.SMALL),
                "tick",
                anchor="end",
            )
        )
    parts.append(_blocks(found, left, top, side))
    right = float(np.trace(found.counts)) / max(1, int(found.counts.sum()))
    said = f"{found.approach}: {right:.1%} of {int(found.counts.sum()):,} samples right"
    title = f"Confusion matrix of {found.name} by {found.approach}"
    return svg.chart(left + num * side + 2, top + num * side + 4, title, said, *parts)


def has_room(found: Matrix, width: float) -> bool:
    """Returns whether the name of every row is shown whole."""
    widths = [svg.text_width(name, svg.SMALL) + 10 for name in _names(found, width)]
    return max(widths) <= _NAMES * width


def _names(found: Matrix, width: float) -> list[str]:
    """Returns the names of the rows, with their numbers where the columns bear those."""
    names = [found.classes[i] for i in found.shown]
    _, side = _sizes(names, width)
    if len(names) < _LARGE and all(svg.text_width(n, svg.SMALL) <= side - 2 for n in names):
        return names
    # The number first: a name that is too long is cut at its end.
    return [f"{i} · {name}" for i, name in zip(found.shown, names, strict=True)]


def _sizes(names: list[str], width: float) -> tuple[float, float]:
    """Returns the room of the names and the side of a cell."""
    widest = max(svg.text_width(name, svg.SMALL) + 10 for name in names)
    left = min(_NAMES * width, max(_CORNER, widest))
    return left, min((width - left - 2) / len(names), _SIDE)


def _cell(found: Matrix, i: int, j: int, x: float, y: float, side: float) -> str:
    """Returns one cell, shaded and numbered by its share of the row; nothing where it is empty."""
    share, count = float(found.rows[i, j]), int(found.counts[i, j])
    kind = "hit" if i == j else "miss"
    if not count:
        return ""
    # The root keeps errors of a few per cent visible beside a diagonal near 100 %.
    box = svg.rect(
        x + 0.5, y + 0.5, side - 1, side - 1, kind, fill_opacity=round(0.08 + 0.87 * share**0.6, 3)
    )
    text = ""
    if share >= _LEAST_SHARE and side >= _LEAST_SIDE:
        css = "cell strong" if i == j and share > _DARK_SHARE else "cell"
        text = svg.label(
            x + side / 2, y + side / 2 + 4, str(int(100 * share + 0.5)), css, anchor="middle"
        )
    total = int(found.counts[i].sum())
    said = (
        f"{found.classes[i]} taken for {found.classes[j]}"
        if i != j
        else f"{found.classes[i]} right"
    )
    return svg.group(box, text, title=f"{said}: {count:,} of {total:,} ({share:.1%})")


def _blocks(found: Matrix, left: float, top: float, side: float) -> str:
    """Returns the frame and the lines between blocks of classes."""
    num = len(found.shown)
    size = num * side
    parts = [svg.rect(left, top, size, size, "frame")]
    for start in range(found.block, num, found.block) if found.block else ():
        at = start * side
        parts.append(svg.line(left + at, top, left + at, top + size, "block"))
        parts.append(svg.line(left, top + at, left + size, top + at, "block"))
    return "".join(parts)
