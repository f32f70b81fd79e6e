"""What a training on the CPU gains by keeping freed memory, and what it costs.

    python -m benchmarks.kept_memory [--pairs 5]

A cell is a backbone, an input size and a batch. Processes on one thread, turn by turn, do as a
trial does, an epoch of a few steps and an evaluation of 256 photos, twice; the second of each
counts, for glibc adapts itself to what a process has freed. Three ways: with kept memory
(`trainables.memory.keep_freed`) and evaluation in batches of 64, without it and batches of 64, and
as it was before, without it and batches of 256. Columns: photos a second by those of before, of
training and of evaluation, in the first two ways; the peak memory of all three in MB. Ratios are
medians with the middle half of the rounds.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import timm
import torch

from benchmarks.rivals.cells import cpu
from trainables.memory import keep_freed

_CELLS = (
    ("test_resnet", 64, 16),
    ("test_resnet", 64, 32),
    ("test_resnet", 96, 64),
    ("test_efficientnet", 64, 32),
    ("test_efficientnet", 96, 64),
    ("mobilenetv4_conv_small_050", 64, 32),
    ("mobilenetv4_conv_small_050", 96, 64),
    ("tf_efficientnet_lite0", 96, 32),
    ("tf_efficientnet_lite0", 224, 32),
)
_CPU = torch.device("cpu")
_PHOTOS, _SHOWN = 512, 256
_WAYS = ((True, 64), (False, 64), (False, 256))
"""Whether memory is kept, and the batch of evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Photos a second, and the peak memory in MB."""

    training: float
    evaluation: float
    peak: float


def measure(name: str, size: int, batch: int, way: tuple[bool, int]) -> Told:
    """Measures a cell in one way, in this process."""
    kept, together = way
    torch.set_num_threads(1)
    if kept:
        keep_freed(_CPU)
    network = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    x, y = _photos(batch, size), torch.randint(0, 3, (batch,))
    shown = _photos(together, size)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    @torch.inference_mode()
    def show() -> None:
        network(shown)

    training = evaluation = 0.0
    for _ in range(2):
        network.train()
        training = batch / _median(step, max(4, _PHOTOS // batch // (size // 64) ** 2))
        network.eval()
        evaluation = together / _median(show, _SHOWN // together)
    return Told(training=training, evaluation=evaluation, peak=_peak())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _photos(count: int, size: int) -> torch.Tensor:
    return torch.randn(count, 3, size, size).contiguous(memory_format=torch.channels_last)


def _median(what: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="rounds of a cell (5)")
    pairs = parser.parse_args().pairs
    print(f"{cpu()}, PyTorch {torch.__version__}, {sys.platform}, one thread, {pairs} rounds\n")
    print(
        "| model | px | batch | training kept, 64 | not kept, 64 | evaluation kept, 64 "
        "| not kept, 64 | peak MB kept, 64 | not kept, 64 | not kept, 256 |"
    )
    print("| --- " * 10 + "|")
    for cell in _CELLS:
        found = []
        for number in range(pairs):
            # A process each: glibc adapts itself to what a process did before.
            turn = [*_WAYS[number % 3 :], *_WAYS[: number % 3]]
            found.append({way: _alone(*cell, way) for way in turn})
        print(f"| {' | '.join([*map(str, cell), *_row(found)])} |", flush=True)


def _row(found: list[dict[tuple[bool, int], Told]]) -> list[str]:
    *ways, before = _WAYS
    return [
        *(_ratio([e[way].training / e[before].training for e in found]) for way in ways),
        *(_ratio([e[way].evaluation / e[before].evaluation for e in found]) for way in ways),
        *(f"{statistics.median(each[way].peak for each in found):.0f}" for way in _WAYS),
    ]


def _alone(name: str, size: int, batch: int, way: tuple[bool, int]) -> Told:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, name, size, batch, way).result()


def _ratio(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
