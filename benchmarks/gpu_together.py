"""Several trainings at once on one device, each in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import TimeoutError as NoAnswerError
from multiprocessing import get_context
from typing import Any

import torch

from benchmarks.gpu_bench import Bench
from trainables.memory import peak_bytes

_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What a training in a process of its own told.

    Attributes:
        loss: of its first epoch.
        photos_a_second: of a later one, while the others trained, too.
        peak: of its memory, in bytes.
    """

    loss: float
    photos_a_second: float
    peak: int


def train_alone(bench: Bench) -> Alone:
    """Trains an epoch, waits for the others of `together`, and times another one."""
    model = bench.classifier(bench.config())
    first = model.train_epoch()
    bench.wait()
    _barrier.wait(_PATIENCE_S)
    rate = bench.photos_a_second(model.train_epoch, bench.photos)
    return Alone(loss=first.loss, photos_a_second=rate, peak=peak_bytes(bench.device))


def together(
    bench: Bench,
    number: int,
    train: Callable[[Bench], Alone] = train_alone,
    patience_s: float = 2 * _PATIENCE_S,
) -> list[Alone]:
    """Returns what so many trainings at once tell.

    Raises:
        TimeoutError: one does not answer: its process was killed, or it hangs.
    """
    context = get_context("spawn")
    barrier = context.Barrier(number)
    with context.Pool(number, initializer=_begin, initargs=(barrier,)) as pool:
        asked = pool.map_async(train, [bench] * number, chunksize=1)
        try:
            return asked.get(patience_s)
        except NoAnswerError as error:
            raise TimeoutError(
                f"{number} trainings at once must answer within {patience_s:g} s, and one does "
                "not; its process was killed, or it hangs"
            ) from error


_barrier: Any = None


def _begin(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603  the only way to hand it to a process of a pool
    _barrier = barrier
    torch.set_num_threads(1)
