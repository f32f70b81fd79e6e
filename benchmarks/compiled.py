"""Do compiled training steps pay within a trial? Plain steps against `torch.compile`; in Markdown.

    OMP_NUM_THREADS=1 python -m benchmarks.compiled > benchmarks/compiled_CPU_DATE.md

A loop trains a network on a constant batch, augmentation and sampling left out: what compiling
can speed up at most. It is compiled once, which is timed, and then both loops take turns; the
figure is the median of the ratios of the pairs with their range, and after how many photos the
gain has paid for compiling. A trial of the built-in demo trains 1,260 photos for up to 9 epochs,
11,340 in all; one of the 2,700 people with 7 photos that headrace was made for, as many an epoch.
On a GPU `python -m benchmarks.gpu_check` tells the same of one.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.gpu_bench import Bench, plain_loop
from benchmarks.rivals.cells import cpu
from search.store.provenance import package_versions
from spaces.scale import SMALL_BACKBONES

_HEADS = (
    "model",
    "px",
    "plain, photos/s",
    "compiled / plain",
    "compiling, s",
    "pays after photos",
)


def main() -> None:
    """Measures every model at every size and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=[*SMALL_BACKBONES, "tf_efficientnet_lite0"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64])
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    threads = torch.get_num_threads()
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    print(f"# Do compiled steps pay within a trial?\n\n{cpu()}, {threads} threads; {versions}.\n")
    print(f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}", flush=True)
    for model in given.models:
        for size in given.sizes:
            print(f"| {' | '.join([model, str(size), *measure(model, size, given.pairs)])} |")


def measure(model: str, size: int, pairs: int) -> list[str]:
    """Returns the cells of a row after model and size."""
    bench = Bench(
        device=torch.device("cpu"),
        model=model,
        size=size,
        batch=32,
        stored=(size, size),
        photos=32,
        steps=8,
        packed=(1,),
    )
    plain, photos = plain_loop(bench)
    compiled, _ = plain_loop(bench, compiled=True)
    plain()
    began = time.perf_counter()
    compiled()
    first = time.perf_counter() - began
    rates = []
    for number in range(pairs):
        loops = (plain, compiled) if number % 2 else (compiled, plain)
        pair = {loop: photos / _seconds(loop) for loop in loops}
        rates.append((pair[plain], pair[compiled]))
    slow, fast = (statistics.median(rate) for rate in zip(*rates, strict=True))
    ratios = [after / before for before, after in rates]
    compiling, gained = first - photos / fast, 1 / slow - 1 / fast
    return [
        f"{slow:.0f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{compiling:.0f}",
        f"{compiling / gained:,.0f}" if gained > 0 else "never",
    ]


def _seconds(loop: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
