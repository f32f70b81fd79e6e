"""Every photo small and grey, and what it is like: enough to compare photos and to find odd ones.

Unlike a store of decoded images, one broken photo stops nothing: what is wrong with it is noted.

Notation: N photos, S pixels a side of a sketch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.data.bounded_arrays import load_arrays
from trainables.data.image_decoding import MAX_PIXELS, original, reason
from trainables.drafts import clear_drafts, written
from trainables.errors import DataError
from trainables.locks import held

SIDE = 64
"""Pixels a side of a sketch, S."""

_VERSION = 2
"""Raised when a sketch of the same file would be another one."""
_DIGEST_BYTES = 16
_TEXT = "U200"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketches:
    """The sketches of photos, in their order.

    Attributes:
        luma: uint8 array [N, S, S], the whole photo squeezed to a square; zeros where unreadable.
        size: int64 array [N, 2], (H, W) of the upright photo; zeros where unreadable.
        colour: float32 array [N, 3], mean RGB in [0, 255].
        colourful: float32 array [N], how far the colours are from those of one tint, lighter and
            darker: standard deviation, of 255. Grey and sepia have none.
        mode: str array [N], Pillow's mode of the file, such as "RGB" or "CMYK".
        wrong: str array [N], why a photo cannot be read; empty where it can.
        digest: str array [N], of the bytes of the file; empty where there is no file.
    """

    luma: npt.NDArray[np.uint8] = field(repr=False)
    size: npt.NDArray[np.int64]
    colour: npt.NDArray[np.float32]
    colourful: npt.NDArray[np.float32]
    mode: npt.NDArray[np.str_]
    wrong: npt.NDArray[np.str_]
    digest: npt.NDArray[np.str_]

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """Which photos could be decoded, bool [N]."""
        return np.asarray(self.wrong == "", dtype=np.bool_)

    @property
    def content(self) -> str:
        """16 hex digits of the bytes of all files, in their order."""
        return hashlib.sha256("\n".join(self.digest.tolist()).encode()).hexdigest()[:16]

    @property
    def digest_of_read(self) -> list[str]:
        """Digest of each file that could be decoded; empty of the others."""
        return [str(each) for each in np.where(self.is_read, self.digest, "")]

    def rows(self, rows: npt.NDArray[np.int64]) -> Sketches:
        """Returns the sketches of some photos, int [n]."""
        return Sketches(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    @classmethod
    def open(
        cls,
        root: Path,
        paths: Sequence[str],
        cache_dir: Path,
        *,
        num_threads: int,
        max_pixels: int = MAX_PIXELS,
        progress: Callable[[int, int], None] | None = None,
    ) -> Sketches:
        """Returns the sketches of photos; only new, changed and unreadable files are decoded.

        Args:
            root: the folder the paths start from.
            paths: POSIX paths of the photos, relative to `root`.
            cache_dir: sketches are kept in its folder `sketches`.
            num_threads: that decode at once, at least one.
            max_pixels: that a photo may have at most.
            progress: called with (photos done, photos to decode) after each one.
        """
        place = hashlib.sha256(f"{root.resolve()}\n{max_pixels}".encode()).hexdigest()[:24]
        path = cache_dir / "sketches" / f"{place}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array([_key(root, each) for each in paths], dtype=np.str_)
        tell = progress or _silent
        with held(path.with_suffix(".lock"), lambda: tell(0, len(paths))):
            known = _load(path)
            place_of = {key: row for row, key in enumerate(known["key"])} if known else {}
            found = np.array([place_of.get(key, -1) for key in keys], dtype=np.int64)
            if known:
                # Rights and shares that come back change no file: what failed is tried again.
                found[(found >= 0) & (known["wrong"][found] != "")] = -1
            sketches = _empty(len(paths))
            for name, array in sketches.items():
                array[found >= 0] = known[name][found[found >= 0]] if known else array[:0]
            new = np.flatnonzero(found < 0)
            if new.size:
                _fill(sketches, root, paths, new, max_pixels, num_threads, tell)
                clear_drafts(path.parent, held=False)
                with written(path) as draft, draft.open("wb") as file:
                    np.savez(file, key=keys, **sketches)  # type: ignore[arg-type]
        return cls(**sketches)


def _silent(done: int, total: int) -> None:
    """Shows nothing."""


def _key(root: Path, path: str) -> str:
    """Returns what changes with a file; "-" in its second place where there is none."""
    try:
        stat = (root / path).stat()
        state = f"{stat.st_size}:{stat.st_mtime_ns}"
    except (OSError, ValueError):
        state = "-"
    return hashlib.sha256(f"{_VERSION}:{state}:{path}".encode()).hexdigest()[:24]


def _empty(num_photos: int) -> dict[str, npt.NDArray[Any]]:
    return {
        "luma": np.zeros((num_photos, SIDE, SIDE), dtype=np.uint8),
        "size": np.zeros((num_photos, 2), dtype=np.int64),
        "colour": np.zeros((num_photos, 3), dtype=np.float32),
        "colourful": np.zeros(num_photos, dtype=np.float32),
        "mode": np.zeros(num_photos, dtype="U8"),
        "wrong": np.zeros(num_photos, dtype=_TEXT),
        "digest": np.zeros(num_photos, dtype=f"U{2 * _DIGEST_BYTES}"),
    }


def _load(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Returns what was kept; None where there is nothing, or not what it should be."""
    try:
        found = load_arrays(path)
        keys = found["key"]
        fits = {
            name: found[name].dtype == array.dtype
            and found[name].shape == (len(keys), *array.shape[1:])
            for name, array in _empty(0).items()
        }
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if all(fits.values()) else None


def _fill(
    sketches: dict[str, npt.NDArray[Any]],
    root: Path,
    paths: Sequence[str],
    rows: npt.NDArray[np.int64],
    max_pixels: int,
    num_threads: int,
    progress: Callable[[int, int], None],
) -> None:
    executor = ThreadPoolExecutor(num_threads, thread_name_prefix="sketch")
    try:
        futures = {
            executor.submit(_sketch, root / paths[row], max_pixels): row for row in rows.tolist()
        }
        for done, future in enumerate(as_completed(futures), start=1):
            for name, value in future.result().items():
                sketches[name][futures[future]] = value
            progress(done, len(rows))
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _sketch(path: Path, max_pixels: int) -> dict[str, Any]:
    """Returns the sketch of a photo by the names of its parts, what is wrong among them."""
    said: dict[str, Any] = {}
    try:
        if path.stat().st_size == 0:
            return {"wrong": "the file is empty"}
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES))
        said["digest"] = digest.hexdigest()
        picture, mode, size = original(path, (SIDE, SIDE), max_pixels)
    except (OSError, ValueError, DataError) as error:
        return {**said, "wrong": reason(error)[:200]}
    # Weights of luma as Pillow has them (ITU-R 601).
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    luma: npt.NDArray[np.float32] = np.asarray(picture @ weights, dtype=np.float32)
    return {
        **said,
        "luma": np.rint(luma).astype(np.uint8),
        "size": np.array(size),
        "colour": picture.reshape(-1, 3).mean(axis=0),
        "colourful": _colourful(picture, luma),
        "mode": mode,
    }


def _colourful(picture: npt.NDArray[np.uint8], luma: npt.NDArray[np.float32]) -> float:
    """Returns what is left of the colours of a photo [S, S, 3] once its lightness explains them.

    In a picture of one tint red and blue follow the lightness in a line.
    """
    light = (luma - luma.mean()).ravel()
    colours = picture.reshape(-1, 3)[:, ::2] - luma.reshape(-1, 1)
    colours -= colours.mean(axis=0)
    slope = light @ colours / max(float(light @ light), 1.0)
    return float(np.sqrt(np.square(colours - np.outer(light, slope)).mean(axis=0).sum()))
