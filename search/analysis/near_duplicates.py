"""Pairs of photos that show one picture: copied, saved again, scaled, lightened, mirrored, cut.

Every photo is compared with every other one twice. First coarsely: the correlation of grey
thumbnails, all pairs by matrix products. Then, where that is high, finely: the cosine of the
gradients, which photos of one pose do not share. Copies (saved at quality 10, a third as large,
1.3 times as bright, grey, up to 10 % cut off at every side) have 0.9 to 1; the most alike of other
photos 0.4 on real faces and 0.92 on drawn ones, which share templates. Of those between, the light
tells: once a cut is undone copies correlate by 0.99 unless they are overexposed, drawn ones by
0.984 at most. So two photos say whether they are a pair, whatever else lies beside them, but where
the photos of a data set are alike anyway (products, drawings of one template): there the gradients
alone must be those of a copy.

Notation: N photos, S pixels a side of a sketch, P pairs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

VERSION = 2
"""Raised where the same photos would give other pairs."""
LEAST, ENOUGH = 0.85, 0.94
"""Cosines from which on two photos are near-duplicates: where their light is alike, and anyway."""
_TYPICAL, _ABOVE_TYPICAL, _SAMPLED = 0.9, 0.45, 4_000
"""Quantile of the cosines of random pairs, how far above it a copy is, and pairs that are drawn.

Of faces and of drawn people it is 0.2 to 0.4, far enough below for it to change nothing.
"""
_LEAST_LIGHT = 0.988
"""Correlation of coarse thumbnails from which on the light of two photos is alike."""
_COARSE, _FINE = 16, 32
_LEAST_COARSE = 0.88
"""Correlation of coarse thumbnails below which nothing is looked at finely."""
LEAST_CONTRAST = 4.0
"""Of 255: a photo of less shows nothing that could be compared."""
_CHANGES = ((False, 0.0), (True, 0.0), (False, 0.04), (False, 0.08))
"""That the coarse comparison tries: mirrored or not, and the part cut off at every side."""
_FINE_CUTS = (-0.02, -0.01, 0.0, 0.01, 0.02)
"""Around them, those that the fine comparison tries."""
_MANY = 0.02
_BLOCK = 1024
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of photos that show one picture, each once, the most alike first.

    Attributes:
        first: int64 array [P].
        second: int64 array [P], above `first`.
        alike: float32 array [P], cosine of the gradients, from `LEAST` to 1; 2 of equal files.
        is_mirrored: bool array [P].

    Raises:
        ValueError: the arrays are not of one length.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    alike: NDArray[np.float32]
    is_mirrored: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shapes = {each.shape for each in (self.first, self.second, self.alike, self.is_mirrored)}
        if len(shapes) != 1 or self.first.ndim != 1:
            raise ValueError(f"pairs need four arrays [P], got shapes {shapes}")

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


def contrast(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns the standard deviation of the grey values of each photo, float64 [N]."""
    # In parts: NumPy makes floats of all that it is given.
    parts = [part.std(axis=(1, 2), dtype=np.float64) for part in _parts(luma)]
    return np.concatenate(parts) if parts else np.zeros(0)


def near_pairs(
    luma: NDArray[np.uint8],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Pairs:
    """Returns the near-duplicates among photos.

    It takes time as N^2.

    Args:
        luma: grey values uint8 [N, S, S], S a multiple of 32.
        progress: called with (photos done, N) after every block of them.
    """
    usable = np.flatnonzero(contrast(luma) >= LEAST_CONTRAST)
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    if len(usable) > 1:
        for mirrored, pairs, alike in _pairs(luma[usable], progress):
            for (one, other), value in zip(usable[pairs].tolist(), alike.tolist(), strict=True):
                key = (min(one, other), max(one, other))
                found[key] = max(found.get(key, (0.0, False)), (value, mirrored))
    order = sorted(found, key=lambda key: (-found[key][0], key))
    return Pairs(
        first=np.array([key[0] for key in order], dtype=np.int64),
        second=np.array([key[1] for key in order], dtype=np.int64),
        alike=np.array([found[key][0] for key in order], dtype=np.float32),
        is_mirrored=np.array([found[key][1] for key in order], dtype=np.bool_),
    )


def _pairs(
    pictures: NDArray[np.uint8], progress: Callable[[int, int], None]
) -> Iterator[tuple[bool, NDArray[np.int64], NDArray[np.float32]]]:
    """Yields pairs [n, 2] of near-duplicates and how much they are alike, mirrored ones apart."""
    edges = np.concatenate([_gradients(p).astype(np.float16) for p in _parts(pictures)])
    thumbnails = np.concatenate([_thumbnails(part) for part in _parts(pictures)])
    least = _least(edges)
    for start in range(0, len(pictures), _BLOCK):
        block = pictures[start : start + _BLOCK]
        for mirrored, cut in _CHANGES:
            coarse = _thumbnails(_changed(block, cut, mirrored=mirrored)) @ thumbnails.T
            rows, columns = np.nonzero(coarse >= _LEAST_COARSE)
            # A photo cut is like another in one direction alone; else half the pairs are enough.
            wanted = rows + start != columns if cut else rows + start < columns
            rows, columns = rows[wanted], columns[wanted]
            changed = [
                _changed(block, cut + step, mirrored=mirrored)
                for step in (_FINE_CUTS if len(rows) else ())
                if cut + step >= 0
            ]
            alike = _highest(map(_gradients, changed), edges, rows, columns)
            enough = alike >= least
            rows, columns, alike = rows[enough], columns[enough], alike[enough]
            light = _highest(map(_thumbnails, changed), thumbnails, rows, columns)
            near = (alike >= ENOUGH) | (light >= _LEAST_LIGHT)
            yield mirrored, np.stack([rows[near] + start, columns[near]], axis=1), alike[near]
        progress(min(start + _BLOCK, len(pictures)), len(pictures))


def _least(edges: NDArray[np.float16]) -> float:
    """Returns the cosine from which on two of these photos may be near-duplicates."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(edges), size=(_SAMPLED, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    one, other = (edges[side].astype(np.float32) for side in pairs.T)
    typical = float(np.quantile(np.einsum("nk,nk->n", one, other), _TYPICAL))
    return min(max(typical + _ABOVE_TYPICAL, LEAST), ENOUGH)


def _highest(
    changed: Iterable[NDArray[np.float32]],
    others: NDArray[np.float16] | NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Returns the highest product of each pair over some changes of the one, float32 [n]."""
    highest = np.zeros(len(rows), dtype=np.float32)
    for own in changed:
        highest = np.maximum(highest, _products(own, others, rows, columns))
    return highest


def _products(
    own: NDArray[np.float32],
    others: NDArray[np.float16] | NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Returns the products of rows of `own` with rows of `others`, float32 [n].

    Where many are wanted all are computed: a product of matrices takes each in a hundredth of the
    time.
    """
    found = np.zeros(len(rows), dtype=np.float32)
    for start in range(0, len(others), _BLOCK):
        here = np.flatnonzero((columns >= start) & (columns < start + _BLOCK))
        if len(here) > _MANY * len(own) * _BLOCK:
            every = own @ others[start : start + _BLOCK].astype(np.float32).T
            found[here] = every[rows[here], columns[here] - start]
            continue
        for part in _parts(here):
            wanted = others[columns[part]].astype(np.float32)
            found[part] = np.einsum("nk,nk->n", own[rows[part]], wanted)
    return found


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


def _parts(rows: NDArray[_Kind]) -> Iterator[NDArray[_Kind]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


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
        """Returns the lowest thing that a thing is known to be with."""
        while first[thing] != thing:
            first[thing] = first[first[thing]]
            thing = int(first[thing])
        return thing

    for a, b in pairs.tolist():
        low, high = sorted((top(a), top(b)))
        first[high] = low
    return np.array([top(thing) for thing in range(num_things)], dtype=np.int64)
