"""What every epoch would resize again, resized once: a crop at a size of all stored images.

A trial looks at one crop and size, and few are on offer, so they are kept beside the image
store, one memory map for all processes of a machine. They are float32, as a batch is resized:
bit for bit what it would be without them, where bytes would round it. At 64 px a photo takes as
much as a stored one of 144 x 112. Their pages are page cache, which the kernel takes back before
anything else; a copy in every process would take eight times as much on eight slots.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.lib.format import open_memmap
from torch import Tensor

from trainables.config import Input
from trainables.data.image_store import ImageStore
from trainables.drafts import ENDING, clear_drafts, draft_of
from trainables.machine import Machine
from trainables.preprocess import resized

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when `trainables.preprocess.resized` changes its numbers."""

_CHUNK = 256
_SHARE_OF_MEMORY, _SHARE_OF_DISK = 0.25, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizedStores:
    """The resized images of an image store, made when they are first asked for.

    Attributes:
        store: the images.
        room: bytes that all resized images of the cache folder may take; the least recently used
            ones are deleted for new ones, and what alone would take more is not kept.
        on_step: called after every few images that are resized: a sign of life.
    """

    store: ImageStore
    room: int
    on_step: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, store: ImageStore, on_step: Callable[[], None] = lambda: None) -> ResizedStores:
        """Returns those that may take a quarter of memory and a fifth of the free disk at most."""
        memory = Machine().memory_bytes() or 0
        folder = store.path.parent / "resized"
        used = sum(file.stat().st_size for file in _files(folder))
        disk = used + shutil.disk_usage(store.path.parent).free
        room = int(min(_SHARE_OF_MEMORY * memory, _SHARE_OF_DISK * disk))
        return cls(store=store, room=room, on_step=on_step)

    def tensor(self, wanted: Input) -> Tensor | None:
        """Returns the images float32 [N, S, S, 3] in [0, 1], or None where there is no room.

        Args:
            wanted: crop and size; of several processes that ask at once, one resizes.
        """
        shape = (len(self.store.array), wanted.size, wanted.size, 3)
        path = self._path(wanted)
        try:
            found = _load(path, shape)
            if found is None and 4 * int(np.prod(shape)) <= self.room:
                path.parent.mkdir(exist_ok=True)
                with FileLock(path.with_suffix(".lock")):
                    found = _load(path, shape)  # another process may have been first
                    if found is None:
                        self._make(path, shape, wanted)
                        found = _load(path, shape)
        except OSError as error:
            # A training without them gets the same numbers, only later.
            logger.info("no resized images are kept: %s", error)
            return None
        return found

    def _path(self, wanted: Input) -> Path:
        # Whatever the bits depend on is in the name, so that a file is never another's.
        processor = torch.backends.cpu.get_cpu_capability()
        text = f"{VERSION} {torch.__version__} {processor} {self.store.contents}"
        digest = sha256(text.encode()).hexdigest()[:12]
        name = f"{self.store.path.stem}-{wanted.crop}-{wanted.size}-{digest}.npy"
        return self.store.path.parent / "resized" / name

    def _make(self, path: Path, shape: tuple[int, ...], wanted: Input) -> None:
        clear_drafts(path.parent, held=False)
        _clear(path.parent, self.room - 4 * int(np.prod(shape)))
        draft = draft_of(path)
        try:
            array = open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
            with draft.open("r+b") as file:
                # All at once: a disk that fills under a memory map would kill the process.
                os.posix_fallocate(file.fileno(), 0, draft.stat().st_size)
            images = torch.from_numpy(self.store.array)
            for start in range(0, shape[0], _CHUNK):
                x = resized(images[start : start + _CHUNK], wanted)
                array[start : start + _CHUNK] = x.permute(0, 2, 3, 1).numpy()
                self.on_step()
            array.flush()
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def resized_on(
    images: Tensor, store: ImageStore, on_step: Callable[[], None]
) -> Callable[[Input], Tensor | None]:
    """Returns what gives a training the resized images of a store, by crop and size.

    A GPU that holds the images resizes them itself: that costs it next to nothing.

    Args:
        images: of the store, where a training reads them.
        store: the images on the disk.
        on_step: called after every few images that are resized: a sign of life.
    """
    if images.device.type != "cpu":
        return lambda wanted: None  # noqa: ARG005
    return ResizedStores.of(store, on_step).tensor


def _load(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    try:
        array = open_memmap(path, mode="c")
        os.utime(path)  # the least recently used goes first
    except (OSError, ValueError, EOFError):
        return None
    if array.dtype != np.float32 or array.shape != shape:
        return None
    return torch.from_numpy(array)


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*") if p.suffix in (".npy", ENDING)] if folder.is_dir() else []


def _clear(folder: Path, room: int) -> None:
    """Deletes the least recently used files until the others take `room` bytes at most.

    A process that has one open keeps it until it closes it.
    """
    sizes = {}
    for file in _files(folder):
        with suppress(FileNotFoundError):
            status = file.stat()
            sizes[file] = (status.st_mtime_ns, status.st_size)
    total = sum(size for _, size in sizes.values())
    for file in sorted((f for f in sizes if f.suffix == ".npy"), key=lambda f: sizes[f]):
        if total <= room:
            return
        file.unlink(missing_ok=True)
        total -= sizes[file][1]
