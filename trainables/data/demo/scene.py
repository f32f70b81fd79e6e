"""Draws what surrounds the head: background, neck, clothes, and the light of the photo."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from trainables.data.demo.canvas import Canvas, Rgb, box, curve, mix, path, shade, symmetric
from trainables.data.demo.looks import Ageing, Face, Outfit

_WALLS: Final[tuple[Rgb, ...]] = (
    (226, 220, 210),
    (200, 208, 214),
    (214, 200, 178),
    (176, 188, 180),
    (236, 234, 230),
    (150, 160, 174),
)


def draw_scene(canvas: Canvas, rng: np.random.Generator) -> None:
    """A blurred background: a wall with things on it, or the open air."""
    width, height = canvas.image.size
    small = (max(width // 6, 8), max(height // 6, 8))
    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    wall = shade(wall, rng.uniform(0.7, 1.05))
    scene = Image.new("RGB", small, _ints(wall))
    draw = ImageDraw.Draw(scene)
    w, h = small
    if rng.random() < 0.25:
        draw.rectangle((0, 0, w, h // 2), fill=_ints(mix((176, 206, 232), wall, 0.3)))
        for x in rng.uniform(0, w, 9):
            r, y = rng.uniform(0.1, 0.25) * w, rng.uniform(0.4, 0.75) * h
            green = mix((84, 124, 72), (140, 160, 96), rng.random())
            draw.ellipse((x - r, y - r, x + r, y + r), fill=_ints(green))
    else:
        for _ in range(int(rng.integers(0, 4))):
            x, y = rng.uniform(-0.2, 0.9) * w, rng.uniform(-0.2, 0.7) * h
            red, green, blue = rng.uniform(50, 220, 3)
            tone = mix(wall, (red, green, blue), rng.uniform(0.15, 0.5))
            far = (x + rng.uniform(0.1, 0.5) * w, y + rng.uniform(0.1, 0.8) * h)
            draw.rectangle((x, y, *far), fill=_ints(tone))
    scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    canvas.image.paste(scene.resize(canvas.image.size, Image.Resampling.BILINEAR))


def draw_body(canvas: Canvas, outfit: Outfit, face: Face, ageing: Ageing) -> None:
    """Draws neck, shoulders and clothes."""
    neck = 0.5 + 0.05 * face.masculine
    canvas.fill(
        symmetric([(0, 0.9), (neck, 0.9), (neck, 1.5), (neck + 0.2, 2.2), (0, 2.3)]),
        shade(face.skin, 0.86),
    )
    canvas.fill(
        symmetric([(0, 1.2), (neck, 1.3), (neck * 0.8, 1.62), (0, 1.75)]),
        shade(face.skin, 0.7),
        0.6,
    )
    if ageing.sagging > 0.25:
        for x in (-0.16, 0.14):
            cord = curve([(x, 1.5), (1.15 * x, 1.75), (0.8 * x, 1.98)])
            canvas.stroke(cord, 0.035, shade(face.skin, 0.6), 0.55 * ageing.sagging)
    wide = outfit.shoulders
    xs = (0.0, neck + 0.08, 0.9, wide, wide + 0.22, wide + 0.25, 0.0)
    ys = (2.05, 1.72, 1.86, 2.2, 2.9, 4.2, 4.2)
    canvas.fill(symmetric(path(xs, ys)), outfit.rgb)
    _draw_collar(canvas, outfit, face, neck)


def _draw_collar(canvas: Canvas, outfit: Outfit, face: Face, neck: float) -> None:
    dark, deep = shade(outfit.rgb, 0.78), shade(face.skin, 0.86)
    if outfit.kind == "hoodie":
        hood = symmetric(
            [(0, 2.35), (neck + 0.05, 1.66), (neck + 0.3, 1.75), (0.55, 2.4), (0, 2.62)]
        )
        canvas.fill(hood, dark)
        for side in (-1.0, 1.0):
            cord = curve([(side * 0.22, 2.42), (side * 0.26, 2.9)])
            canvas.stroke(cord, 0.045, outfit.trim, taper=0.0)
    elif outfit.kind == "tee":
        canvas.fill(symmetric([(0, 1.7), (neck, 1.72), (0.32, 2.16), (0, 2.25)]), deep)
        line = curve(
            [(-neck - 0.04, 1.72), (-0.34, 2.18), (0, 2.28), (0.34, 2.18), (neck + 0.04, 1.72)]
        )
        canvas.stroke(line, 0.07, dark, taper=0.0)
    else:
        canvas.fill(np.array([(-0.34, 1.75), (0.34, 1.75), (0.0, 2.55)]), deep)
        _draw_open_front(canvas, outfit, neck, dark)


def _draw_open_front(canvas: Canvas, outfit: Outfit, neck: float, dark: Rgb) -> None:
    if outfit.kind != "shirt":
        canvas.fill(np.array([(-0.4, 2.1), (0.4, 2.1), (0.1, 3.4), (-0.1, 3.4)]), outfit.trim)
    for side in (-1.0, 1.0):
        flip = np.array([side, 1.0])
        lapel = np.array([(neck - 0.1, 1.62), (neck + 0.2, 1.8), (0.42, 2.35), (0.02, 2.75)])
        canvas.fill(lapel * flip, dark if outfit.kind != "shirt" else shade(outfit.rgb, 0.92))
    canvas.fill(box(-0.015, 2.7, 0.015, 4.2), dark)
    if outfit.kind != "jacket":
        for y in (2.85, 3.2):
            canvas.ellipse((0.07, y), (0.035, 0.035), outfit.trim)


def exposed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light, colour temperature, exposure and sensor noise."""
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    across = rng.normal(0.0, 0.1) * np.linspace(-1, 1, width, dtype=np.float32)
    down = rng.normal(-0.03, 0.08) * np.linspace(-1, 1, height, dtype=np.float32)
    warmth = rng.normal(0.0, 0.04)
    tint = np.array([1 + warmth, 1.0, 1 - warmth], dtype=np.float32) * rng.normal(0.98, 0.08)
    light = (1.0 + across[None, :] + down[:, None]).astype(np.float32)
    noise = rng.standard_normal((height, width), dtype=np.float32) * np.float32(rng.uniform(1, 5))
    lit: NDArray[np.float32] = pixels * light[..., None] * tint.astype(np.float32)
    lit += noise[..., None] + np.float32(rng.normal(0.0, 6.0))
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _ints(rgb: Rgb) -> tuple[int, int, int]:
    red, green, blue = (min(max(round(value), 0), 255) for value in rgb)
    return red, green, blue
