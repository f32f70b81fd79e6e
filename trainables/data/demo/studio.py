"""Photographs many people with a pool of processes; the bytes do not depend on how many."""

import logging
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Final

from trainables.data.demo.photo import STEMS, Sitting, photograph
from trainables.machine import Machine

Progress = Callable[[int, int], None]

_FEW_PEOPLE: Final = 60
"""Below this many people starting a pool costs more than it saves."""
_MAX_WORKERS: Final = 16
_logger = logging.getLogger(__name__)


def photograph_all(
    sittings: Sequence[Sitting], num_workers: int | None, progress: Progress | None
) -> None:
    """Writes every photo; no process is left working when this returns or raises.

    Args:
        sittings: People and the files to write.
        num_workers: Processes; default the processors available, one for a small set.
        progress: Called from this process with (photos done, photos in all).
    """
    if num_workers is None:
        num_workers = 1 if len(sittings) < _FEW_PEOPLE else min(Machine().cpus(), _MAX_WORKERS)
    draw = _in_pool(sittings, num_workers) if num_workers > 1 else _here(sittings)
    # Closed at once: an error in `progress` must not leave processes writing behind our back.
    with closing(draw):
        for done, _ in enumerate(draw, start=1):
            if progress is not None:
                progress(done * len(STEMS), len(sittings) * len(STEMS))


def _end_with_parent() -> None:
    """Ends this process where the one that started it was killed, instead of waiting for work."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _here(sittings: Sequence[Sitting]) -> Generator[None, None, None]:
    for sitting in sittings:
        photograph(sitting)
        yield None


def _in_pool(sittings: Sequence[Sitting], num_workers: int) -> Generator[None, None, None]:
    """Draws in fresh processes; if those cannot start, what is left is drawn here.

    A script without the `if __name__ == "__main__"` guard, or one read from standard input,
    cannot start processes; the pictures are the same either way.
    """
    left = dict(enumerate(sittings))
    context = get_context("spawn")
    with ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=_end_with_parent
    ) as pool:
        try:
            futures = {pool.submit(photograph, sitting): index for index, sitting in left.items()}
            for future in as_completed(futures):
                future.result()
                del left[futures[future]]
                yield None
        except BrokenProcessPool:
            _logger.warning("drawing processes broke down; going on in this process")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    yield from _here(list(left.values()))
