"""Photos that look unlike the others: size, colours, brightness, nothing to be seen.

Only what most photos of a data set have in common makes another one odd.
"""

from collections import Counter
from collections.abc import Callable, Iterator

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
_FAR_IN_SHARPNESS = 7.0
_DARK, _BRIGHT = 30.0, 235.0
_BLACK, _BLACK_SHARE = 2, 0.1
"""Grey value of what is filled in, and the share of the photo that tells it from shadows."""
_NO_COLOUR = 1.0
"""Mean difference of the channels, of 255, of a photo without colours."""
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
    paths = [listing.paths[place] for place in read]

    def odd(
        kind: str, text: str, which: NDArray[np.bool_], said: Callable[[int], str]
    ) -> list[Finding]:
        """Returns the finding about the images that are marked, each with what is `said` of it."""
        rows = np.flatnonzero(which).tolist()
        named = [f"{paths[row]} ({said(row)})" for row in rows]
        return about(kind, Level.LOOK, text, named, [(paths[row],) for row in rows])

    def size_of(row: int) -> str:
        """Returns its width and height in words."""
        height, width = seen.size[row].tolist()
        return f"{width} x {height}"

    def brightness(row: int) -> str:
        """Returns its brightness in words."""
        return f"mean {seen.luma[row].mean():.0f} of 255"

    blank = contrast(seen.luma) < LEAST_CONTRAST
    dark, bright = _far_in_brightness(seen)
    black = (seen.luma <= _BLACK).mean(axis=(1, 2))
    is_filled = (black > _BLACK_SHARE) & ~dark & ~blank
    sideways, other_size = _odd_sizes(seen.size)
    yield from odd("blank", "{n} photo{s} of one colour: nothing is on it", blank, brightness)
    yield from odd("dark", "{n} photo{s} much darker than the others", dark & ~blank, brightness)
    yield from odd(
        "bright", "{n} photo{s} much brighter than the others", bright & ~blank, brightness
    )
    yield from odd(
        "grey-part",
        "{n} photo{s} whose lower part is plain grey: the file is damaged in its middle",
        _ends_in_grey(seen.luma) & ~blank,
        size_of,
    )
    if is_filled.mean() < 1 - _MOST:
        text = "{n} photo{s} with a part in plain black: filled in by a cut or a rotation?"
        yield from odd("black-part", text, is_filled, lambda row: f"{black[row]:.0%}")
    yield from odd(
        "blurred", "{n} photo{s} much less sharp than the others", _blurred(seen) & ~blank, size_of
    )
    yield from odd(
        "sideways", "{n} photo{s} with width and height exchanged: turned?", sideways, size_of
    )
    yield from odd("other-size", _size_text(seen.size), other_size, size_of)
    mode, is_other = _odd_values([_kind_of(each) for each in seen.mode])
    yield from odd(
        "other-channels",
        f"{{n}} photo{{s}} with other channels than most, which are {mode}",
        is_other,
        lambda row: _kind_of(str(seen.mode[row])),
    )
    grey = seen.chroma < _NO_COLOUR
    if grey.mean() < 1 - _MOST:
        text = "{n} photo{s} without colours among photos with them"
        yield from odd("no-colours", text, grey & ~is_other & ~blank, brightness)


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


def _blurred(seen: Sketches) -> NDArray[np.bool_]:
    """Returns whose edges are far weaker than those of the others, for their contrast."""
    edges = np.array([_edges(photo) for photo in seen.luma])
    sharpness = np.log((edges + 0.1) / (contrast(seen.luma) + 1))
    middle = np.median(sharpness)
    spread = max(float(np.median(np.abs(sharpness - middle))), 0.05)
    return np.asarray(sharpness < middle - _FAR_IN_SHARPNESS * spread, dtype=np.bool_)


def _edges(luma: NDArray[np.uint8]) -> float:
    """Returns the mean absolute Laplacian of a photo [S, S]."""
    grey = luma.astype(np.int16)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(4 * grey[1:-1, 1:-1] - around).mean())


def _ends_in_grey(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Returns whose lowest rows are all of the grey that a decoder fills in."""
    rows = max(2, round(_GREY_SHARE * luma.shape[1]))
    # The last row of a squeezed photo may mix with what is above it; it is grey all the same.
    lowest = luma[:, -rows:]
    low, high = _GREY
    return np.asarray(((lowest >= low) & (lowest <= high)).all(axis=(1, 2)))
