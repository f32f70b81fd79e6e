"""Horizontal bars and dots: one row per name, one mark or bar per series."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from search.report.figures import svg

_BAR, _ROOM, _TOP, _BOTTOM = 13.0, 9.0, 8.0, 40.0
_MARK = 12.0  # room for the mark of a series at the end of its bar


class Bars(NamedTuple):
    """Values by row and series.

    `values[i][j]` is series j in row i, None where there is none; `said` the same as text.
    `slots[j]` chooses the colour; `series` names are drawn as a legend if there are several.
    """

    rows: tuple[str, ...]
    series: tuple[str, ...]
    slots: tuple[int, ...]
    values: tuple[tuple[float | None, ...], ...]
    said: tuple[tuple[str, ...], ...]
    low: float
    high: float
    axis: str


def bars(
    values: Mapping[str, Mapping[str, float]],
    slots: Mapping[str, int],
    *,
    axis: str,
    form: str = "{:.3f}",
    zero: bool = True,
) -> Bars:
    """Returns rows of bars that begin at zero, or dots on their own range.

    Args:
        values: row -> series -> value; a series may lack in a row.
        slots: series -> colour; its order is the order of the series.
        axis: name of the axis, with its unit.
        form: of the text beside a value.
        zero: whether the axis holds zero, as bars must.
    """
    series = tuple(name for name in slots if any(name in row for row in values.values()))
    found = [value for row in values.values() for value in row.values()]
    low, high = min(found), max(found)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
        high = high if high > low else 1.0
    else:
        low, high = svg.padded(low, high)
    table = tuple(tuple(row.get(name) for name in series) for row in values.values())
    said = tuple(
        tuple(
            "" if value is None else form.format(value).replace("-", "\N{MINUS SIGN}")
            for value in row
        )
        for row in table
    )
    return Bars(
        tuple(values), series, tuple(slots[name] for name in series), table, said, low, high, axis
    )


def draw_bars(plot: Bars, width: float, title: str) -> str:
    """Returns bars with their values beside them."""
    many = len(plot.series) > 1
    left, top = _names_width(plot, width), _TOP + _legend_height(plot, width)
    texts = [text for row in plot.said for text in row]
    room = max(svg.text_width(text) for text in texts) + (_MARK if many else 0) + 8
    # A negative bar carries its text on its left.
    scale = svg.Scale(plot.low, plot.high, left + (room if plot.low < 0 else 0), width - room)
    heights = [_BAR * sum(map(bool, said)) + _ROOM for said in plot.said]
    bottom = top + sum(heights)
    parts = [_legend(plot, width)] if many else []
    at = top
    for index, height in enumerate(heights):
        parts.append(_name(plot.rows[index], left, at + height / 2))
        parts.append(_bars_of_row(plot, index, scale, at + _ROOM / 2))
        at += height
    parts.append(svg.line(scale.at(0), top, scale.at(0), bottom, "zero"))
    start = max(0.0, min(left, width - svg.text_width(plot.axis, svg.SMALL)))
    parts.append(svg.label(start, bottom + 18, plot.axis, "axis"))
    return svg.chart(width, bottom + 28, title, described(plot), *parts)


def draw_dots(plot: Bars, width: float, title: str) -> str:
    """Returns one line per row with the mark of every series on it, for scores far from zero."""
    left, top = _names_width(plot, width), _TOP + _legend_height(plot, width, least=1)
    scale = svg.Scale(plot.low, plot.high, left + 6, width - 12)
    bottom = top + 24 * len(plot.rows)
    parts = [_legend(plot, width), svg.x_axis(scale, top, bottom, plot.axis, 5)]
    for index, name in enumerate(plot.rows):
        y = top + 24 * index + 12
        parts.append(_name(name, left, y))
        parts.append(svg.line(scale.start, y, scale.end, y, "guide"))
        for place, slot in enumerate(plot.slots):
            value = plot.values[index][place]
            if value is not None:
                said = f"{plot.series[place]}: {plot.said[index][place]}"
                parts.append(svg.group(svg.mark(scale.at(value), y, slot, 4.5), title=said))
    return svg.chart(width, bottom + _BOTTOM, title, described(plot), *parts)


def described(plot: Bars) -> str:
    """Returns the values in words, for a screen reader."""
    rows = []
    for name, texts in zip(plot.rows, plot.said, strict=True):
        pairs = zip(plot.series, texts, strict=True)
        rows.append(f"{name}: " + ", ".join(f"{series} {text}" for series, text in pairs if text))
    return f"{plot.axis}. {'; '.join(rows)}"


def legend_places(names: Sequence[str], width: float) -> tuple[tuple[float, float], ...]:
    """Returns where the entries of a legend begin, broken into lines that fit the width."""
    places, x, y = [], 0.0, 10.0
    for name in names:
        room = svg.text_width(name) + 28
        if x > 0 and x + room > width:
            x, y = 0.0, y + 18
        places.append((x, y))
        x += room
    return tuple(places)


def _legend(plot: Bars, width: float) -> str:
    parts = []
    places = legend_places(plot.series, width)
    for (x, y), name, slot in zip(places, plot.series, plot.slots, strict=True):
        parts.append(svg.mark(x + 6, y, slot, 4.5))
        parts.append(svg.label(x + 15, y + 4, name, "tick"))
    return "".join(parts)


def _legend_height(plot: Bars, width: float, least: int = 2) -> float:
    """Returns the room of a legend, which a plot of fewer series has none of."""
    return legend_places(plot.series, width)[-1][1] + 12 if len(plot.series) >= least else 0.0


def _names_width(plot: Bars, width: float) -> float:
    return min(0.42 * width, max(svg.text_width(name, svg.SMALL) for name in plot.rows) + 10)


def _name(name: str, left: float, middle: float) -> str:
    text = svg.label(
        left - 8, middle + 4, svg.shortened(name, left - 10, svg.SMALL), "tick", anchor="end"
    )
    return svg.group(text, title=name)


def _bars_of_row(plot: Bars, index: int, scale: svg.Scale, top: float) -> str:
    """Returns the bars of the series that the row has, without gaps for the others."""
    parts, y = [], top
    marked = len(plot.series) > 1
    for value, said, slot in zip(plot.values[index], plot.said[index], plot.slots, strict=True):
        if value is not None:
            parts.append(_bar(value, said, scale, y, slot, marked=marked))
            y += _BAR
    return "".join(parts)


def _bar(value: float, said: str, scale: svg.Scale, y: float, slot: int, *, marked: bool) -> str:
    """Returns a bar with its value at its end, and there its series' mark if there are several."""
    zero, end = scale.at(0), scale.at(value)
    side = -1 if value < 0 else 1
    box = svg.rect(
        min(zero, end), y + 1, max(abs(end - zero), 0.75), _BAR - 2, f"bar {svg.colour(slot)}"
    )
    mark = svg.mark(end + side * 9, y + _BAR / 2, slot, 3.2) if marked else ""
    at = end + side * (4 + (_MARK if marked else 0))
    return (
        box + mark + svg.label(at, y + 11, said, "number", anchor="end" if value < 0 else "start")
    )
