"""Draws a head: skin, features and the signs of age. Coordinates: see `synthetic_canvas`."""

from dataclasses import dataclass

import numpy as np

from trainables.data.demo.canvas import (
    Canvas,
    Points,
    Rgb,
    curve,
    mirrored,
    mix,
    oval,
    shade,
    symmetric,
)
from trainables.data.demo.looks import Ageing, Face

_LINE: Rgb = (92, 58, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a face does in one photo: smile and open eyes 0 to 1, gaze and yaw -1 to 1."""

    smile: float
    open_eyes: float
    gaze: float
    yaw: float


def outline(face: Face, sagging: float) -> Points:
    """Returns the outline of the head [N, 2]; sagging fills the lower cheeks."""
    jaw, length, wide = face.jaw, face.length, face.width
    chin = 0.16 + 0.05 * np.clip(face.masculine, -1.0, 1.5)
    return symmetric(
        [
            (0.0, -1.34),
            (0.55 * wide, -1.22),
            (0.90 * wide, -0.75),
            (0.99 * wide, -0.15),
            (0.97 * wide, 0.35),
            ((jaw + 0.10 + 0.04 * sagging) * wide, 0.78 * length),
            ((jaw - 0.10 + 0.10 * sagging) * wide, 1.08 * length),
            ((chin + 0.22 + 0.10 * sagging) * wide, 1.31 * length),
            (chin, 1.43 * length),
            (0.0, 1.46 * length),
        ]
    )


def draw_head(canvas: Canvas, face: Face, ageing: Ageing) -> None:
    """Draws ears, the bare head and its soft shading."""
    for side in (-1.0, 1.0):
        canvas.ellipse((side * 1.0 * face.width, 0.16), (0.13, 0.25), shade(face.skin, 0.93))
        canvas.ellipse((side * 1.02 * face.width, 0.17), (0.07, 0.16), shade(face.skin, 0.8))
    contour = outline(face, ageing.sagging)
    canvas.fill(contour, face.skin)
    _draw_shading(canvas, face, ageing)
    if face.blush > 0.02:
        cheeks = [(oval((side * 0.58, 0.48), (0.22, 0.15)), face.blush) for side in (-1.0, 1.0)]
        canvas.soft(cheeks, (232, 128, 116), 0.12)


def _draw_shading(canvas: Canvas, face: Face, ageing: Ageing) -> None:
    dark = mix(shade(face.skin, 0.62), (120, 70, 60), 0.25)
    shapes: list[tuple[Points, float]] = []
    for side in (-1.0, 1.0):
        flip = np.array([side, 1.0])
        bag = 0.10 + 0.5 * ageing.sagging
        shapes += [
            (oval((side * face.eye_gap, -0.05), (0.26, 0.16)), 0.16 + 0.1 * ageing.sagging),
            (oval((side * face.eye_gap, 0.22), (0.19, 0.06)), bag),
            (oval((side * 0.93, 0.75), (0.14, 0.55)), 0.22 + 0.15 * ageing.sagging),
            (curve([(0.24, 0.5), (0.4, 0.7), (0.46, 0.98), (0.36, 0.72)]) * flip, ageing.wrinkles),
            (oval((side * 0.55, 1.2), (0.15, 0.1)), 0.45 * ageing.sagging),
        ]
    shapes.append((oval((0.0, 1.13), (0.2, 0.05)), 0.25))
    canvas.soft(shapes, dark, 0.06, inside=outline(face, ageing.sagging))


def draw_features(
    canvas: Canvas, face: Face, ageing: Ageing, brow_rgb: Rgb, expression: Expression
) -> None:
    """Draws eyes, brows, nose, mouth, beard and wrinkles."""
    view = canvas.shifted(0.08 * expression.yaw, 0.0)
    _draw_wrinkles(view, face, ageing)
    for side in (-1.0, 1.0):
        _draw_eye(view, face, ageing, expression, side)
        _draw_brow(view, face, ageing, brow_rgb, side)
    _draw_nose(canvas.shifted(0.12 * expression.yaw, 0.0), face)
    if face.stubble > 0.03:
        _draw_stubble(view, face, ageing)
    _draw_mouth(view, face, ageing, expression)
    if face.beard:
        _draw_beard(view, face, brow_rgb)


def _draw_eye(
    canvas: Canvas, face: Face, ageing: Ageing, expression: Expression, side: float
) -> None:
    flip = np.array([side, 1.0])
    droop = ageing.sagging
    tall = 0.115 * face.eye_size * (1.0 - 0.42 * droop) * expression.open_eyes
    wide = 0.19 * min(face.eye_size, 1.12)
    gap = face.eye_gap
    outer = -face.eye_tilt + 0.05 * droop
    upper = [(gap - wide, 0.03), (gap - 0.4 * wide, -tall), (gap + 0.45 * wide, -0.95 * tall)]
    upper.append((gap + wide, outer))
    lid = curve(upper) * flip
    lower = curve([(gap + wide, outer), (gap, 0.75 * tall + 0.02), (gap - wide, 0.03)]) * flip
    white = np.concatenate([lid, lower])
    layer_iris = (side * gap + 0.05 * expression.gaze, -0.01)
    canvas.fill(white, mix((250, 248, 246), (226, 214, 200), ageing.dullness))
    radius = 0.096 * min(face.eye_size, 1.1)
    seen = min(1.0, (0.9 * tall + 0.012) / radius)
    canvas.ellipse(layer_iris, (radius, radius * seen), (58, 38, 30))
    canvas.ellipse(layer_iris, (0.5 * radius, 0.55 * radius * seen), (18, 14, 14))
    if seen > 0.5:
        canvas.ellipse((layer_iris[0] + 0.03, -0.04), (0.022, 0.022), (255, 255, 255))
    canvas.stroke(lid, 0.035 + 0.03 * face.lashes, (44, 30, 28), 0.95, taper=0.5)
    fold = (curve(upper) + np.array([0.0, -0.06 - 0.02 * droop])) * flip
    canvas.stroke(fold, 0.022, _LINE, 0.35 + 0.3 * droop)
    if face.lashes > 0.55:
        tip = np.array([(gap + wide - 0.02, outer), (gap + wide + 0.07, outer - 0.07)]) * flip
        canvas.stroke(tip, 0.035, (34, 24, 24), taper=0.3)


def _draw_brow(canvas: Canvas, face: Face, ageing: Ageing, rgb: Rgb, side: float) -> None:
    tilt = face.brow_tilt - 0.03 * ageing.sagging
    arch = 0.045 - 0.015 * face.masculine
    y = -0.27 + 0.02 * face.masculine
    points = curve(
        [(0.17, y + 0.01), (0.36, y - 0.5 * arch), (0.55, y - arch - tilt), (0.7, y + 0.03 - tilt)]
    )
    canvas.stroke(points * np.array([side, 1.0]), face.brow_width, rgb, 0.92, taper=0.65)


def _draw_nose(canvas: Canvas, face: Face) -> None:
    half = face.nose_width
    dark = mix(shade(face.skin, 0.66), _LINE, 0.25)
    canvas.fill(
        curve([(0.03, -0.1), (0.09, 0.25), (half, 0.5), (0.0, 0.58), (-0.02, 0.3)], closed=True),
        shade(face.skin, 0.9),
        0.55,
    )
    canvas.fill(
        curve([(-0.04, 0.0), (0.02, 0.0), (0.06, 0.42), (-0.07, 0.42)], closed=True),
        mix(face.skin, (255, 250, 240), 0.55),
        0.5,
    )
    base = curve([(-half, 0.46), (-half - 0.01, 0.55), (-0.08, 0.56), (0.0, 0.6)])
    canvas.stroke(base, 0.035, dark, 0.85, taper=0.6)
    canvas.stroke(mirrored(base), 0.035, dark, 0.85, taper=0.6)
    for side in (-1.0, 1.0):
        canvas.ellipse((side * 0.5 * half, 0.555), (0.045, 0.02), shade(dark, 0.6), 0.8)


def _draw_mouth(canvas: Canvas, face: Face, ageing: Ageing, expression: Expression) -> None:
    half = 0.27 + 0.07 * expression.smile + 0.01 * face.masculine
    lift = 0.07 * expression.smile - 0.05 * ageing.sagging
    full = 0.085 * face.lip_fullness * (1.0 - 0.4 * ageing.wrinkles)
    y = 0.87
    seam = [(-half, y - lift), (-0.12, y + 0.015), (0.0, y), (0.12, y + 0.015), (half, y - lift)]
    top = [(half, y - lift), (0.08, y - full), (0.0, y - 0.72 * full), (-0.08, y - full)]
    bottom = [(half, y - lift), (0.14, y + 1.2 * full), (-0.14, y + 1.2 * full), (-half, y - lift)]
    line = curve(seam)
    canvas.fill(np.concatenate([line, curve([*top, (-half, y - lift)])]), shade(face.lip_rgb, 0.9))
    canvas.fill(np.concatenate([line, curve(bottom)]), face.lip_rgb)
    if expression.smile > 0.6:
        teeth = curve([(-0.7 * half, y), (0.0, y + 0.6 * full), (0.7 * half, y), (0.0, y + 0.01)])
        canvas.fill(teeth, (248, 244, 238))
    canvas.stroke(line, 0.03, (104, 48, 46), 0.85)


def _draw_stubble(canvas: Canvas, face: Face, ageing: Ageing) -> None:
    lower = symmetric([(0.0, 0.66), (0.4, 0.7), (0.85, 0.6), (0.7, 1.1), (0.3, 1.4), (0, 1.45)])
    tint = mix((84, 84, 92), (170, 170, 172), ageing.grey)
    canvas.soft([(lower, face.stubble)], tint, 0.12, outline(face, ageing.sagging))


def _draw_beard(canvas: Canvas, face: Face, rgb: Rgb) -> None:
    moustache = symmetric([(0.0, 0.66), (0.18, 0.68), (0.33, 0.86), (0.16, 0.77), (0.0, 0.75)])
    canvas.fill(moustache, rgb, 0.85)
    if face.beard == "goatee":
        canvas.fill(symmetric([(0.0, 1.06), (0.17, 1.1), (0.2, 1.34), (0.0, 1.5)]), rgb, 0.85)


def _draw_wrinkles(canvas: Canvas, face: Face, ageing: Ageing) -> None:
    dark = mix(shade(face.skin, 0.6), _LINE, 0.3)
    depth = ageing.wrinkles
    for row, y in enumerate((-0.52, -0.66, -0.8)):
        strength = np.clip(1.6 * depth - 0.35 * row, 0.0, 0.75)
        if strength > 0.05:
            width = 0.46 - 0.06 * row
            line = curve([(-width, y + 0.03), (-0.15, y), (0.18, y + 0.015), (width, y + 0.04)])
            canvas.stroke(line, 0.032, dark, float(strength))
    for side in (-1.0, 1.0):
        flip = np.array([side, 1.0])
        _draw_side_wrinkles(canvas, face, ageing, dark, flip)
    if ageing.spots > 0.15:
        spots = ((0.66, 0.3), (-0.72, 0.5), (0.74, -0.4), (-0.6, -0.55), (0.5, 0.62), (-0.45, 0.6))
        for x, y in spots[: round(6 * ageing.spots)]:
            canvas.ellipse((x, y), (0.045, 0.035), (150, 104, 74), 0.45 * ageing.spots)


def _draw_side_wrinkles(
    canvas: Canvas, face: Face, ageing: Ageing, dark: Rgb, flip: Points
) -> None:
    depth, gap = ageing.wrinkles, face.eye_gap
    bag = curve([(gap - 0.19, 0.15), (gap, 0.24 + 0.04 * ageing.sagging), (gap + 0.2, 0.15)])
    canvas.stroke(bag * flip, 0.03, dark, min(0.8 * ageing.sagging + 0.12, 0.8))
    fold = curve([(0.24, 0.53), (0.36, 0.66), (0.43, 0.84), (0.42, 0.98)])
    canvas.stroke(fold * flip, 0.035, dark, 0.1 + 0.65 * depth)
    for angle in (-0.09, 0.0, 0.09):
        if depth > 0.25:
            foot = curve([(gap + 0.24, 0.05 + 0.3 * angle), (gap + 0.4, 0.06 + 1.2 * angle)])
            canvas.stroke(foot * flip, 0.026, dark, 0.8 * depth)
    if ageing.sagging > 0.2:
        marionette = curve([(0.36, 0.98), (0.4, 1.1), (0.37, 1.22)])
        canvas.stroke(marionette * flip, 0.032, dark, 0.6 * ageing.sagging)


def draw_glasses(canvas: Canvas, face: Face, expression: Expression) -> None:
    """Draws the person's glasses, if any."""
    if not face.glasses:
        return
    view = canvas.shifted(0.09 * expression.yaw, 0.0)
    power = {"round": 2.0, "square": 4.0, "half": 3.0}[face.glasses]
    angle = np.linspace(0.0, 2.0 * np.pi, 33)
    rounding = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    lens = np.stack([0.29 * np.cos(angle), 0.235 * np.sin(angle)], axis=1) * rounding[:, None]
    for side in (-1.0, 1.0):
        rim = lens + np.array([side * 0.43, 0.05])
        view.fill(rim, (236, 244, 250), 0.16)
        upper = rim[rim[:, 1] <= 0.06] if face.glasses == "half" else rim
        view.stroke(upper, 0.042, face.glasses_rgb, taper=0.0)
        arm = np.array([(side * 0.71, 0.0), (side * 1.02 * face.width, 0.02)])
        view.stroke(arm, 0.04, face.glasses_rgb, taper=0.0)
    view.stroke(
        curve([(-0.15, 0.03), (0.0, -0.02), (0.15, 0.03)]), 0.04, face.glasses_rgb, taper=0
    )
