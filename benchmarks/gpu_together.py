"""What one of several trainings at once on a device tells."""

from dataclasses import dataclass

from benchmarks.gpu_bench import Bench
from trainables.memory import peak_bytes
from trainables.together import wait_for_others


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
    wait_for_others()
    rate = bench.photos_a_second(model.train_epoch, bench.photos)
    return Alone(loss=first.loss, photos_a_second=rate, peak=peak_bytes(bench.device))
