"""What an approach is made of, drawn: a photo, its networks, and what each of them says."""

from collections.abc import Sequence
from math import prod

from search.report.contents import Network
from search.report.figures import svg

WIDTH = 232.0
_ROW, _BOX, _TOP = 30.0, 22.0, 6.0
_PHOTO, _NET, _OUT = (2.0, 28.0), (50.0, 62.0), (134.0, 96.0)  # left edge and width


def draw_approach(name: str, networks: Sequence[Network], slot: int) -> str:
    """Returns the drawing; the networks bear the approach's colour."""
    rows = [outputs_of(network) for network in networks]
    height = 2 * _TOP + _ROW * sum(map(len, rows))
    middle, top = height / 2, _TOP
    parts = [_photo(middle)]
    for texts in rows:
        parts.append(_network(texts, top, middle, slot))
        top += _ROW * len(texts)
    said = "; ".join(f"a network that says {' and '.join(texts)}" for texts in rows)
    return svg.chart(WIDTH, height, f"How {name} works", f"One photo; {said}", *parts)


def outputs_of(network: Network) -> tuple[str, ...]:
    """Returns what a network says, an output each."""
    if network.heads:
        return tuple(f"{name}: {count}" for name, count in network.classes.items())
    if len(network.classes) == 1:
        ((name, count),) = network.classes.items()
        return (f"{name}: {count}",)
    return (f"{prod(network.classes.values()):,} classes",)


def _photo(middle: float) -> str:
    """Returns a photo with a face on it."""
    left, side = _PHOTO
    x, y = left + side / 2, middle - 3
    return svg.group(
        svg.rect(left, middle - side / 2, side, side, "out", rx=3),
        svg.element("circle", cx=x, cy=y, r=5, class_="wire"),
        svg.element(
            "path", d=f"M{svg.number(x - 8)} {svg.number(y + 15)}q8 -13 16 0", class_="wire"
        ),
        title="a photo",
    )


def _network(texts: Sequence[str], top: float, photo: float, slot: int) -> str:
    """Returns one network from the photo to its outputs, in the rows from `top` on."""
    middle = top + _ROW * len(texts) / 2
    (net, net_width), (out, out_width) = _NET, _OUT
    parts = [
        svg.line(sum(_PHOTO), photo, net, middle, "wire"),
        svg.rect(net, middle - _BOX / 2, net_width, _BOX, f"net {svg.colour(slot)}", rx=4),
        svg.label(net + net_width / 2, middle + 4, "network", "tick", anchor="middle"),
    ]
    for row, text in enumerate(texts):
        y = top + _ROW * (row + 0.5)
        shown = svg.shortened(text, out_width - 8, svg.SMALL)
        parts.append(svg.line(net + net_width, middle, out, y, "wire"))
        parts.append(svg.rect(out, y - _BOX / 2, out_width, _BOX, "out", rx=3))
        label = svg.label(out + out_width / 2, y + 4, shown, "tick", anchor="middle")
        parts.append(svg.group(label, title=text))
    return "".join(parts)
