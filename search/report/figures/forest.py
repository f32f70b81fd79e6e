"""Forest plot: differences with their intervals around zero, and the band of equivalence."""

from collections.abc import Sequence
from typing import NamedTuple

from search.analysis import wording
from search.analysis.uncertainty.interval import Interval
from search.report.document import Figure
from search.report.figures import svg

_ROW, _SMALL_ROW, _TOP, _BOTTOM = 30.0, 20.0, 26.0, 44.0
_MIDDLE = 11.0  # from an interval to the bottom of its row
_ABOVE = 18.0  # room for the name above the interval, on a narrow page
_TICK = 18.0  # half a tick label, which may stand at the end of the axis
_CLEAR = (23.0, 7.0)  # from how far to how near above an interval its name and value stand


class ForestRow(NamedTuple):
    """One difference: `main` rows are drawn large."""

    name: str
    estimate: Interval
    main: bool = True

    @property
    def said(self) -> str:
        """What stands beside the interval."""
        return wording.estimate(self.estimate)


class Forest(NamedTuple):
    """Rows with the range of the axis; `margin` is half the band of equivalence, or None.

    `left` and `right` say what a negative and a positive difference mean.
    """

    rows: tuple[ForestRow, ...]
    low: float
    high: float
    margin: float | None
    axis: str
    left: str
    right: str


def forest(
    rows: Sequence[ForestRow],
    *,
    margin: float | None = None,
    axis: str = "difference in macro-F1",
    left: str = "",
    right: str = "",
) -> Forest:
    """Returns a forest whose axis holds zero, the margin and every interval."""
    ends = [0.0, *((-margin, margin) if margin is not None else ())]
    for row in rows:
        ends += [row.estimate.low, row.estimate.high]
    low, high = svg.padded(min(ends), max(ends))
    return Forest(tuple(rows), low, high, margin, axis, left, right)


def draw_forest(plot: Forest, width: float, title: str) -> str:
    """Returns the plot; on a narrow page the names stand above their intervals."""
    beside = width >= 600
    names = min(240.0, max(svg.text_width(row.name, 13) for row in plot.rows) + 16)
    said = max(svg.text_width(row.said) for row in plot.rows) + 8
    ends = (names, width - said) if beside else (_TICK, width - _TICK)
    scale = svg.Scale(plot.low, plot.high, *ends)
    above = 0.0 if beside else _ABOVE
    heights = [above + (_ROW if row.main else _SMALL_ROW) for row in plot.rows]
    bottom = _TOP + sum(heights)
    parts = [_ground(plot, scale, bottom), *_sides(plot, scale.at(0), width)]
    if not beside:
        parts += _clearings(heights, width)
    top = _TOP
    for row, height in zip(plot.rows, heights, strict=True):
        parts.append(_row(row, scale, top, height, width, beside=beside))
        top += height
    described = "; ".join(f"{row.name}: {row.said}" for row in plot.rows)
    return svg.chart(width, bottom + _BOTTOM, title, described, *parts)


def forest_figure(plot: Forest, title: str, caption: str = "") -> Figure:
    """Returns the plot over the whole column, drawn anew for a phone."""
    wide, narrow = (draw_forest(plot, width, title) for width in (svg.WIDE, svg.NARROW))
    return Figure(svg=wide, narrow=narrow, caption=caption)


def _ground(plot: Forest, scale: svg.Scale, bottom: float) -> str:
    """Returns the band of equivalence, the axis and the zero line."""
    zero = scale.at(0)
    parts = []
    if plot.margin is not None:
        start, end = scale.at(-plot.margin), scale.at(plot.margin)
        parts.append(svg.rect(start, _TOP, end - start, bottom - _TOP, "band"))
    parts.append(svg.x_axis(scale, _TOP, bottom, plot.axis))
    parts.append(svg.line(zero, _TOP - 4, zero, bottom, "zero"))
    return "".join(parts)


def _clearings(heights: Sequence[float], width: float) -> list[str]:
    """Returns strips of paper, so that neither lines nor band run through names and values."""
    far, near = _CLEAR
    bottoms = [_TOP + sum(heights[: place + 1]) for place in range(len(heights))]
    return [svg.rect(0, bottom - _MIDDLE - far, width, far - near, "clear") for bottom in bottoms]


def _sides(plot: Forest, zero: float, width: float) -> tuple[str, ...]:
    """Returns what both sides of zero mean, beside it as far as neither is cut off."""
    left, right = f"← {plot.left}", f"{plot.right} →"
    end = max(zero - 8, svg.text_width(left, svg.SMALL)) if plot.left else 0.0
    start = min(max(zero + 8, end + 16), width - svg.text_width(right, svg.SMALL))
    end = min(end, start - 16)
    return (
        svg.label(end, 14, left, "axis", anchor="end") if plot.left else "",
        svg.label(start, 14, right, "axis") if plot.right else "",
    )


def _row(
    row: ForestRow, scale: svg.Scale, top: float, height: float, width: float, *, beside: bool
) -> str:
    # A main row keeps its distance from the rows of the pair above it.
    middle = top + height - _MIDDLE
    text_y = middle + 4 if beside else middle - 11
    found, css = row.estimate, "main" if row.main else "side"
    room = 236 if beside else width - svg.text_width(row.said) - 24
    name = svg.shortened(row.name, room, 13)
    start, end, size = scale.at(found.low), scale.at(found.high), 5.0 if row.main else 3.2
    parts = [
        svg.label(0 if row.main else 12, text_y, name, f"name {css}"),
        svg.label(width, text_y, row.said, f"value {css}", anchor="end"),
        svg.line(start, middle, end, middle, f"range {css}"),
        svg.element("circle", cx=scale.at(found.value), cy=middle, r=size, class_=f"dot {css}"),
    ]
    said = f"{row.name}: {wording.signed(found.value, 4)} {wording.interval(found, sign=True)}"
    return svg.group(*parts, title=said)
