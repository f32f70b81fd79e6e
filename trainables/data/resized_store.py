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
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.lib.format import open_memmap
from torch import Tensor

from trainables.config import Input
from trainables.data.bounded_arrays import memory_map
from trainables.data.image_store import ImageStore
from trainables.drafts import ENDING, clear_drafts, draft_of
from trainables.locks import held
from trainables.machine import Machine
from trainables.preprocess import CROPS, resized

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when `trainables.preprocess.resized` changes its numbers."""

_CHUNK = 256
_SHARE_OF_MEMORY, _SHARE_OF_DISK = 0.25, 0.2
_OLD_S = 86_400.0
"""Nobody writes a draft for a day, so that one of another machine is nobody's after it."""


def room_in(folder: Path) -> int:
    """Returns the bytes that resized images in a folder may take now, those there included.

    They are a quarter of the memory and a fifth of the free disk at most; 0 where nothing says
    how much memory there is.

    Raises:
        OSError: the folder is missing, or cannot be read.
    """
    memory = Machine().memory_bytes() or 0
    used = sum(size for _, size in _sizes(folder).values())
    disk = used + shutil.disk_usage(folder).free
    return int(min(_SHARE_OF_MEMORY * memory, _SHARE_OF_DISK * disk))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizedStores:
    """The resized images of an image store, made when they are first asked for.

    Attributes:
        store: the images.
        room: returns the bytes that all resized images of a cache folder may take now; the least
            recently used ones are deleted for new ones, and what alone would take more is not
            kept.
        on_step: called after every few images that are resized, and while others resize them: a
            sign of life.
    """

    store: ImageStore
    room: Callable[[Path], int] = field(default=room_in)
    on_step: Callable[[], None] = lambda: None

    def tensor(self, wanted: Input) -> Tensor | None:
        """Returns the images float32 [N, S, S, 3] in [0, 1], or None where there is no room.

        Args:
            wanted: crop and size; of several processes that ask at once, one resizes.
        """
        shape = (len(self.store.array), wanted.size, wanted.size, 3)
        path = self._path(wanted)
        try:
            found = _load(path, shape)
            if found is None:
                path.parent.mkdir(exist_ok=True)
                with held(_lock_of(path), self.on_step):
                    found = _load(path, shape)  # another process may have been first
                    if found is None and self._make(path, shape, wanted):
                        found = _load(path, shape)
        except OSError as error:
            # A training without them gets the same numbers, only later.
            logger.info("no resized images are kept: %s", error)
            return None
        return found

    def _path(self, wanted: Input) -> Path:
        # Whatever the bits depend on is in the name, so that a file is never another's.
        processor, crop = torch.backends.cpu.get_cpu_capability(), CROPS[wanted.crop]
        text = f"{VERSION} {torch.__version__} {processor} {crop} {self.store.contents}"
        digest = sha256(text.encode()).hexdigest()[:12]
        name = f"{self.store.path.stem}-{wanted.crop}-{wanted.size}-{digest}.npy"
        return self.store.path.parent / "resized" / name

    def _make(self, path: Path, shape: tuple[int, ...], wanted: Input) -> bool:
        """Returns whether there was room; OSError where it was taken in the meantime."""
        draft = draft_of(path)
        try:
            # One at a time: two that clear the folder at once would count the same room twice.
            with held(path.parent / ".lock", self.on_step):
                path.unlink(missing_ok=True)  # not whole, or it would be read
                clear_drafts(path.parent, held=False)
                room, needed = self.room(path.parent), 4 * int(np.prod(shape))
                if needed > room:
                    return False
                _clear(path.parent, room - needed)
                array = open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
                with draft.open("r+b") as file:
                    # All at once: a disk that fills under a memory map would kill the process.
                    os.posix_fallocate(file.fileno(), 0, draft.stat().st_size)
            images = self.store.tensor(torch.device("cpu"))
            for start in range(0, shape[0], _CHUNK):
                x = resized(images[start : start + _CHUNK], wanted)
                array[start : start + _CHUNK] = x.permute(0, 2, 3, 1).numpy()
                self.on_step()
            array.flush()
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return True


def _load(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    array = memory_map(path)
    if array is None or array.dtype != np.float32 or array.shape != shape:
        return None
    with suppress(OSError):  # of another user, or on a disk that is only read
        os.utime(path)  # the least recently used goes first
    return torch.from_numpy(array)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _sizes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Returns last use in nanoseconds of 1970 and bytes of finished files and drafts."""
    found = {}
    for file in folder.iterdir():
        if file.suffix in (".npy", ENDING):
            with suppress(FileNotFoundError):  # another process has just renamed or deleted it
                status = file.stat()
                found[file] = (status.st_mtime_ns, status.st_size)
    return found


def _clear(folder: Path, room: int) -> None:
    """Deletes drafts of lost machines and then the least recently used files.

    The others take `room` bytes at most, as far as they are nobody's. A process that has a file
    open keeps it until it closes it.
    """
    sizes, old = _sizes(folder), time.time_ns() - int(_OLD_S * 1e9)
    for draft in [file for file in sizes if file.suffix == ENDING and sizes[file][0] < old]:
        with suppress(OSError):  # of another user
            draft.unlink(missing_ok=True)
            del sizes[draft]
    total = sum(size for _, size in sizes.values())
    for file in sorted((f for f in sizes if f.suffix == ".npy"), key=lambda f: sizes[f]):
        if total <= room:
            return
        if _deleted(file):
            total -= sizes[file][1]


def _deleted(file: Path) -> bool:
    """Deletes a finished file with its lock.

    False where a process is about to make it again, or it is another user's.
    """
    lock = FileLock(_lock_of(file))
    try:
        with lock.acquire(timeout=0):
            file.unlink(missing_ok=True)
            # Who waits for a lock file that is gone makes another one.
            _lock_of(file).unlink(missing_ok=True)
    except OSError:  # a Timeout is one
        return False
    return True
