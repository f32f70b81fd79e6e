"""What it costs that nothing finished is lost in a power failure: writes with and without.

    python -m benchmarks.durability [--folder DIR] [--pairs 30] [--megabytes 16]

Every pair writes the same files twice, brought to the disk and not, in a random order: a
checkpoint (an epoch), the end of a trial (a small checkpoint, its validation predictions, and the
lines of the journal, each of which Optuna brings to the disk by itself), and a unit of the refit
(weights and predictions). Prints the median of both, and of their difference, in milliseconds.

Two cores of an Intel Xeon, a virtual disk, other work going on (2026-11-28, 20 pairs): 17 ms a
checkpoint of 32 MB, 15 ms a unit, 64 ms a trial, nearly all of it Optuna's own 20 lines.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from optuna.storages.journal import JournalFileBackend
from safetensors.torch import save_file

from search.store.files import write_arrays
from trainables.checkpoint import save_checkpoint
from trainables.drafts import written

_LINES_PER_TRIAL = 20
"""Of the journal: parameters, attributes, five epochs, state."""


def main() -> None:
    """Runs the pairs and prints a row a kind of write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=16, help="of a network's weights")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        writes = kinds(Path(folder), options.megabytes)
        print(f"{'':24}{'with':>10}{'without':>10}{'costs':>10}   ms, median of {options.pairs}")
        for name, write in writes.items():
            pairs = np.array([pair(write, rng) for _ in range(options.pairs)]) * 1000
            with_sync, without = np.median(pairs, axis=0)
            costs = np.median(pairs[:, 0] - pairs[:, 1])
            print(f"{name:24}{with_sync:10.1f}{without:10.1f}{costs:10.1f}")


def kinds(folder: Path, megabytes: int) -> dict[str, Callable[[], None]]:
    """Returns what is written, by its name."""
    weights = {"weights": torch.randn(megabytes * 2**18)}
    state = {"classifier": {**weights, "momentum": torch.randn(megabytes * 2**18)}}
    predictions = {"indices": np.arange(500), "probabilities": np.ones((500, 18), np.float32)}
    journal = JournalFileBackend(str(folder / "optuna.journal"))

    def end_of_trial() -> None:
        for line in range(_LINES_PER_TRIAL):
            journal.append_logs([{"op_code": 8, "trial_id": 0, "user_attr": {"line": line}}])
        write_arrays(folder / "checkpoints" / "age-0.npz", predictions)
        save_checkpoint(folder / "checkpoints" / "age-0.pt", {"report": {}, "best": 0.5})

    def unit() -> None:
        with written(folder / "models" / "age.1.0.0.safetensors") as draft:
            save_file(weights, draft)
        write_arrays(folder / "parts" / "age.1.0.0.npz", predictions)

    return {
        "checkpoint of an epoch": lambda: save_checkpoint(folder / "age-1.pt", state),
        "end of a trial": end_of_trial,
        "unit of the refit": unit,
    }


def pair(write: Callable[[], None], rng: np.random.Generator) -> tuple[float, float]:
    """Returns the seconds of a write with and without bringing it to the disk."""
    found = {}
    for durable in rng.permutation([True, False]):
        os.sync()
        with synced(durable=bool(durable)):
            began = time.perf_counter()
            write()
            found[bool(durable)] = time.perf_counter() - began
    return found[True], found[False]


@contextmanager
def synced(*, durable: bool) -> Iterator[None]:
    """Lets `os.fsync` do its work, or nothing."""
    fsync = os.fsync
    if not durable:
        os.fsync = lambda _: None
    try:
        yield
    finally:
        os.fsync = fsync


if __name__ == "__main__":
    main()
