"""Channels-last against channels-first: how long a training step takes in either layout.

Both layouts train the same weights on the same batch in one process, turn by turn, on one thread;
the figure of a model is the median of the ratios of the pairs, with the range of their middle
half. Command: `python -m benchmarks.memory_layout`.
"""

import platform
import statistics
import time
from collections.abc import Callable

import timm
import torch

_MODELS = (
    ("test_resnet", 64),
    ("test_efficientnet", 64),
    ("mobilenetv4_conv_small_050", 64),
    ("mobilenetv4_conv_small_050", 96),
    ("tf_efficientnet_lite0", 96),
)
_BATCH, _PAIRS, _WARM_UP = 32, 15, 2


def training_step(name: str, size: int, layout: torch.memory_format) -> Callable[[], float]:
    """Returns a function that trains one step of a timm model and returns its seconds."""
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).to(memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    x = torch.randn(_BATCH, 3, size, size).contiguous(memory_format=layout)
    y = torch.randint(0, 3, (_BATCH,))

    def step() -> float:
        started = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
        return time.perf_counter() - started

    return step


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    print(f"{platform.machine()}, PyTorch {torch.__version__}, one thread, {_PAIRS} pairs\n")
    print("| model | px | channels-first, ms a photo | channels-last / channels-first |")
    print("| --- | --- | --- | --- |")
    for name, size in _MODELS:
        first = training_step(name, size, torch.contiguous_format)
        last = training_step(name, size, torch.channels_last)
        pairs = [(first(), last()) for _ in range(_WARM_UP + _PAIRS)][_WARM_UP:]
        low, middle, high = statistics.quantiles([b / a for a, b in pairs], n=4)
        base = 1e3 * statistics.median(a for a, _ in pairs) / _BATCH
        print(f"| {name} | {size} | {base:.2f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")


if __name__ == "__main__":
    main()
