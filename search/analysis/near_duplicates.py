"""Pairs of photos that show one picture: copied, saved again, scaled, lightened, mirrored, cut.

Every photo is compared with every other one twice. First coarsely: the correlation of grey
thumbnails, all pairs by matrix products. Then, where that is high, finely: the cosine of the
gradients, which photos of one pose do not share. On real faces copies (saved at quality 10, half
as large, 1.3 times as bright, grey, up to 10 % cut off at every side) have 0.8 to 1, the most
alike of other photos 0.4; on drawn ones, which share templates, 0.92. So the least that makes a
copy follows from how alike the photos of a data set are anyway.

Notation: N photos, S pixels a side of a sketch, P pairs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 0.8, 0.94
"""Bounds of the cosine from which on two photos are near-duplicates."""
_ABOVE_OTHERS = 0.3
"""How far above the most alike of a thousand random pairs."""
_SAMPLED = 4_000

_COARSE, _FINE = 16, 32
_LEAST_COARSE = 0.88
"""Correlation of coarse thumbnails below which nothing is looked at finely."""
LEAST_CONTRAST = 4.0
"""Of 255: a photo of less shows nothing that could be compared."""
_CUTS = (0.0, 0.04, 0.08)
"""Parts cut off at every side that the coarse comparison tries; a step between is found, too."""
_FINE_CUTS = (-0.02, 0.0, 0.02)
"""Around them, those that the fine comparison tries."""
_BLOCK = 1024
_FINE_BLOCK = 2048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of photos that show one picture, each once, the most alike first.

    Attributes:
        first: int64 array [P].
        second: int64 array [P], above `first`.
        alike: float32 array [P], cosine of the gradients, from `LEAST` to 1; 2 of equal files.
        is_mirrored: bool array [P].
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    alike: NDArray[np.float32]
    is_mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of pairs, P."""
        return len(self.first)


EQUAL = 2.0
"""How much equal files are alike."""


def copies(
    luma: NDArray[np.uint8],
    digest: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Pairs:
    """Returns the photos whose files are equal, each with the first of them, and near-duplicates.

    Args:
        luma: grey values uint8 [N, S, S], S a multiple of 32.
        digest: of each file; empty of one that cannot be read, which is left out.
        progress: called with (photos done, photos) after every block of them.
    """
    first: dict[str, int] = {}
    equal = [
        (first[each], place)
        for place, each in enumerate(digest)
        if each and first.setdefault(each, place) != place
    ]
    one_each = np.array(list(first.values()), dtype=np.int64)
    near = near_pairs(luma[one_each], progress)
    pairs = np.array(equal, dtype=np.int64).reshape(-1, 2)
    return Pairs(
        first=np.concatenate([pairs[:, 0], one_each[near.first]]),
        second=np.concatenate([pairs[:, 1], one_each[near.second]]),
        alike=np.concatenate([np.full(len(pairs), EQUAL, dtype=np.float32), near.alike]),
        is_mirrored=np.concatenate([np.zeros(len(pairs), dtype=np.bool_), near.is_mirrored]),
    )


def near_pairs(
    luma: NDArray[np.uint8],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Pairs:
    """Returns the near-duplicates among photos.

    It takes time as N^2: about 20 s for 20,000 photos on two cores.

    Args:
        luma: grey values uint8 [N, S, S], S a multiple of 32.
        progress: called with (photos done, N) after every block of them.
    """
    usable = np.flatnonzero(luma.std(axis=(1, 2)) >= LEAST_CONTRAST)
    pictures = luma[usable]
    least = _least(pictures)
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    for mirrored, cut, pairs in _coarse_pairs(pictures, progress):
        for part in _parts(pairs, _FINE_BLOCK):
            alike = _fine(pictures[part[:, 0]], pictures[part[:, 1]], cut, mirrored=mirrored)
            for (a, b), value in zip(part[alike >= least], alike[alike >= least], strict=True):
                key = (int(usable[min(a, b)]), int(usable[max(a, b)]))
                found[key] = max(found.get(key, (0.0, False)), (float(value), mirrored))
    order = sorted(found, key=lambda key: (-found[key][0], key))
    return Pairs(
        first=np.array([key[0] for key in order], dtype=np.int64),
        second=np.array([key[1] for key in order], dtype=np.int64),
        alike=np.array([found[key][0] for key in order], dtype=np.float32),
        is_mirrored=np.array([found[key][1] for key in order], dtype=np.bool_),
    )


def _least(pictures: NDArray[np.uint8]) -> float:
    """Returns the cosine from which on two of these photos are near-duplicates."""
    if len(pictures) < 2:
        return MOST
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(pictures), size=(min(_SAMPLED, 4 * len(pictures)), 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    one, other = (_gradients(pictures[side]) for side in pairs.T)
    others = float(np.quantile(np.einsum("nk,nk->n", one, other), 0.999))
    return min(max(others + _ABOVE_OTHERS, LEAST), MOST)


def _coarse_pairs(
    pictures: NDArray[np.uint8], progress: Callable[[int, int], None]
) -> Iterator[tuple[bool, float, NDArray[np.int64]]]:
    """Yields candidates [n, 2]: the first photo, changed as said, is much like the second."""
    whole = _thumbnails(pictures)
    for start in range(0, len(pictures), _BLOCK):
        block = pictures[start : start + _BLOCK]
        for mirrored, cut in ((False, 0.0), (True, 0.0), *((False, c) for c in _CUTS[1:])):
            changed = _thumbnails(_changed(block, cut, mirrored=mirrored))
            # A photo cut is like another in one direction alone; else half the pairs are enough.
            others = whole if cut else whole[start:]
            rows, columns = np.nonzero(changed @ others.T >= _LEAST_COARSE)
            pairs = np.stack([rows + start, columns + (0 if cut else start)], axis=1)
            is_pair = pairs[:, 0] != pairs[:, 1] if cut else pairs[:, 0] < pairs[:, 1]
            yield mirrored, cut, pairs[is_pair]
        progress(min(start + _BLOCK, len(pictures)), len(pictures))


def _fine(
    first: NDArray[np.uint8], second: NDArray[np.uint8], cut: float, *, mirrored: bool
) -> NDArray[np.float32]:
    """Returns the cosine of the gradients of pairs, the best over cuts nearby, float32 [n]."""
    wanted = _gradients(second)
    cuts = [cut + step for step in _FINE_CUTS if cut + step >= 0]
    tries = [_gradients(_changed(first, each, mirrored=mirrored)) for each in cuts]
    cosines = [np.einsum("nk,nk->n", each, wanted) for each in tries]
    return np.asarray(np.max(cosines, axis=0), dtype=np.float32)


def _changed(
    pictures: NDArray[np.uint8], cut: float, *, mirrored: bool
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Returns pictures [n, S, S] mirrored, or without a part of every side, at the same size."""
    if mirrored:
        pictures = pictures[:, :, ::-1]
    if not cut:
        return pictures
    weights = _interpolation(pictures.shape[1], cut)
    return np.asarray(weights @ pictures.astype(np.float32) @ weights.T, dtype=np.float32)


def _interpolation(side: int, cut: float) -> NDArray[np.float32]:
    """Returns the matrix [S, S] that stretches the inner part of a line of pixels to all of it."""
    at = cut * side + (np.arange(side) + 0.5) * (1 - 2 * cut) - 0.5
    below = np.clip(np.floor(at).astype(int), 0, side - 2)
    weights = np.zeros((side, side), dtype=np.float32)
    share = np.clip(at - below, 0, 1)
    weights[np.arange(side), below] = 1 - share
    weights[np.arange(side), below + 1] += share.astype(np.float32)
    return weights


def _reduced(pictures: NDArray[np.uint8] | NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Returns pictures [n, S, S] as means over squares, [n, side, side]."""
    step = pictures.shape[1] // side
    total = np.zeros((len(pictures), side, side), dtype=np.float32)
    # Three times as fast as the mean over two axes of a reshaped array.
    for down, right in product(range(step), repeat=2):
        total += pictures[:, down::step, right::step]
    total /= step**2
    return total


def _thumbnails(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns rows of length one whose products are correlations, [n, side * side]."""
    flat = _reduced(pictures, _COARSE).reshape(len(pictures), -1)
    return _of_length_one(flat - flat.mean(axis=1, keepdims=True))


def _gradients(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the differences of neighbouring pixels as rows of length one."""
    small = _reduced(pictures, _FINE)
    down, right = np.diff(small, axis=1)[:, :, :-1], np.diff(small, axis=2)[:, :-1]
    return _of_length_one(np.stack([down, right], axis=1).reshape(len(small), -1))


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), dtype=np.float32)


def _parts(pairs: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


def together(num_things: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the cluster of each thing, int64 [n]: pairs and chains of pairs are in one.

    Args:
        num_things: n.
        pairs: int array [P, 2] of things in [0, n).

    Returns:
        The lowest number of a thing of the cluster.
    """
    first = np.arange(num_things, dtype=np.int64)

    def top(thing: int) -> int:
        while first[thing] != thing:
            first[thing] = first[first[thing]]
            thing = int(first[thing])
        return thing

    for a, b in pairs.tolist():
        low, high = sorted((top(a), top(b)))
        first[high] = low
    return np.array([top(thing) for thing in range(num_things)], dtype=np.int64)
