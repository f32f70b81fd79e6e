"""What one of several trainings at once on a device tells."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.gpu_bench import Bench
from trainables.memory import peak_bytes


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


def train_alone(bench: Bench) -> Callable[[], Alone]:
    """Trains an epoch, and returns what times another one beside the others of `together`."""
    model = bench.classifier(bench.config())
    first = model.train_epoch()
    bench.wait()

    def timed() -> Alone:
        """Times a later epoch."""
        rate = bench.photos_a_second(model.train_epoch, bench.photos)
        return Alone(loss=first.loss, photos_a_second=rate, peak=peak_bytes(bench.device))

    return timed
