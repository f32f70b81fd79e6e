"""Draws hair: what falls behind the head, the cap on top of it and the curtains beside it."""

from typing import Final

import numpy as np

from trainables.data.demo.canvas import Canvas, Points, Rgb, curve, mirrored, mix, path, shade
from trainables.data.demo.looks import Ageing, Hair

_CURTAIN_FROM: Final = 0.3
_Front = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
_FRONTS: Final[dict[str, _Front]] = {
    # x, y and how far each point of the hairline climbs as the hair recedes
    "bangs": (
        (0.82, 0.6, 0.25, -0.1, -0.42, -0.8),
        (-0.36, -0.39, -0.43, -0.38, -0.42, -0.36),
        (1.0, 1.0, 1.1, 1.1, 1.0, 1.0),
    ),
    "centre": (
        (0.84, 0.55, 0.0, -0.55, -0.84),
        (-0.35, -0.72, -1.12, -0.72, -0.35),
        (0, 1, 0.3, 1, 0),
    ),
    "side": (
        (0.82, 0.66, 0.42, 0.0, -0.5, -0.85),
        (-0.5, -0.86, -1.1, -0.84, -0.62, -0.42),
        (0.84, 1.0, 0.4, 1.0, 1.0, 0.8),
    ),
    "up": ((0.82, 0.6, 0.0, -0.6, -0.82), (-0.5, -0.86, -0.9, -0.86, -0.5), (0.84, 1, 1, 1, 0.84)),
    "swept": (
        (0.82, 0.55, 0.1, -0.55, -0.82),
        (-0.5, -0.92, -0.98, -0.92, -0.5),
        (0.84, 1.0, 0.9, 1.0, 0.84),
    ),
}


def hair_colour(hair: Hair, ageing: Ageing) -> Rgb:
    """Returns the mean colour of the hair, greyed with age."""
    return mix(hair.rgb, hair.grey_rgb, 0.85 * ageing.grey)


def draw_back(canvas: Canvas, hair: Hair, ageing: Ageing) -> None:
    """Draws the hair behind neck and shoulders of a person with long hair."""
    if hair.length < _CURTAIN_FROM:
        return
    bottom = 0.4 + 1.15 * hair.length
    wide = 1.12 + 0.5 * hair.volume + 0.2 * hair.perm
    rgb = shade(hair_colour(hair, ageing), 0.72)
    half = [(0.0, -1.4), (0.8, -1.2), (wide, -0.3), (wide + 0.06, 0.5 * bottom), (wide, bottom)]
    points = np.array([*half, (0.5, bottom + 0.1), (-0.5, bottom + 0.1)])
    rest = mirrored(np.array(half[1:]))[::-1]
    canvas.fill(_curled(curve(np.concatenate([points, rest]), closed=True), hair), rgb)


def draw_front(canvas: Canvas, hair: Hair, ageing: Ageing) -> None:
    """Draws the cap of hair and, when it is long, the strands beside the face."""
    rgb = hair_colour(hair, ageing)
    if hair.length >= _CURTAIN_FROM:
        for side in (-1.0, 1.0):
            curtain = _curtain(hair) * np.array([side, 1.0])
            canvas.fill(_curled(curtain, hair), shade(rgb, 0.88))
    cap = _cap(hair, ageing)
    canvas.fill(cap, rgb)
    _draw_strands(canvas, hair, ageing, rgb)


def _curled(points: Points, hair: Hair) -> Points:
    """Waves along the outline for permed hair."""
    if hair.perm < 0.1:
        return points
    along = np.arange(len(points))
    wave = 1.0 + 0.045 * hair.perm * np.sin(1.25 * along + hair.seed % 7)
    centre = np.array([0.0, -0.2])
    return np.asarray((points - centre) * wave[:, None] + centre)


def _curtain(hair: Hair) -> Points:
    bottom = 0.35 + 1.1 * hair.length
    out = 1.1 + 0.6 * hair.volume + 0.15 * hair.perm
    return curve(
        [
            (0.5, -1.2),
            (0.98, -0.9),
            (out, -0.1),
            (out + 0.05, 0.5 * bottom),
            (out - 0.05, bottom),
            (0.92, bottom + 0.05),
            (0.88, 0.6 * bottom),
            (0.9, 0.0),
            (0.84, -0.5),
        ],
        closed=True,
    )


def _cap(hair: Hair, ageing: Ageing) -> Points:
    """The outline of the cap: over the skull from ear to ear, back along the hairline."""
    volume = hair.volume * (1.0 - 0.7 * ageing.receding) + 0.14 * hair.perm
    ears = 0.28 if hair.length > -0.3 else 0.1
    rise = 1.0 + volume
    right = np.array(
        [
            (0.4, -1.30 - 1.0 * volume),
            (0.78 + 0.3 * volume, -1.08 - 0.6 * volume),
            (1.0 + 0.5 * volume, -0.62),
            (1.04 + 0.45 * volume, -0.15),
            (1.03, ears),
        ]
    )
    crown = np.array([(0.0, -1.30 - 0.12 * rise - 0.9 * volume)])
    outer = np.concatenate([mirrored(right)[::-1], crown, right])
    inner = _hairline(hair, ageing, ears)
    return np.concatenate([_curled(curve(outer), hair), curve(inner)])


def _hairline(hair: Hair, ageing: Ageing, ears: float) -> Points:
    """The hairline from the right sideburn to the left one; it climbs where hair recedes."""
    back = ageing.receding
    xs, ys, climb = _FRONTS[hair.style]
    front = path(xs, ys)
    front[:, 1] -= 0.5 * back * np.array(climb)
    if hair.part < 0:
        front = mirrored(front)[::-1]
    right = path((0.97, 0.93, 0.9), (ears, -0.15, -0.3 - 0.2 * back))
    return np.concatenate([right, front, mirrored(right)[::-1]])


def _draw_strands(canvas: Canvas, hair: Hair, ageing: Ageing, rgb: Rgb) -> None:
    """Lighter and darker strands; grey shows in them first, most at the temples."""
    rng = np.random.default_rng(hair.seed)
    count = 17
    for angle in np.linspace(-1.25, 1.25, count) + rng.normal(0.0, 0.05, count):
        grey = min(1.6 * ageing.grey * (0.7 + 0.5 * abs(angle)) + rng.normal(0.0, 0.15), 1.0)
        shine = mix(shade(hair.rgb, rng.uniform(0.75, 1.5)), hair.grey_rgb, max(grey, 0.0))
        root = np.array([np.sin(angle) * 0.92, -0.2 - np.cos(angle) * 0.86])
        tip = np.array([np.sin(angle) * 1.06, -0.2 - np.cos(angle) * (1.12 + 0.9 * hair.volume)])
        bend = np.array([rng.normal(0.0, 0.05), 0.0])
        strand = curve([root, (root + tip) / 2 + bend, tip])
        canvas.stroke(strand, 0.06, mix(rgb, shine, 0.55), 0.7, taper=1.0)
    if hair.length >= _CURTAIN_FROM:
        _draw_long_strands(canvas, hair, ageing, rgb, rng)


def _draw_long_strands(
    canvas: Canvas, hair: Hair, ageing: Ageing, rgb: Rgb, rng: np.random.Generator
) -> None:
    bottom = 0.3 + 1.05 * hair.length
    for side in (-1.0, 1.0):
        for x in (0.96, 1.05):
            shine = mix(shade(hair.rgb, rng.uniform(0.8, 1.8)), hair.grey_rgb, ageing.grey)
            strand = curve([(x - 0.06, -0.6), (x + 0.03, 0.1), (x, bottom)])
            canvas.stroke(strand * np.array([side, 1.0]), 0.045, mix(rgb, shine, 0.7), 0.7)
