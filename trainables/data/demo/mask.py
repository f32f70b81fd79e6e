"""Draws masks of several makes, worn properly or not; the fifth mask is a patterned bandana."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from trainables.data.demo.canvas import (
    Canvas,
    Points,
    Rgb,
    box,
    curve,
    mix,
    oval,
    path,
    shade,
    symmetric,
)
from trainables.data.demo.looks import Face

BANDANA: Final = "bandana"
_WHITES: Final[tuple[Rgb, ...]] = ((246, 247, 248), (238, 240, 242), (250, 248, 242))
_COLOURS: Final[dict[str, tuple[Rgb, ...]]] = {
    "surgical": ((158, 204, 232), (240, 244, 246), (170, 216, 196), (240, 190, 204), (50, 54, 60)),
    "folded": (*_WHITES, (40, 42, 48), (190, 182, 170), (60, 70, 96)),
    "cloth": ((46, 48, 54), (204, 120, 110), (110, 140, 120), (224, 210, 180), (90, 96, 150)),
    "cup": (*_WHITES, (224, 226, 224)),
    "sport": ((34, 36, 40), (110, 114, 120), (52, 66, 92), (150, 60, 64)),
    BANDANA: (
        (176, 38, 46),
        (34, 58, 128),
        (28, 30, 34),
        (36, 104, 76),
        (214, 120, 40),
        (120, 60, 130),
    ),
}
PATTERNS: Final = ("dots", "checks", "stripes", "paisley", "camouflage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """One mask of a person and how it sits: `wear`, `nose` (nose bare) or `chin` (mouth bare)."""

    make: str
    rgb: Rgb
    pattern: str
    sits: str
    slip: float

    def __post_init__(self) -> None:
        if self.make not in _COLOURS:
            raise ValueError(f"unknown mask make {self.make!r}; available: {sorted(_COLOURS)}")
        if self.sits not in ("wear", "nose", "chin"):
            raise ValueError(f"a mask sits 'wear', 'nose' or 'chin', got {self.sits!r}")


def choose_mask(make: str, sits: str, rng: np.random.Generator) -> Mask:
    """Returns a mask of `make` in one of its colours."""
    colours = _COLOURS[make]
    usual = make != BANDANA and rng.random() < 0.4
    return Mask(
        make=make,
        rgb=_WHITES[0] if usual else colours[int(rng.integers(len(colours)))],
        pattern=str(rng.choice(PATTERNS)),
        sits=sits,
        slip=float(rng.uniform(-1.0, 1.0)),
    )


def draw_mask(canvas: Canvas, mask: Mask, face: Face, rng: np.random.Generator) -> None:
    """Draws the mask over the face, its loops first."""
    top, bottom = _span(mask)
    shape = _shape(mask, face, top, bottom)
    if mask.make == BANDANA:
        _draw_bandana(canvas, mask, shape, top, rng)
        return
    _draw_loops(canvas, mask, face, top, bottom)
    canvas.fill(shape, mask.rgb)
    _draw_volume(canvas, mask, shape, top, bottom)
    _DETAILS[mask.make](canvas, mask, top, bottom)
    edge = mix(shade(mask.rgb, 0.72), (90, 90, 100), 0.2)
    canvas.stroke(np.concatenate([shape, shape[:1]]), 0.022, edge, 0.8, taper=0.0)


def _span(mask: Mask) -> tuple[float, float]:
    """Top and bottom of the mask at the middle of the face."""
    if mask.sits == "wear":
        return 0.28 + 0.05 * mask.slip, 1.52
    if mask.sits == "nose":
        return 0.68 + 0.04 * mask.slip, 1.6
    return 1.08 + 0.05 * mask.slip, 1.86


def _shape(mask: Mask, face: Face, top: float, bottom: float) -> Points:
    tall = bottom - top
    wide = face.width * (0.9 if mask.sits == "wear" else 0.84 if mask.sits == "nose" else 0.7)
    jaw = (face.jaw + 0.04) * face.width
    if mask.make == BANDANA:
        wide = 1.0 * face.width
        low = bottom + 0.62
        ys = (top, top + 0.05, top + 0.1, top + 0.55 * tall, bottom, low - 0.2, low)
        return symmetric(path((0.0, 0.45, wide, wide, 0.62, 0.28, 0.0), ys))
    shares, xs = {
        "surgical": (
            (0.0, 0.03, 0.16, 0.4, 0.75, 0.97, 1.0),
            (0.0, 0.4, wide, wide, min(jaw, wide), 0.42, 0.0),
        ),
        "folded": (
            (0.0, 0.07, 0.26, 0.42, 0.6, 0.92, 1.0),
            (0.0, 0.25, 0.7, wide + 0.03, wide - 0.02, 0.5, 0.0),
        ),
    }.get(
        mask.make,
        ((0.0, 0.08, 0.2, 0.3, 0.62, 0.9, 1.0), (0.0, 0.22, 0.62, wide, wide - 0.03, 0.52, 0.0)),
    )
    return symmetric(path(xs, [top + share * tall for share in shares]))


def _draw_loops(canvas: Canvas, mask: Mask, face: Face, top: float, bottom: float) -> None:
    ear = 1.0 * face.width
    light = mix(mask.rgb, (236, 236, 236), 0.6)
    for side in (-1.0, 1.0):
        flip = np.array([side, 1.0])
        edge = top + 0.3 * (bottom - top)
        upper = curve([(0.8, edge), (0.93, 0.5 * edge), (ear, 0.02)]) * flip
        lower = curve([(0.8, edge + 0.25), (0.95, edge), (ear + 0.02, 0.36)]) * flip
        canvas.stroke(upper, 0.032, light, taper=0.0)
        canvas.stroke(lower, 0.032, light, taper=0.0)


def _draw_volume(canvas: Canvas, mask: Mask, shape: Points, top: float, bottom: float) -> None:
    """Light from above: a lit ridge and darker sides and bottom."""
    middle = 0.5 * (top + bottom)
    tall = bottom - top
    dark = shade(mask.rgb, 0.6)
    low = [(oval((0.0, bottom - 0.08 * tall), (0.45, 0.1 * tall)), 0.35)]
    low += [(oval((side * 0.72, middle), (0.12, 0.3 * tall)), 0.3) for side in (-1.0, 1.0)]
    canvas.soft(low, dark, 0.07, inside=shape)
    light = mix(mask.rgb, (255, 255, 255), 0.6)
    canvas.soft([(oval((0.04, top + 0.28 * tall), (0.3, 0.14 * tall)), 0.5)], light, 0.1, shape)


def _draw_pleats(canvas: Canvas, mask: Mask, top: float, bottom: float) -> None:
    dark = shade(mask.rgb, 0.74)
    for share in (0.36, 0.55, 0.74):
        y = top + share * (bottom - top)
        half = 0.8 - 0.25 * max(share - 0.5, 0.0)
        line = curve([(-half, y - 0.04), (0.0, y + 0.03), (half, y - 0.04)])
        canvas.stroke(line, 0.035, dark, 0.8, taper=0.3)
    wire = curve([(-0.3, top + 0.1), (0.0, top + 0.06), (0.3, top + 0.1)])
    canvas.stroke(wire, 0.04, shade(mask.rgb, 0.86), 0.9)


def _draw_folds(canvas: Canvas, mask: Mask, top: float, bottom: float) -> None:
    dark = shade(mask.rgb, 0.72)
    tall = bottom - top
    for share, bend in ((0.34, -0.1), (0.7, 0.12)):
        y = top + share * tall
        line = curve([(-0.82, top + 0.48 * tall), (-0.4, y), (0.0, y + 0.3 * bend)])
        canvas.stroke(line, 0.034, dark, 0.8, taper=0.4)
        canvas.stroke(line * np.array([-1.0, 1.0]), 0.034, dark, 0.8, taper=0.4)


def _draw_seam(canvas: Canvas, mask: Mask, top: float, bottom: float) -> None:
    line = curve([(0.0, top), (0.03, 0.5 * (top + bottom)), (0.0, bottom)])
    canvas.stroke(line, 0.03, shade(mask.rgb, 0.66), 0.9, taper=0.0)
    if mask.pattern == "dots":
        for x in (-0.6, -0.35, -0.12, 0.15, 0.38, 0.62):
            for share in (0.4, 0.58, 0.75):
                y = top + (share + 0.06 * (x > 0)) * (bottom - top)
                canvas.ellipse((x * (1.2 - 0.4 * share), y), (0.03, 0.03), (248, 246, 240), 0.8)


def _draw_cup(canvas: Canvas, mask: Mask, top: float, bottom: float) -> None:
    tall = bottom - top
    rim = oval((0.0, top + 0.53 * tall), (0.56, 0.36 * tall))
    canvas.stroke(np.concatenate([rim, rim[:1]]), 0.03, shade(mask.rgb, 0.78), 0.9, taper=0.0)
    wire = curve([(-0.24, top + 0.14), (0.0, top + 0.05), (0.24, top + 0.14)])
    canvas.stroke(wire, 0.05, (170, 174, 180), 0.95, taper=0.2)


def _draw_valve(canvas: Canvas, mask: Mask, top: float, bottom: float) -> None:
    _draw_folds(canvas, mask, top, bottom)
    centre = (0.42, top + 0.6 * (bottom - top))
    radius = 0.13 * min(1.0, bottom - top)
    canvas.ellipse(centre, (radius, radius), mix(mask.rgb, (200, 200, 204), 0.6))
    canvas.ellipse(centre, (0.6 * radius, 0.6 * radius), shade(mask.rgb, 0.8))


_DETAILS: Final = {
    "surgical": _draw_pleats,
    "folded": _draw_folds,
    "cloth": _draw_seam,
    "cup": _draw_cup,
    "sport": _draw_valve,
}


def _draw_bandana(
    canvas: Canvas,
    mask: Mask,
    shape: Points,
    top: float,
    rng: np.random.Generator,
) -> None:
    layer = canvas.layer()
    layer.fill(box(-1.4, top - 0.2, 1.4, top + 2.4), mask.rgb)
    _draw_pattern(layer, mask, top, rng)
    canvas.paste_inside(layer, shape)
    for side in (-1.0, 1.0):
        flip = np.array([side, 1.0])
        drape = curve([(0.75, top + 0.15), (0.45, top + 0.75), (0.15, top + 1.4)]) * flip
        canvas.stroke(drape, 0.05, shade(mask.rgb, 0.6), 0.5)
    edge = np.concatenate([shape, shape[:1]])
    canvas.stroke(edge, 0.025, shade(mask.rgb, 0.6), 0.8, taper=0.0)


def _draw_pattern(layer: Canvas, mask: Mask, top: float, rng: np.random.Generator) -> None:
    pale = mix(mask.rgb, (250, 246, 236), 0.85)
    if mask.pattern == "stripes":
        for y in np.arange(top, top + 2.2, 0.2):
            layer.fill(box(-1.2, y, 1.2, y + 0.08), pale)
    elif mask.pattern == "checks":
        for step in np.arange(-1.2, 1.3, 0.3):
            layer.fill(box(step, top - 0.1, step + 0.13, top + 2.3), pale, 0.5)
            layer.fill(box(-1.3, top + 1.2 + step, 1.3, top + 1.33 + step), pale, 0.5)
    elif mask.pattern == "camouflage":
        for tone in ((70, 84, 56), (112, 108, 74), (44, 48, 40)):
            for x, y in rng.uniform((-1.1, top), (1.1, top + 2.0), (9, 2)):
                layer.ellipse((x, y), (rng.uniform(0.1, 0.25), rng.uniform(0.06, 0.15)), tone)
    else:
        _draw_motifs(layer, pale, mask, top)


def _draw_motifs(layer: Canvas, pale: Rgb, mask: Mask, top: float) -> None:
    rows = np.arange(top + 0.08, top + 2.1, 0.2)
    for row, y in enumerate(rows):
        for x in np.arange(-1.05 + 0.13 * (row % 2), 1.1, 0.26):
            if mask.pattern == "dots":
                layer.ellipse((x, y), (0.05, 0.05), pale)
            else:
                layer.ellipse((x, y), (0.085, 0.06), pale)
                layer.ellipse((x + 0.03, y), (0.045, 0.03), mask.rgb)
