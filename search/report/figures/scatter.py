"""Scatter plots: gain against class size, and how far probabilities can be trusted."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from search.analysis import wording
from search.analysis.reasons.plots import Bin, Reliability, Scatter
from search.report.figures import svg

_TOP, _BOTTOM, _LEFT = 30.0, 44.0, 48.0
_NAME_HEIGHT = 14.0


class Gain(NamedTuple):
    """The F1 gained in one class that has so many samples."""

    name: str
    samples: int
    gain: float


class GainPlot(NamedTuple):
    """Classes by size, on a scale of powers of ten, with the range of the gain."""

    points: tuple[Gain, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    y_name: str


def gain_plot(plot: Scatter, names: Sequence[str]) -> GainPlot:
    """Returns the gain of every class that has samples; zero is in the range.

    Args:
        plot: of one reason.
        names: C names; the class numbers where there are none.
    """
    count = len(plot.photos)
    known = names if len(names) == count else [str(i) for i in range(count)]
    rows = zip(known, plot.photos, plot.values, strict=True)
    points = tuple(Gain(*row) for row in rows if row[1] > 0)
    sizes = [math.log10(point.samples) for point in points]
    parts = [0.0, *(point.gain for point in points)]
    x, y = svg.padded(min(sizes), max(sizes)), svg.padded(min(parts), max(parts))
    return GainPlot(points, x, y, plot.y_name)


def draw_gain(plot: GainPlot, width: float, height: float, title: str) -> str:
    """Returns one dot per class; up to three that gain or lose most are named."""
    bottom = height - _BOTTOM
    x = svg.Scale(*plot.x, _LEFT, width - 18)
    y = svg.Scale(*plot.y, bottom, _TOP)
    parts = [svg.y_axis(y, _LEFT, x.end, plot.y_name, 5)]
    parts += [_size_tick(size, x, bottom) for size in size_ticks(plot.x)]
    middle = (x.start + x.end) / 2
    parts.append(svg.label(middle, bottom + 32, "photos of the class", "axis", anchor="middle"))
    parts.append(svg.line(x.start, y.at(0), x.end, y.at(0), "zero"))
    named = _named(plot.points, y)
    for point in plot.points:
        at_x, at_y = x.at(math.log10(point.samples)), y.at(point.gain)
        dot = svg.element("circle", cx=at_x, cy=at_y, r=4, class_="dot main")
        said = f"{point.name}: {wording.signed(point.gain)} with {point.samples:,} photos"
        text = ""
        if point in named:
            start = at_x < middle
            text = svg.label(
                at_x + (7 if start else -7),
                at_y + 4,
                point.name,
                "number",
                anchor="start" if start else "end",
            )
        parts.append(svg.group(dot, text, title=said))
    described = "; ".join(f"{p.name} ({p.samples}) {wording.signed(p.gain)}" for p in plot.points)
    return svg.chart(width, height, title, described, *parts)


def _named(points: Sequence[Gain], y: svg.Scale) -> list[Gain]:
    """Returns up to three points to name, the largest gains first, whose names do not overlap."""
    found: list[Gain] = []
    for point in sorted(points, key=lambda point: -abs(point.gain)):
        if all(abs(y.at(point.gain) - y.at(other.gain)) >= _NAME_HEIGHT for other in found):
            found.append(point)
    return found[:3]


def size_ticks(logs: tuple[float, float]) -> tuple[int, ...]:
    """Returns 1, 2 and 5 times powers of ten inside a range of logarithms, at most seven."""
    found = [
        factor * 10**power
        for power in range(math.floor(logs[0]), math.ceil(logs[1]) + 1)
        if power >= 0
        for factor in (1, 2, 5)
        if logs[0] <= math.log10(factor * 10**power) <= logs[1]
    ]
    return tuple(found if len(found) <= 7 else [size for size in found if str(size)[0] == "1"])


def _size_tick(size: int, x: svg.Scale, bottom: float) -> str:
    at = x.at(math.log10(size))
    tick = svg.line(at, bottom, at, bottom + 4, "grid")
    return tick + svg.label(at, bottom + 15, f"{size:,}", "tick", anchor="middle")


def draw_reliability(
    plot: Reliability, slots: Mapping[str, int], width: float, height: float
) -> str:
    """Returns the reliability diagram: on the diagonal the probabilities mean what they say.

    Args:
        plot: the bins of every approach; empty ones are left out.
        slots: approach -> colour and mark.
        width: of the figure.
        height: of the figure; the diagram is a square of it.
    """
    bottom = height - _BOTTOM
    side = min(bottom - _TOP, width - _LEFT - 12)
    x, y = svg.Scale(0, 1, _LEFT, _LEFT + side), svg.Scale(0, 1, bottom, bottom - side)
    parts = [
        svg.y_axis(y, _LEFT, x.end, "share that is right", 6),
        svg.x_axis(x, bottom, bottom + 4, "confidence of the prediction", 6),
        svg.line(x.start, y.start, x.end, y.end, "edge"),
    ]
    curves = {name: [bin_ for bin_ in bins if bin_.samples] for name, bins in plot.curves.items()}
    most = max((bin_.samples for bins in curves.values() for bin_ in bins), default=1)
    for index, (name, bins) in enumerate(curves.items()):
        slot = slots.get(name, 0)
        parts.append(_reliable(name, slot, bins, x, y, most))
        at = bottom - side + 8 + 18 * index
        parts.append(svg.mark(x.end + 18, at, slot, 4))
        parts.append(svg.label(x.end + 28, at + 4, name, f"said {svg.colour(slot)}"))
    said = "; ".join(
        f"{name}: "
        + ", ".join(f"{bin_.accuracy:.2f} right at {bin_.confidence:.2f}" for bin_ in bins)
        for name, bins in curves.items()
    )
    return svg.chart(width, height, plot.title, said, *parts)


def _reliable(
    name: str, slot: int, bins: Sequence[Bin], x: svg.Scale, y: svg.Scale, most: int
) -> str:
    """Returns one curve; a mark's area grows with the samples behind it, `most` the largest."""
    places = [(x.at(bin_.confidence), y.at(bin_.accuracy)) for bin_ in bins]
    if not places:
        return ""
    path = "M" + "L".join(f"{svg.number(px)} {svg.number(py)}" for px, py in places)
    parts = [svg.element("path", d=path, class_=f"line {svg.colour(slot)}")]
    for (px, py), bin_ in zip(places, bins, strict=True):
        parts.append(svg.mark(px, py, slot, 2 + 3 * math.sqrt(bin_.samples / most)))
    return svg.group(*parts, title=name)
