"""Photos a second of a trial, as a share of what its network does with one constant batch.

    python -m benchmarks.throughput --out cells.jsonl [--pairs 7] [--sizes 64 96] [--plain]

A cell is a backbone and an input size of the CPU scale, with the default config on photos of the
demo's stored size, on one thread. Training: an epoch of `ImageClassifier` against the same number
of plain steps of the same network (forward, backward, clipping, fused AdamW) on a constant batch.
Evaluation: `predict` of 512 photos against forward passes of a constant batch of 64. The two of a
pair run in turn; the figure is the median of the ratios of the pairs, with their middle half.
`--plain` keeps no resized images, as before they were kept. Every cell is a line of the file when
it ends, with the load of the machine; a cell that is there is not measured again.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch

from spaces.parts import default_config
from spaces.scale import SMALL_BACKBONES, choose_scale
from trainables.classifier import ImageClassifier, TrainingData
from trainables.config import TrialConfig
from trainables.data.image_store import ImageStore
from trainables.data.layouts.profiles import SCHEMA
from trainables.data.training_images import TrainingImages
from trainables.memory import eval_batch, keep_freed

STORED = (144, 112)
_TRAIN, _EVAL = 320, 512
_CPU = torch.device("cpu")


def main() -> None:
    """Measures the cells that the file lacks and prints all of it as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSONL, gone on with")
    parser.add_argument("--models", nargs="+", default=list(SMALL_BACKBONES))
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 80, 96])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--plain", action="store_true", help="keep no resized images")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed(_CPU)
    known = read(options.out)
    for model in options.models:
        for size in options.sizes:
            named = {"model": model, "size": size, "plain": options.plain}
            if any(named.items() <= cell.items() for cell in known):
                continue
            cell = {**named, **measure(model, size, options.pairs, plain=options.plain)}
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(cell) + "\n")
            known.append(cell)
    print_table(known)


def read(path: Path) -> list[dict[str, object]]:
    """Returns the cells that were measured before."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def measure(model: str, size: int, pairs: int, *, plain: bool) -> dict[str, object]:
    """Returns photos a second and ratios of a cell."""
    config = small_config(model, size)
    with tempfile.TemporaryDirectory() as folder:
        data = training_data(Path(folder), plain=plain)
        classifier = ImageClassifier(config, data, seed=0, device=_CPU)
        indices = np.arange(_EVAL)
        train = ratios(
            lambda: photos_a_second(_TRAIN, classifier.train_epoch),
            constant_training(config),
            pairs,
        )
        evaluate = ratios(
            lambda: photos_a_second(_EVAL, lambda: classifier.predict(indices)),
            constant_evaluation(config),
            pairs,
        )
    load = round(os.getloadavg()[0], 2)
    return {"train": train, "evaluate": evaluate, "load": load, "pairs": pairs}


def training_data(folder: Path, *, plain: bool) -> TrainingData:
    """Returns random photos of the demo's stored size; speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    path = folder / "photos.npy"
    np.save(path, rng.integers(0, 256, (_EVAL, *STORED, 3), dtype=np.uint8))
    store = ImageStore(path=path, contents="random", array=np.load(path, mmap_mode="c"))
    labels = [rng.integers(0, len(a.classes), _EVAL) for a in SCHEMA.attributes]
    stored = torch.from_numpy(store.array)
    kept = TrainingImages.of(store, stored, torch.device("cpu"), lambda: None)
    return TrainingData(
        schema=SCHEMA,
        images=TrainingImages(stored=stored) if plain else kept,
        labels=np.stack(labels, axis=1),
        raw={},
        train=np.arange(_TRAIN),
    )


def constant_training(config: TrialConfig) -> Callable[[], float]:
    """Returns what trains plain steps on a constant batch and returns its photos a second."""
    network = timm.create_model(config.backbone.name, num_classes=3)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    batch = config.optim.batch_size
    x, y = _batch(batch, config.input.size), torch.randint(0, 3, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    steps = _TRAIN // batch
    return lambda: photos_a_second(_TRAIN, lambda: [step() for _ in range(steps)])


def constant_evaluation(config: TrialConfig) -> Callable[[], float]:
    """Returns what predicts a constant batch and returns its photos a second."""
    network = timm.create_model(config.backbone.name, num_classes=3).eval()
    network.to(memory_format=torch.channels_last)
    together = eval_batch(_CPU)
    x = _batch(together, config.input.size)

    @torch.inference_mode()
    def predict() -> None:
        for _ in range(_EVAL // together):
            network(x).softmax(dim=1)

    return lambda: photos_a_second(_EVAL, predict)


def photos_a_second(photos: int, work: Callable[[], object]) -> float:
    """Returns the photos a second of work that shows the network so many."""
    began = time.perf_counter()
    work()
    return photos / (time.perf_counter() - began)


def ratios(
    ours: Callable[[], float], constant: Callable[[], float], pairs: int
) -> dict[str, object]:
    """Returns medians of both and of the ratios of their pairs, in turn first and second."""
    ours(), constant()  # the first ones warm up
    found = []
    for pair in range(pairs):
        first, second = (ours, constant) if pair % 2 else (constant, ours)
        a, b = first(), second()
        found.append((a, b) if pair % 2 else (b, a))
    low, middle, high = statistics.quantiles([a / b for a, b in found], n=4)
    return {
        "photos_a_second": round(statistics.median(a for a, _ in found)),
        "constant": round(statistics.median(b for _, b in found)),
        "ratio": [round(value, 3) for value in (middle, low, high)],
    }


def print_table(cells: list[dict[str, object]]) -> None:
    """Prints a row a cell."""
    print(f"{platform.machine()}, PyTorch {torch.__version__}, one thread\n")
    print(
        "| model | px | resized kept | training | of constant | evaluation | of constant | load |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for cell in cells:
        told = []
        for what in (cell["train"], cell["evaluate"]):
            middle, low, high = what["ratio"]  # type: ignore[index]
            told += [f"{what['photos_a_second']}/s", f"{middle:.0%} ({low:.0%} to {high:.0%})"]  # type: ignore[index]
        kept = "no" if cell["plain"] else "yes"
        row = (cell["model"], cell["size"], kept, *told, cell["load"])
        print(f"| {' | '.join(str(value) for value in row)} |")


def small_config(model: str, size: int) -> TrialConfig:
    """Returns the default config of the CPU scale with a backbone and a size."""
    scale = choose_scale(device="cpu", pretrained=False, weights=(), max_epochs=10**3)
    flat = {
        **default_config(SCHEMA, scale, with_age=False),
        **{"target.attributes": ("mask",), "target.form": "softmax"},
        **{"backbone.name": model, "input.size": size},
    }
    return TrialConfig.from_flat(flat)


def _batch(count: int, size: int) -> torch.Tensor:
    return torch.randn(count, 3, size, size).contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
