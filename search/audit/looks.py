"""Photos that look unlike the others: size, colours, brightness, nothing to be seen.

Only what most photos of a data set have in common makes another one odd.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search.analysis.near_duplicates import LEAST_CONTRAST, contrast
from search.audit.finding import Finding, Level, about
from search.audit.listing import Listing
from trainables.data.sketches import Sketches

_MOST = 0.8
"""Share of the photos that must agree before another one is odd."""
_FAR = 8.0
_FAR_AT_LEAST = 40.0
"""Median absolute deviations, and grey values of 255, from which on brightness is odd."""
_FAR_IN_SHARPNESS = 2.6
"""Standard deviations below the median from which on a photo is blurred."""
_LEAST_SPREAD_OF_SHARPNESS = 0.32
"""Of its logarithm, in standard deviations: where all are as sharp, edges of half the strength are
no blur yet."""
_MARGIN, _CELL = 8, 6
"""Pixels of a sketch: left out at every side, and of a side of the cells that are compared."""
_SHARPEST = 5
"""One cell in so many is looked at: what is in focus, not a plain background."""
_OF_CONTRAST = 0.3
"""Power of the contrast that sharpness is counted by."""
_FAINT = 5.0
"""Times that the contrast of a photo is below the median one."""
_DARK, _BRIGHT = 30.0, 235.0
_BLACK, _BLACK_SHARE = 2, 0.1
"""Grey value of what is filled in, and the share of the photo that tells it from shadows."""
_NO_COLOUR, _LESS_COLOUR = 5.0, 4.0
"""How colourful a photo of one tint is at most, and times that it is below the median one."""
_GREY, _GREY_SHARE = (126, 130), 0.1
"""What a JPEG decoder fills in where the file is damaged, and the share of rows that tells it."""
_SMALL, _STRETCHED = 3.0, 1.5
"""Times that a photo is smaller than the median one, or longer or wider."""


def look_findings(listing: Listing, sketches: Sketches) -> Iterator[Finding]:
    """Yields the photos that look unlike the others, a finding for each way."""
    read = np.flatnonzero(sketches.is_read)
    if not read.size:
        return
    seen = sketches.rows(read)
    odd = partial(_odd, [listing.paths[place] for place in read])
    light = _Light.of(seen)
    sideways, other_size = _odd_sizes(seen.size)
    yield from _light_findings(odd, seen, light)
    sharpness = _sharpness(seen.luma, light.contrasts)
    yield from odd(
        "blurred",
        "{n} photo{s} much less sharp than the others",
        _far_below(sharpness) & ~(light.unseen | other_size),
        lambda row: f"edges {np.exp(sharpness[row]):.0%} as strong as the median one's",
        first=lambda row: float(sharpness[row]),
    )
    size_of = partial(_size_of, seen)
    yield from odd(
        "sideways", "{n} photo{s} with width and height exchanged: turned?", sideways, size_of
    )
    yield from odd("other-size", _size_text(seen.size), other_size, size_of)
    yield from _colour_findings(odd, seen, light.unseen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Light:
    """How light falls on n photos: contrasts float [n], and who is odd in it, bool [n] each."""

    contrasts: NDArray[np.float64]
    blank: NDArray[np.bool_]
    dark: NDArray[np.bool_]
    bright: NDArray[np.bool_]
    faint: NDArray[np.bool_]

    @classmethod
    def of(cls, seen: Sketches) -> Self:
        """Compares the photos with each other."""
        contrasts = contrast(seen.luma)
        blank = contrasts < LEAST_CONTRAST
        dark, bright = _far_in_brightness(seen)
        faint = (contrasts < np.median(contrasts) / _FAINT) & ~(blank | dark | bright)
        return cls(contrasts=contrasts, blank=blank, dark=dark, bright=bright, faint=faint)

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """On which hardly anything is to be seen: they are not sharp, and have no colours."""
        return self.blank | self.dark | self.bright | self.faint


def _light_findings(
    odd: Callable[..., list[Finding]], seen: Sketches, light: _Light
) -> Iterator[Finding]:
    """Yields what is too dark, too bright, empty or partly filled in."""
    brightness = partial(_brightness, seen)
    blank, dark, bright = light.blank, light.dark, light.bright
    yield from odd("blank", "{n} photo{s} of one colour: nothing is on it", blank, brightness)
    yield from odd("dark", "{n} photo{s} much darker than the others", dark & ~blank, brightness)
    yield from odd(
        "bright", "{n} photo{s} much brighter than the others", bright & ~blank, brightness
    )
    yield from odd(
        "grey-part",
        "{n} photo{s} whose lower part is plain grey: the file is damaged in its middle",
        _ends_in_grey(seen.luma) & ~blank,
        partial(_size_of, seen),
    )
    black = (seen.luma <= _BLACK).mean(axis=(1, 2))
    is_filled = (black > _BLACK_SHARE) & ~dark & ~blank
    if is_filled.mean() < 1 - _MOST:
        text = "{n} photo{s} with a part in plain black: filled in by a cut or a rotation?"
        yield from odd("black-part", text, is_filled, lambda row: f"{black[row]:.0%}")
    text = "{n} photo{s} of nearly one colour: hardly anything is on it"
    yield from odd("faint", text, light.faint, brightness)


def _colour_findings(
    odd: Callable[..., list[Finding]], seen: Sketches, unseen: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Yields what has other channels than most, or no colours where most have them."""
    mode, is_other = _odd_values([_kind_of(each) for each in seen.mode])
    yield from odd(
        "other-channels",
        f"{{n}} photo{{s}} with other channels than most, which are {mode}",
        is_other,
        lambda row: _kind_of(str(seen.mode[row])),
    )
    usual = float(np.median(seen.colourful))
    grey = seen.colourful < min(_NO_COLOUR, usual / _LESS_COLOUR)
    if grey.mean() < 1 - _MOST:
        text = "{n} photo{s} without colours, or of one tint, among photos with them"
        yield from odd("no-colours", text, grey & ~(is_other | unseen), partial(_brightness, seen))


def _size_of(seen: Sketches, row: int) -> str:
    height, width = seen.size[row].tolist()
    return f"{width} x {height}"


def _brightness(seen: Sketches, row: int) -> str:
    return f"mean {seen.luma[row].mean():.0f} of 255"


def _odd(
    paths: Sequence[str],
    kind: str,
    text: str,
    which: NDArray[np.bool_],
    said: Callable[[int], str],
    first: Callable[[int], float] = float,
) -> list[Finding]:
    """Returns the finding about the images that are marked, each with what is `said` of it.

    Those of which `first` is lowest come first, else those whose paths do.
    """
    rows = sorted(np.flatnonzero(which).tolist(), key=first)
    named = [f"{paths[row]} ({said(row)})" for row in rows]
    return about(kind, Level.LOOK, text, named, [(paths[row],) for row in rows])


def _kind_of(mode: str) -> str:
    """Returns what a mode of Pillow is called in a finding."""
    named = {"RGB": "colours", "L": "grey", "CMYK": "CMYK", "P": "a palette", "1": "two colours"}
    if mode.startswith(("I;16", "I")):
        return "16 bits"
    return "transparency" if mode in ("RGBA", "LA", "PA") else named.get(mode, mode)


def _odd_values(values: list[str]) -> tuple[str, NDArray[np.bool_]]:
    """Returns the most frequent value and who has another, nobody where no value prevails."""
    value, count = Counter(values).most_common(1)[0]
    others = np.array([each != value for each in values])
    return value, others if count >= _MOST * len(values) else np.zeros_like(others)


def _odd_sizes(size: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns which photos (H, W) lie on their side, and which have another size."""
    said = [f"{width} x {height}" for height, width in size.tolist()]
    usual, other = _odd_values(said)
    if other.any():
        width, height = (int(each) for each in usual.split(" x "))
        turned = (size == (width, height)).all(axis=1) & other
        return turned, other & ~turned
    if len(set(said)) == 1:
        return other, other
    # Sizes differ anyway: only what is far from the median shape is odd.
    shape = np.log(size[:, 0] / size[:, 1])
    short = size.min(axis=1)
    is_odd = (short < np.median(short) / _SMALL) | (
        np.abs(shape - np.median(shape)) > np.log(_STRETCHED)
    )
    few = is_odd.mean() <= 1 - _MOST
    return np.zeros_like(is_odd), is_odd if few else np.zeros_like(is_odd)


def _size_text(size: NDArray[np.int64]) -> str:
    height, width = np.median(size, axis=0).astype(int).tolist()
    return f"{{n}} photo{{s}} of another size than most ({width} x {height})"


def _far_in_brightness(seen: Sketches) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns which photos are much darker, and which much brighter than the others."""
    mean = seen.luma.mean(axis=(1, 2))
    middle = float(np.median(mean))
    spread = max(float(np.median(np.abs(mean - middle))), 1.0)
    far = np.abs(mean - middle) > max(_FAR * spread, _FAR_AT_LEAST)
    return (
        (far & (mean < middle)) | ((mean < _DARK) & (middle > 2 * _DARK)),
        (far & (mean > middle)) | ((mean > _BRIGHT) & (middle < _BRIGHT - _DARK)),
    )


def _sharpness(luma: NDArray[np.uint8], contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the logarithm of how sharp photos are in their sharpest part, by the median one's.

    A shaken camera blurs one direction alone, so the mean is that of the logarithms of both.

    Args:
        luma: of the photos [N, S, S].
        contrasts: of the photos [N].
    """
    edges = np.array([_edges(photo) for photo in luma])
    # Edges grow as the contrast does, but blur lessens both: a part of it is taken out.
    sharpness = np.log(edges + 0.1).mean(axis=1) - _OF_CONTRAST * np.log(contrasts + 5)
    return np.asarray(sharpness - np.median(sharpness), dtype=np.float64)


def _far_below(sharpness: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns which of some values with median 0 lie far below it."""
    # 1.4826 makes a standard deviation of the median deviation.
    spread = max(1.4826 * float(np.median(np.abs(sharpness))), _LEAST_SPREAD_OF_SHARPNESS)
    return np.asarray(sharpness < -_FAR_IN_SHARPNESS * spread, dtype=np.bool_)


def _edges(luma: NDArray[np.uint8]) -> tuple[float, float]:
    """Returns how strong the edges down and across are in the sharpest cells of the middle.

    A face is there; what is around it may be a wall.

    Args:
        luma: of a photo [S, S].

    Returns:
        Root mean squares of the second differences.
    """
    grey = luma[_MARGIN - 1 : 1 - _MARGIN, _MARGIN - 1 : 1 - _MARGIN].astype(np.float32)
    down = 2 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1]
    across = 2 * grey[1:-1, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return _of_sharpest(down), _of_sharpest(across)


def _of_sharpest(edges: NDArray[np.float32]) -> float:
    cells = len(edges) // _CELL
    each = np.square(edges).reshape(cells, _CELL, cells, _CELL).mean(axis=(1, 3)).ravel()
    return float(np.sqrt(np.sort(each)[-len(each) // _SHARPEST :].mean()))


def _ends_in_grey(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Returns whose lowest rows are all of the grey that a decoder fills in."""
    rows = max(2, round(_GREY_SHARE * luma.shape[1]))
    # The last row of a squeezed photo may mix with what is above it; it is grey all the same.
    lowest = luma[:, -rows:]
    low, high = _GREY
    return np.asarray(((lowest >= low) & (lowest <= high)).all(axis=(1, 2)))
