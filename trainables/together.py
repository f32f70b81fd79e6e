"""Several trainings at once on one device, each in a process of its own, and how many pay."""

from collections.abc import Callable, Mapping
from multiprocessing import TimeoutError as NoAnswerError
from multiprocessing import get_context
from typing import Any, TypeVar

import torch

_PATIENCE_S = 120.0
_ONCE_MORE = 1.1
"""What one more training has to add, by the photos of fewer."""

Given = TypeVar("Given")
Told = TypeVar("Told")


def together(
    train: Callable[[Given], Told],
    given: Given,
    number: int,
    patience_s: float = 2 * _PATIENCE_S,
) -> list[Told]:
    """Returns what so many trainings at once tell.

    Args:
        train: a function of a module, which calls `wait_for_others` before it takes the time.
        given: to each of them.
        number: how many there are.
        patience_s: for all of them.

    Raises:
        TimeoutError: one does not answer: its process was killed, or it hangs.
        Exception: what a training raised.
    """
    context = get_context("spawn")
    barrier = context.Barrier(number)
    with context.Pool(number, initializer=_begin, initargs=(barrier,)) as pool:
        asked = pool.map_async(train, [given] * number, chunksize=1)
        try:
            return asked.get(patience_s)
        except NoAnswerError as error:
            raise TimeoutError(
                f"{number} trainings at once must answer within {patience_s:g} s, and one does "
                "not; its process was killed, or it hangs"
            ) from error


def wait_for_others() -> None:
    """Returns when all trainings of `together` have come as far.

    Raises:
        BrokenBarrierError: one of them does not come.
    """
    _barrier.wait(_PATIENCE_S)


_barrier: Any = None


def _begin(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603  the only way to hand it to a process of a pool
    _barrier = barrier
    torch.set_num_threads(1)


def best_packing(rates: Mapping[int, float]) -> int:
    """Returns how many trainings at once a device is best shared by.

    One more than needed costs memory and the time of every single trial, so a larger number has to
    train a tenth more photos a second than the best of the smaller ones.

    Args:
        rates: photos a second of all together, by their number.
    """
    best = 1
    for number in sorted(rates):
        if rates[number] > _ONCE_MORE * rates[best]:
            best = number
    return best
