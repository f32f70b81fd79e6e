"""What a training on the CPU gains by keeping freed memory, and what it costs.

    python -m benchmarks.kept_memory [--pairs 5]

A cell is a backbone, an input size and a batch. Two processes on one thread, turn by turn, train
the same steps and show the same photos to the network, one after `trainables.memory.keep_freed`,
the other as glibc is without it. Ratios of photos a second (kept by not kept), the median with the
middle half of the pairs: of training, and of evaluation in batches of 64 with kept memory against
batches of 256 without, as it was before. Then the peak memory of both processes in MB.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import timm
import torch

from benchmarks.rivals.cells import cpu
from trainables.memory import eval_batch, keep_freed

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
_PHOTOS, _SHOWN, _BEFORE = 512, 512, 256


def speeds(name: str, size: int, batch: int, *, kept: bool) -> tuple[float, float, float]:
    """Returns photos a second in training and evaluation, and the peak memory in MB."""
    torch.set_num_threads(1)
    if kept:
        keep_freed(_CPU)
    network = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    x, y = _photos(batch, size), torch.randint(0, 3, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    training = batch / _median(step, max(4, _PHOTOS // batch // (size // 64) ** 2))
    network.eval()
    together = eval_batch(_CPU) if kept else _BEFORE
    shown = _photos(together, size)
    with torch.inference_mode():
        evaluation = together / _median(lambda: network(shown), max(3, _SHOWN // together))
    return training, evaluation, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _photos(count: int, size: int) -> torch.Tensor:
    return torch.randn(count, 3, size, size).contiguous(memory_format=torch.channels_last)


def _median(what: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(2 + times):
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[2:])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    print(f"{cpu()}, PyTorch {torch.__version__}, {sys.platform}, one thread, {pairs} pairs\n")
    print("| model | px | batch | training | evaluation | peak MB kept | not kept |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cell in _CELLS:
        found = []
        for number in range(pairs):
            # A process each: what glibc was told cannot be taken back.
            turns = (True, False) if number % 2 else (False, True)
            found.append({kept: _alone(*cell, kept=kept) for kept in turns})
        ratios = [
            _ratio([pair[True][side] / pair[False][side] for pair in found]) for side in (0, 1)
        ]
        peaks = [f"{statistics.median(p[kept][2] for p in found):.0f}" for kept in (True, False)]
        print(f"| {' | '.join([*map(str, cell), *ratios, *peaks])} |", flush=True)


def _alone(name: str, size: int, batch: int, *, kept: bool) -> tuple[float, float, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(speeds, name, size, batch, kept=kept).result()


def _ratio(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
