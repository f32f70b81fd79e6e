"""The few SVG parts that all figures are made of: elements, text, scales, ticks, marks.

Colours come from the page's style sheet by class (`c0`..`c5` an approach, `hit`, `miss`, `muted`),
so a figure follows the reader's light or dark setting. One unit is one CSS pixel at full size.
"""

import math
import unicodedata
from itertools import pairwise
from typing import NamedTuple

from markupsafe import escape

WIDE = 720.0
"""Width of a figure over the whole column."""
NARROW = 358.0
"""Width on a phone, and of the small figures that stand side by side."""
NUM_COLOURS = 6
PLAIN = -1
"""The slot of what belongs to no approach: it has no approach's colour."""
_NUM_OTHERS = 3
TEXT = 12.0
SMALL = 11.5
"""Font sizes of labels and of ticks; the style sheet sets the same."""
_NARROW = frozenset("iljtfrI.,:;|'!()[]/ \N{NO-BREAK SPACE}")
_BROAD = frozenset("mwMW@%")
_MOST_DIGITS = 6
Number = float | int
Attribute = str | Number | None


class Scale(NamedTuple):
    """Maps values [low, high] to positions [start, end] in a straight line."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Returns the position of a value; of one outside, that of the nearest end."""
        span = self.high - self.low
        share = 0.5 if span == 0 else (min(max(value, self.low), self.high) - self.low) / span
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Returns at most `most` round numbers (1, 2 or 5 times a power of ten) in [low, high]."""
    if not high > low:
        return (low,)
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        first, last = math.ceil(low / step / factor), math.floor(high / step / factor)
        if last - first < most:
            break
    size = step * factor
    return tuple(round(index * size, 12) for index in range(first, last + 1))


def tick_text(values: tuple[float, ...]) -> tuple[str, ...]:
    """Returns ticks with the digits that they need, and no more."""
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    near = [
        d for d in range(_MOST_DIGITS) if all(abs(round(v, d) - v) < step / 100 for v in values)
    ]
    digits = near[0] if near else _MOST_DIGITS
    return tuple(f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}") for value in values)


def text_width(text: str, size: float = TEXT) -> float:
    """Returns about how wide a text is set in a wide system font; never much less than it is."""
    return size * sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> float:
    """Returns ems; Korean and other wide letters take one."""
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _NARROW:
        return 0.36
    if letter in _BROAD:
        return 0.88
    return 0.7 if letter.isupper() else 0.62


def shortened(text: str, width: float, size: float = TEXT) -> str:
    """Returns the text, cut with an ellipsis where it is wider than `width`."""
    if text_width(text, size) <= width + 0.01:  # a width that was made for it, added up again
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def element(name: str, *content: str, **attributes: Attribute) -> str:
    """Returns an element; `class_` is `class`, other underscores are hyphens, None is left out.

    Attributes are escaped; `content` is markup and is not.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            written = value if isinstance(value, str) else number(value)
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(written)}"')
    opened = " ".join(parts)
    return f"<{opened}>{''.join(content)}</{name}>" if content else f"<{opened}/>"


def number(value: Number) -> str:
    """Returns a coordinate with at most two digits after the point."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def label(x: float, y: float, text: str, css: str = "", *, anchor: str = "start") -> str:
    """Returns a line of text; `anchor` is "start", "middle" or "end"."""
    where = None if anchor == "start" else anchor
    return element("text", str(escape(text)), x=x, y=y, class_=css or None, text_anchor=where)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """Returns a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=css)


def rect(x: float, y: float, width: float, height: float, css: str, **more: Attribute) -> str:
    """Returns a rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, class_=css, **more)


def group(*content: str, css: str = "", title: str = "") -> str:
    """Returns parts that belong together, with what a pointer over them says."""
    said = element("title", str(escape(title))) if title else ""
    return element("g", said, *content, class_=css or None)


def colour(slot: int) -> str:
    """Returns the class that gives the colour of an approach, or of what is none."""
    if slot == PLAIN:
        return "plain"
    return f"o{(PLAIN - 1 - slot) % _NUM_OTHERS}" if slot < 0 else f"c{slot % NUM_COLOURS}"


def other(place: int) -> int:
    """Returns the slot of one of several things that are no approach and have colours apart."""
    return PLAIN - 1 - place


def mark(x: float, y: float, slot: int, size: float = 4.0) -> str:
    """Returns the mark of an approach: its own shape, so that colour is never needed."""
    css = f"mark {colour(slot)}"
    shape = slot % 4
    if shape == 0:
        return element("circle", cx=x, cy=y, r=size, class_=css)
    if shape == 1:
        return rect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size, css)
    triangle = ((0, -1.25), (1.15, 0.85), (-1.15, 0.85))
    corners = triangle if shape == 2 else ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
    points = " ".join(f"{number(x + size * dx)},{number(y + size * dy)}" for dx, dy in corners)
    return element("polygon", points=points, class_=css)


def chart(width: float, height: float, title: str, description: str, *content: str) -> str:
    """Returns a whole figure: an image to a screen reader, with a title and a description."""
    return element(
        "svg",
        element("title", str(escape(title))),
        element("desc", str(escape(description))),
        *content,
        class_="chart",
        role="img",
        viewBox=f"0 0 {number(width)} {number(height)}",
        style=f"max-width:{number(width)}px",
    )


def x_axis(
    scale: Scale,
    top: float,
    bottom: float,
    name: str,
    most: int = 6,
    values: tuple[float, ...] = (),
) -> str:
    """Returns ticks with grid lines from `top` to `bottom`, and the axis's name below.

    Args:
        scale: of the axis.
        top: where grid lines begin.
        bottom: where they end.
        name: of the axis, with its unit.
        most: ticks, where they are round numbers.
        values: the ticks themselves, increasing; round numbers where there are none.
    """
    values = values or ticks(scale.low, scale.high, most)
    parts = []
    for value, text in zip(values, tick_text(values), strict=True):
        x = scale.at(value)
        parts.append(line(x, top, x, bottom, "grid"))
        parts.append(label(x, bottom + 15, text, "tick", anchor="middle"))
    middle = (scale.start + scale.end) / 2
    parts.append(label(middle, bottom + 32, name, "axis", anchor="middle"))
    return "".join(parts)


def y_axis(scale: Scale, left: float, right: float, name: str, most: int = 6) -> str:
    """Returns ticks with grid lines from `left` to `right`, and the axis's name on top."""
    values = ticks(scale.low, scale.high, most)
    parts = []
    for value, text in zip(values, tick_text(values), strict=True):
        y = scale.at(value)
        parts.append(line(left, y, right, y, "grid"))
        parts.append(label(left - 6, y + 4, text, "tick", anchor="end"))
    parts.append(label(0, scale.end - 12, name, "axis"))
    return "".join(parts)


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Returns a range a little wider than the values, so that no mark sits on the edge."""
    room = share * (high - low) or max(abs(high) * share, 1e-3)
    return low - room, high + room


def spread(positions: list[float], gap: float, low: float, high: float) -> list[float]:
    """Returns positions at least `gap` apart, each as near to its own as their order allows.

    Args:
        positions: where labels would like to be, in any order.
        gap: least distance.
        low: the least position; the highest is `high` as long as all find room.
        high: the largest position.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = [0.0] * len(positions)
    at = -math.inf
    for index in order:
        at = max(positions[index], at + gap, low)
        placed[index] = at
    limit = high
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed
