"""Every image decoded once, to one memory-mapped uint8 array that all trials of a machine share.

Notation: N images, H x W stored pixels.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainables.data.bounded_arrays import memory_map
from trainables.data.bounded_files import load_json, read_text
from trainables.data.image_decoding import (
    DECODER_VERSION,
    ImageTable,
    Size,
    decode_image,
    reason,
    stored_size,
    unreadable,
)
from trainables.data.upright import KINDS, UINT8
from trainables.drafts import clear_drafts, draft_of
from trainables.errors import DataError
from trainables.locks import held

__all__ = [
    "ImageStore",
    "ImageTable",
    "Size",
    "decode_image",
    "files_digest",
    "sample_digest",
    "stored_size",
]

_SAMPLED = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageStore:
    """The decoded images of a table.

    Attributes:
        path: the .npy file.
        contents: changes with the files that the images were made from.
        array: uint8 [N, H, W, 3], RGB; a memory map has private pages ("c"): writes stay in
            memory. One that came from another node may be read-only.
        notes: what was done to some of the images, a sentence each.
    """

    path: Path
    contents: str
    array: UINT8 = field(repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        table: ImageTable,
        size: Size,
        cache_dir: Path,
        *,
        num_threads: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImageStore:
        """Returns the store of a table, decoding its images if that has not been done.

        A store is used again as long as the size and modification time of every file are as they
        were. Of several processes that ask at once, one decodes and the others wait.

        Args:
            table: the images.
            size: (H, W) to store them at.
            cache_dir: the store is in its folder `images`.
            num_threads: that decode at once, at least one.
            progress: called with (images done, N) after each decoded image, and with none done
                while another process decodes.

        Raises:
            DataError: an image is missing or cannot be read, or the disk is too full.
        """
        tell = progress or (lambda done, total: None)  # noqa: ARG005
        table.check_files()
        shape = (len(table.paths), *size, 3)
        name = f"{table.fingerprint}-{sample_digest(table)}-{size[0]}x{size[1]}"
        path = cache_dir / "images" / f"{name}.npy"
        described = {
            "decoder": DECODER_VERSION,
            "shape": list(shape),
            "files": files_digest(table),
        }
        found = _load(path, described)
        if found is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with held(path.with_suffix(".lock"), lambda: tell(0, shape[0])):
                found = _load(path, described)  # another process may have been first
                if found is None:
                    clear_drafts(path.parent, held=False)
                    kinds = _build(table, path, shape, num_threads, tell)
                    for suffix in (".npy", ".json", ".lock"):  # as it was called before
                        old = f"{table.fingerprint}-{size[0]}x{size[1]}{suffix}"
                        (path.parent / old).unlink(missing_ok=True)
                    with _temporary(path.with_suffix(".json")) as temporary:
                        note = json.dumps({**described, "kinds": kinds})
                        temporary.write_text(note, encoding="utf-8")
                    found = _load(path, described)
        if found is None:
            raise DataError(f"the image store {path} was changed while it was opened; try again")
        array, kinds = found
        done = {kind: what for kind, what in KINDS.items() if kind in kinds}
        notes = tuple(f"{kinds[kind]} photos {what}" for kind, what in done.items())
        return cls(path=path, contents=_digest(described), array=array, notes=notes)

    @classmethod
    def found(cls, path: Path, contents: str) -> ImageStore | None:
        """Returns a store that was made before, or None where its file is not there any more.

        The images that it was made from need not be there.

        Args:
            path: of its file.
            contents: that it must have.
        """
        try:
            described = load_json(read_text(path.with_suffix(".json")))
            described.pop("kinds", None)
        except (OSError, ValueError, AttributeError):
            return None
        loaded = _load(path, described) if _digest(described) == contents else None
        return None if loaded is None else cls(path=path, contents=contents, array=loaded[0])

    @classmethod
    def of_array(cls, cache_dir: Path, name: str, contents: str, array: UINT8) -> ImageStore:
        """Returns a store of images that are in memory.

        Args:
            cache_dir: what is made of them is kept there.
            name: of the file that the images were read from.
            contents: of that file.
            array: uint8 [N, H, W, 3].
        """
        path = cache_dir / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path=path, contents=contents, array=array)

    def tensor(self, device: torch.device, share: float = 0.5) -> torch.Tensor:
        """Returns the images as a uint8 tensor [N, H, W, 3].

        On the CPU it shares the memory map. A CUDA device gets a copy if that takes less than
        `share` of its free memory; otherwise the tensor stays on the CPU, and batches are copied.

        Args:
            device: where the images are wanted.
            share: of the free device memory, in (0, 1].
        """
        with warnings.catch_warnings():
            # What lies in Ray's object store is read-only, and nothing writes to images.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            images = torch.from_numpy(self.array)
        if device.type != "cuda":
            return images
        free, _ = torch.cuda.mem_get_info(device)
        return images.to(device) if self.array.nbytes < share * free else images


def _digest(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def sample_digest(table: ImageTable) -> str:
    """Returns 8 hex digits of the bytes of a few images, spread over the table.

    Two folders may have the same names, sizes and times, as an archive unpacks them, and other
    images; where they lie says nothing, for one may be mounted anywhere.
    """
    root, paths = table.root, table.paths
    digest = hashlib.sha256()
    for row in range(0, len(paths), max(1, len(paths) // _SAMPLED)):
        try:
            digest.update((root / paths[row]).read_bytes())
        except OSError:  # whoever decodes it says so
            digest.update(b"?")
    return digest.hexdigest()[:8]


def files_digest(table: ImageTable) -> str:
    """Returns a digest of the size and the modification time of every image."""
    digest = hashlib.sha256()
    for path in table.paths:
        stat = (table.root / path).stat()
        digest.update(f"{stat.st_size}:{stat.st_mtime_ns};".encode())
    return digest.hexdigest()


def _load(
    path: Path, described: dict[str, Any]
) -> tuple[np.memmap[Any, np.dtype[np.uint8]], dict[str, int]] | None:
    """Returns the stored array and how many images are of some kind, by the kind's name.

    None if there is none or it was made from other files; no kinds where an older run made it.
    """
    try:
        found = load_json(read_text(path.with_suffix(".json")))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or any(found.get(n) != v for n, v in described.items()):
        return None
    kinds, array = found.get("kinds", {}), memory_map(path)
    if array is None or not isinstance(kinds, dict):
        return None
    fits = array.dtype == np.uint8 and list(array.shape) == described["shape"]
    return (array, kinds) if fits else None


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yields a path to write to; it becomes `path` in one step, or is removed if that fails."""
    temporary = draft_of(path)
    try:
        yield temporary
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)


def _build(
    table: ImageTable,
    path: Path,
    shape: tuple[int, int, int, int],
    num_threads: int,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Writes the array; returns how many images are of some kind."""
    needed = int(np.prod(shape, dtype=np.int64))
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"the decoded images need {needed / 1e9:.2f} GB in {path.parent}, where "
            f"{free / 1e9:.2f} GB are free; use another cache folder or a smaller size"
        )
    with _temporary(path) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        _take_room(temporary)
        kinds = _decode_all(table, array, num_threads, progress)
        array.flush()
    return kinds


def _take_room(path: Path) -> None:
    """Takes all of a file's room now; OSError where there is less than a moment ago.

    A disk that fills while the memory map is written would kill the process.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _decode_all(
    table: ImageTable,
    array: UINT8,
    num_threads: int,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Fills `array`; all images are tried, so that those that cannot be read are named at once.

    Returns:
        How many images are of a kind, by its name.
    """
    size = (array.shape[1], array.shape[2])
    # Once: a table of several makes them anew every time.
    root, paths, source_rows, most = table.root, table.paths, table.source_rows, table.max_pixels

    def decode(row: int) -> None:
        """Decodes one image into its row."""
        array[row] = decode_image(root / paths[row], size, source_rows[row], most, kinds.append)

    broken: dict[int, str] = {}
    kinds: list[str] = []
    executor = ThreadPoolExecutor(num_threads, thread_name_prefix="decode")
    try:
        futures = {executor.submit(decode, row): row for row in range(len(array))}
        for done, future in enumerate(as_completed(futures), start=1):
            try:
                future.result()
            except DataError as error:
                broken[futures[future]] = reason(error)
            progress(done, len(array))
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    if broken:
        raise unreadable(table, broken)
    return dict(Counter(kinds))
