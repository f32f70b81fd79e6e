"""A canvas addressed in face units: the eyes lie at y = 0, the cheeks at x = -1 and +1.

Notation: P [N, 2] points in face units (x to the right, y down); rgb three floats in 0 to 255;
alpha 0 to 1; widths in face units. Everything is drawn at twice the size of the photo.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Points = NDArray[np.float64]
Rgb = tuple[float, float, float]

SUPERSAMPLING: Final = 2
_SOFT_REDUCTION: Final = 4
_BILINEAR: Final = Image.Resampling.BILINEAR


class Canvas:
    """A picture under construction with a pose; shapes are given in face units."""

    def __init__(
        self, size: tuple[int, int], *, scale: float, centre: tuple[float, float], tilt: float
    ) -> None:
        """Starts a black picture.

        Args:
            size: Width and height of the finished photo in pixels.
            scale: Pixels of the finished photo a face unit.
            centre: Pixel of the finished photo where the face's origin lies.
            tilt: Rotation in radians, clockwise.
        """
        self.image = Image.new("RGB", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self.image, "RGBA")
        cos, sin = np.cos(tilt), np.sin(tilt)
        self._matrix = SUPERSAMPLING * scale * np.array([[cos, sin], [-sin, cos]])
        self._origin = SUPERSAMPLING * np.array(centre, dtype=np.float64)

    def shifted(self, dx: float, dy: float) -> "Canvas":
        """Returns a view of the same picture whose origin is moved by (dx, dy) face units."""
        view = copy.copy(self)
        view._origin = self._place(np.array([dx, dy]))
        return view

    def fill(self, points: Points, rgb: Rgb, alpha: float = 1.0) -> None:
        """Fills the polygon `points` [N, 2]."""
        self._draw.polygon(self._pixels(points), fill=_rgba(rgb, alpha))

    def ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], rgb: Rgb, alpha: float = 1.0
    ) -> None:
        """Fills an ellipse that turns with the face."""
        self.fill(oval(centre, radii), rgb, alpha)

    def stroke(
        self, points: Points, width: float, rgb: Rgb, alpha: float = 1.0, taper: float = 0.85
    ) -> None:
        """Draws the curve `points` [N, 2]; `taper` 1 ends in points, 0 is a plain band."""
        self.fill(ribbon(points, width, taper), rgb, alpha)

    def soft(
        self,
        shapes: Sequence[tuple[Points, float]],
        rgb: Rgb,
        blur: float,
        inside: Points | None = None,
    ) -> None:
        """Tints blurred shapes, given as (points, strength 0 to 1), `inside` an outline or freely.

        `blur` is in face units. Only the rectangle that the shapes touch is worked on.
        """
        radius = blur * float(np.hypot(*self._matrix[0])) / _SOFT_REDUCTION
        places = [self._place(points) / _SOFT_REDUCTION for points, _ in shapes]
        corners = np.concatenate(places)
        low = np.floor(corners.min(axis=0) - 2.5 * radius).astype(int)
        width, height = (np.ceil(corners.max(axis=0) + 2.5 * radius).astype(int) - low).tolist()
        veil = Image.new("L", (width, height))
        draw = ImageDraw.Draw(veil)
        for place, (_, strength) in zip(places, shapes, strict=True):
            level = round(255 * min(max(strength, 0.0), 1.0))
            draw.polygon((place - low).ravel().tolist(), fill=level)
        veil = veil.filter(ImageFilter.GaussianBlur(radius))
        if inside is not None:
            stencil = Image.new("L", veil.size)
            outline = self._place(inside) / _SOFT_REDUCTION - low
            ImageDraw.Draw(stencil).polygon(outline.ravel().tolist(), fill=255)
            veil = ImageChops.multiply(veil, stencil)
        left, top = (low * _SOFT_REDUCTION).tolist()
        veil = veil.resize((width * _SOFT_REDUCTION, height * _SOFT_REDUCTION), _BILINEAR)
        self.image.paste(_rgba(rgb, 1.0)[:3], (left, top), veil)

    def layer(self) -> "Canvas":
        """Returns a canvas of the same pose on a copy of the picture; see `paste_inside`."""
        view = copy.copy(self)
        view.image = self.image.copy()
        view._draw = ImageDraw.Draw(view.image, "RGBA")
        return view

    def paste_inside(self, layer: "Canvas", points: Points) -> None:
        """Takes over from `layer` what lies inside the polygon `points` [N, 2]."""
        stencil = Image.new("L", self.image.size)
        ImageDraw.Draw(stencil).polygon(self._pixels(points), fill=255)
        self.image.paste(layer.image, mask=stencil)

    def _place(self, points: Points) -> Points:
        return np.asarray(points @ self._matrix + self._origin)

    def _pixels(self, points: Points) -> list[float]:
        pixels: list[float] = self._place(points).ravel().tolist()
        return pixels


def path(xs: Sequence[float], ys: Sequence[float]) -> Points:
    """Returns the points (xs[i], ys[i]) as one array [N, 2]."""
    return np.array([xs, ys], dtype=np.float64).T


def curve(controls: ArrayLike, *, closed: bool = False) -> Points:
    """Returns a smooth curve (Catmull-Rom) through `controls` [M, 2]."""
    points = np.asarray(controls, dtype=np.float64)
    return np.asarray(_spline_basis(len(points), closed) @ points)


def oval(centre: tuple[float, float], radii: tuple[float, float]) -> Points:
    """Returns the outline of an ellipse."""
    return np.asarray(_unit_circle() * radii + centre)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns the corners of a rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def mirrored(points: Points) -> Points:
    """Returns `points` [N, 2] on the other side of the face."""
    return np.asarray(points * np.array([-1.0, 1.0]))


def symmetric(right: ArrayLike) -> Points:
    """Returns the closed outline whose right half runs from top to bottom through `right`."""
    half = np.asarray(right, dtype=np.float64)
    inner = half[np.abs(half[:, 0]) > 1e-9]
    return curve(np.concatenate([half, mirrored(inner)[::-1]]), closed=True)


def ribbon(points: Points, width: float, taper: float) -> Points:
    """Returns the outline of a band along `points` [N, 2]."""
    step = np.empty_like(points)
    step[1:-1] = points[2:] - points[:-2]
    step[0], step[-1] = points[1] - points[0], points[-1] - points[-2]
    half = 0.5 * width * (1.0 - taper + taper * _bulge(len(points)))
    half /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)
    offset = step[:, ::-1] * half[:, None]
    offset[:, 0] *= -1.0
    return np.concatenate([points + offset, (points - offset)[::-1]])


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """Returns the colour `share` of the way from `first` to `second`."""
    kept = 1.0 - share
    return (
        kept * first[0] + share * second[0],
        kept * first[1] + share * second[1],
        kept * first[2] + share * second[2],
    )


def shade(rgb: Rgb, factor: float) -> Rgb:
    """Returns `rgb` darker (factor < 1) or lighter (factor > 1)."""
    return (rgb[0] * factor, rgb[1] * factor, rgb[2] * factor)


def _rgba(rgb: Rgb, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = (min(max(round(value), 0), 255) for value in rgb)
    return red, green, blue, min(max(round(255 * alpha), 0), 255)


@lru_cache(maxsize=1)
def _unit_circle() -> Points:
    angle = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@lru_cache(maxsize=128)
def _bulge(num_points: int) -> NDArray[np.float64]:
    """Width [num_points] along a tapered band: 0 at the ends, 1 in the middle."""
    return np.asarray(np.sin(np.linspace(0.0, np.pi, num_points)))


@lru_cache(maxsize=128)
def _spline_basis(num_controls: int, closed: bool) -> NDArray[np.float64]:
    """Weights [num_points, num_controls] of the controls in each point of the curve."""
    per_segment = 7
    num_segments = num_controls if closed else num_controls - 1
    t = np.arange(per_segment) / per_segment
    weights = 0.5 * np.stack(
        [
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            -(t**2) + t**3,
        ],
        axis=1,
    )
    basis = np.zeros((num_segments * per_segment + (not closed), num_controls))
    for segment in range(num_segments):
        rows = slice(segment * per_segment, (segment + 1) * per_segment)
        for offset in range(4):
            index = segment + offset - 1
            index = index % num_controls if closed else min(max(index, 0), num_controls - 1)
            basis[rows, index] += weights[:, offset]
    if not closed:
        basis[-1, -1] = 1.0
    return basis
