"""One training a core against one training on all cores: photos a second of all together.

    python -m benchmarks.cpu_slots --out cells.jsonl [--pairs 5] [--models ...] [--sizes 64 96]

On a CPU a trial holds one core and as many run as there are cores (`search/prepare/resources.py`).
A cell trains the default config of a backbone at a size for the same number of epochs in either
way, in processes that are started before and begin together, turn by turn; the figure is the
median of the ratios of the pairs, with their middle half: above 1, one training a core is the
faster way. Every cell is a line of the file when it ends, and is not measured again.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput import read, small_config, training_data
from spaces.scale import SMALL_BACKBONES
from trainables.classifier import ImageClassifier
from trainables.machine import Machine
from trainables.memory import keep_freed

_EPOCHS, _PATIENCE_S = 2, 300.0


def main() -> None:
    """Measures the cells that the file lacks and prints all of it as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSONL, gone on with")
    parser.add_argument("--models", nargs="+", default=list(SMALL_BACKBONES))
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96])
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    cores, known = Machine().cpus(), read(options.out)
    for model in options.models:
        for size in options.sizes:
            named = {"model": model, "size": size, "cores": cores}
            if any(named.items() <= cell.items() for cell in known):
                continue
            ratio = ratios(model, size, cores, options.pairs)
            known.append({**named, "ratio": ratio, "load": round(os.getloadavg()[0], 2)})
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(known[-1]) + "\n")
    print("| model | px | cores | a core each / all cores for one | load |")
    print("| --- | --- | --- | --- | --- |")
    for cell in known:
        middle, low, high = cell["ratio"]  # type: ignore[misc]
        told = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        print(f"| {cell['model']} | {cell['size']} | {cell['cores']} | {told} | {cell['load']} |")


def ratios(model: str, size: int, cores: int, pairs: int) -> list[float]:
    """Returns median and quartiles of photos a second of one a core against one on all."""
    found = []
    for pair in range(pairs):
        ways = [(cores, 1), (1, cores)]
        rates = {way: together(model, size, *way) for way in (ways if pair % 2 else ways[::-1])}
        found.append(rates[ways[0]] / rates[ways[1]])
    low, middle, high = statistics.quantiles(found, n=4)
    return [round(value, 3) for value in (middle, low, high)]


def together(model: str, size: int, processes: int, threads: int) -> float:
    """Returns the photos a second of so many trainings at once, each on so many threads."""
    context = get_context("spawn")
    barrier = context.Barrier(processes)
    with context.Pool(processes, initializer=_begin, initargs=(barrier,)) as pool:
        told = pool.map(_train, [(model, size, threads)] * processes, chunksize=1)
    return sum(told)


_barrier: Any = None


def _begin(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603  the only way to hand it to a process of a pool
    _barrier = barrier


def _train(what: tuple[str, int, int]) -> float:
    model, size, threads = what
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        data = training_data(Path(folder), plain=False)
        cpu = torch.device("cpu")
        keep_freed(cpu)
        classifier = ImageClassifier(small_config(model, size), data, seed=0, device=cpu)
        classifier.train_epoch()
        _barrier.wait(_PATIENCE_S)
        began = time.perf_counter()
        reports = [classifier.train_epoch() for _ in range(_EPOCHS)]
        return sum(report.num_samples for report in reports) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
