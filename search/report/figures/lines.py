"""Line plots: anytime curves as steps, scores against a number, errors against raw age."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from search.analysis import wording
from search.analysis.curves import Curve
from search.analysis.reasons.plots import Lines
from search.report.figures import svg

_TOP, _BOTTOM, _LEFT = 30.0, 44.0, 44.0
_GAP = 15.0  # between the labels of two lines
_MOST_TICKS = 6  # measured places that are named themselves
_MOST_MARKS = 14  # points of a line that still bear marks
_UNITS = ((7200.0, 3600.0, "hours"), (300.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


class Point(NamedTuple):
    """A point of a line; the interval and the samples behind it are None where none are known."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    samples: int | None = None


class Line(NamedTuple):
    """A line with its label at the right end; `slot` chooses colour and mark."""

    name: str
    slot: int
    points: tuple[Point, ...]
    said: str


class LinePlot(NamedTuple):
    """Lines with the ranges of both axes.

    `stepped` draws a value on until the next; `edges` are marked on the x axis; `x_ticks` are the
    ticks of the x axis, round numbers where there are none; a line breaks where the next point is
    further than `step`.
    """

    lines: tuple[Line, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str
    stepped: bool = False
    edges: tuple[float, ...] = ()
    x_ticks: tuple[float, ...] = ()
    step: float = math.inf


def anytime_plot(curves: Sequence[Curve], slots: Mapping[str, int]) -> LinePlot:
    """Returns the best score against device time, in the unit that fits, one line per approach.

    Args:
        curves: at least one with a step.
        slots: approach -> colour and mark.
    """
    drawn = [curve for curve in curves if curve.values]
    most = max(curve.spent for curve in drawn)
    _, unit, name = next(row for row in _UNITS if most >= row[0])
    lines = []
    for curve in drawn:
        steps = zip(curve.device_seconds, curve.values, strict=True)
        points = [Point(seconds / unit, value) for seconds, value in steps]
        end = Point(curve.spent / unit, curve.values[-1])
        said = f"{curve.name} {wording.score(end.y)}"
        lines.append(Line(curve.name, slots.get(curve.name, 0), (*points, end), said))
    values = [point.y for line in lines for point in line.points]
    return LinePlot(
        lines=tuple(lines),
        x=(0.0, most / unit),
        y=svg.padded(min(values), max(values)),
        x_name=f"device time spent by the search ({name})",
        y_name="validation macro-F1 in hand",
        stepped=True,
    )


def number_plot(plot: Lines, slots: Mapping[str, int]) -> LinePlot:
    """Returns values against a number; where they gather round edges they are shares from zero.

    Args:
        plot: of one reason, or of all on one card.
        slots: line -> colour and mark; what is no approach has a colour that none has.
    """
    lines = []
    for index, (name, found) in enumerate(plot.lines.items()):
        ranked = sorted(found, key=lambda point: point.x)
        drawn = tuple(
            Point(p.x, p.value, *(p.interval or ()))._replace(samples=p.samples) for p in ranked
        )
        lines.append(Line(name, slots.get(name, svg.other(index)), drawn, name))
    points = [point for line in lines for point in line.points]
    ends = [end for p in points for end in (p.low, p.y, p.high) if end is not None]
    places = tuple(sorted({p.x for p in points}))
    x_ends = (*places, *plot.edges)  # an edge may lie beside all that was seen
    x, y = (min(x_ends), max(x_ends)), (0.0, max(*ends, 1.0) * 1.08)
    if not plot.edges:
        x, y = svg.padded(*x, 0.03), svg.padded(min(ends), max(ends))
    return LinePlot(
        lines=tuple(lines),
        x=x,
        y=y,
        x_name=plot.x_name,
        y_name=plot.y_name,
        edges=tuple(sorted(set(plot.edges))),
        x_ticks=() if plot.edges or len(places) > _MOST_TICKS else places,
        step=math.inf if plot.step is None else plot.step,
    )


def draw_lines(plot: LinePlot, width: float, height: float, title: str) -> str:
    """Returns the plot, every line named at its right end."""
    # Set bold, a name is a little wider.
    room = max(1.12 * svg.text_width(line.said) for line in plot.lines) + 10
    bottom = height - _BOTTOM
    x = svg.Scale(*plot.x, _LEFT, width - room)
    y = svg.Scale(*plot.y, bottom, _TOP)
    parts = [svg.y_axis(y, _LEFT, x.end, plot.y_name, 6)]
    most = 7 if width >= 600 else 5
    parts.append(svg.x_axis(x, bottom, bottom + 4, plot.x_name, most, plot.x_ticks))
    for edge in plot.edges:
        parts.append(svg.line(x.at(edge), _TOP, x.at(edge), bottom, "edge"))
    ends = svg.spread([y.at(line.points[-1].y) for line in plot.lines], _GAP, _TOP, bottom)
    for line, end in zip(plot.lines, ends, strict=True):
        parts.append(_line(line, plot, x, y, end))
    described = f"{plot.y_name} against {plot.x_name}: " + "; ".join(
        f"{line.name} from {wording.score(line.points[0].y)} to {wording.score(line.points[-1].y)}"
        for line in plot.lines
    )
    return svg.chart(width, height, title, described, *parts)


def runs(points: Sequence[Point], step: float) -> tuple[tuple[Point, ...], ...]:
    """Returns the points in pieces, each without a gap wider than `step`."""
    found: list[list[Point]] = []
    for point in points:
        if not found or point.x - found[-1][-1].x > step * (1 + 1e-9):
            found.append([])
        found[-1].append(point)
    return tuple(map(tuple, found))


def step_path(points: Sequence[tuple[float, float]], *, stepped: bool) -> str:
    """Returns the path through positions; stepped goes across first, then up or down."""
    path = ""
    for x, y in points:
        at = f"{svg.number(x)} {svg.number(y)}"
        if not path:
            path = f"M{at}"
        elif stepped:
            path += f"H{svg.number(x)}V{svg.number(y)}"
        else:
            path += f"L{at}"
    return path


def _line(line: Line, plot: LinePlot, x: svg.Scale, y: svg.Scale, label_y: float) -> str:
    css = svg.colour(line.slot)
    parts = []
    for point in line.points:
        if point.low is not None and point.high is not None:
            at = x.at(point.x)
            parts.append(svg.line(at, y.at(point.low), at, y.at(point.high), f"whisker {css}"))
    # The last step only carries the line on to the end of the search: no mark there.
    marked = line.points[:-1] if plot.stepped else line.points
    counted = all(point.samples is not None for point in marked)
    bare = not plot.stepped and not counted and len(marked) > _MOST_MARKS
    for part in runs(line.points, plot.step):
        path = step_path([(x.at(p.x), y.at(p.y)) for p in part], stepped=plot.stepped)
        parts.append(svg.element("path", d=path, class_=f"line{' bare' * bare} {css}"))
    if not bare:
        parts += [_mark(point, line.slot, plot, x, y) for point in marked]
    last_x, last_y = x.at(line.points[-1].x), y.at(line.points[-1].y)
    if abs(label_y - last_y) > 2 or last_x < x.end - 1:
        parts.append(svg.line(last_x + 2, last_y, x.end + 6, label_y, f"lead {css}"))
    parts.append(svg.label(x.end + 9, label_y + 4, line.said, f"said {css}"))
    return svg.group(*parts, title=line.name)


def _with_unit(value: float, axis: str) -> str:
    """Returns a value in full, with the unit that ends the name of its axis: "ages (years)"."""
    unit = axis.rpartition("(")[2].removesuffix(")") if axis.endswith(")") else ""
    text = f"{value:,.0f}" if abs(value) >= 1_000 else _three_digits(value)
    return f"{text} {unit}".rstrip()


def _three_digits(value: float) -> str:
    """Returns three digits or all before the point, without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def _most_samples(plot: LinePlot) -> int:
    return max((p.samples or 0 for line in plot.lines for p in line.points), default=0)


def _mark(point: Point, slot: int, plot: LinePlot, x: svg.Scale, y: svg.Scale) -> str:
    """Returns the mark of a point with its values; its area grows with the samples behind it."""
    said = f"{_with_unit(point.x, plot.x_name)}: {_with_unit(point.y, plot.y_name)}"
    if point.samples is None:
        return svg.group(svg.mark(x.at(point.x), y.at(point.y), slot, 3.2), title=said)
    size = 0.8 + 3.4 * math.sqrt(point.samples / max(1, _most_samples(plot)))
    drawn = svg.mark(x.at(point.x), y.at(point.y), slot, size)
    return svg.group(drawn, title=f"{said}, {wording.plural(point.samples, 'photo')}")
