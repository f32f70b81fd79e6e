"""How fast headrace's trials train, validate and follow each other, against a constant batch.

A constant batch is one batch of normalised input that lies in memory: the same network, loss and
optimizer step without any photo to fetch, crop or augment, which no data path can beat. Both sides
take turns in one process on one thread, as a trial has one here.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.rivals.cells import cpu
from benchmarks.rivals.task import Ground, Task
from search.prepare.setting import SharedImages
from search.store.provenance import git_commit, package_versions
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data.demo import generate as synthetic
from trainables.memory import eval_batch, keep_freed
from trainables.stepping import Stepping
from trainables.targets import training_targets

_PEOPLE = 120
_HEADS = """| backbone | px | training, photos a second | of the constant batch | augmentation | \
steps | validation | of the constant batch | trial, s | trials an hour and slot | \
of the constant batches |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""
_PARTS = 3
"""Epochs whose parts are timed."""


def speed_report(weights_dir: Path | None, pairs: int) -> str:
    """Returns the table of the built-in backbones, from scratch, or of those with weights."""
    torch.set_num_threads(1)
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as work:
        rows = _rows(Path(work), weights_dir, pairs)
    return (
        f"# Trials against a constant batch\n\n{datetime.now(UTC):%Y-%m-%d}; {cpu()}, one of "
        f"{os.cpu_count()} cores; {versions}; commit {git_commit()[:8]}; load {before:.1f} to "
        f"{os.getloadavg()[0]:.1f}. The default config of the space age on {_PEOPLE} demo people, "
        f"every backbone and size on offer; {pairs} pairs, medians, in brackets the middle half "
        "of the ratios. Augmentation and steps: shares of an epoch of training. A trial: the "
        "network built, then every epoch trained and validated.\n\n"
        f"{_HEADS}\n{rows}\n"
    )


def _rows(work: Path, weights_dir: Path | None, pairs: int) -> str:
    data = synthetic.generate(work / "demo", num_people=_PEOPLE, num_eval_people=18)
    task = Task(
        data=str(data),
        work=str(work),
        space="age",
        weights_dir=str(weights_dir or ""),
        max_epochs=None,
        seed=0,
        slots=1,
        seconds=0.0,
        launched=0.0,
    )
    ground = Ground.of(task)
    images = SharedImages(ground.setting)
    images.tensor.sum()  # every page of the map is in memory
    keep_freed(images.device)
    default = ground.default(ground.spaces[0])
    rows = []
    for name in ground.scale.backbones:
        for size in ground.scale.input_sizes:
            flat = {**default, "backbone.name": name, "input.size": size}
            rows.append(_row(TrialConfig.from_flat(flat), images, pairs))
    return "\n".join(rows)


def _row(config: TrialConfig, images: SharedImages, pairs: int) -> str:
    split = images.setting.split
    num_train, num_val = len(split.search_train), len(split.search_val)
    constant = _Constant(config, images)
    classifier = _classifier(config, images)

    def epoch() -> float:
        return classifier.train_epoch().seconds / num_train

    def validate() -> float:
        return _seconds(lambda: classifier.predict(split.search_val)) / num_val

    training = _paired(constant.train, epoch, pairs)
    augmenting, stepping = _parts(config, images)
    validation = _paired(constant.validate, validate, pairs)
    epochs = config.schedule.epochs
    own = statistics.median(_trial(config, images) for _ in range(max(3, pairs // 3)))
    least = epochs * (num_train * training[0] + num_val * validation[0])
    cells = [
        config.backbone.name,
        str(config.input.size),
        f"{1 / training[1]:.0f}",
        training[2],
        f"{augmenting:.1%}",
        f"{stepping:.1%}",
        f"{1 / validation[1]:.0f}",
        validation[2],
        f"{own:.2f}",
        f"{3600 / own:.0f}",
        f"{least / own:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _parts(config: TrialConfig, images: SharedImages) -> tuple[float, float]:
    """Returns the shares of an epoch that augmentation and the steps of the network take."""
    classifier = _classifier(config, images)
    classifier.train_epoch()
    augmenting, stepping = _Timed(classifier.preprocess), _Timed(classifier._stepping)
    classifier.preprocess, classifier._stepping = augmenting, stepping  # type: ignore[assignment]
    whole = _seconds(lambda: [classifier.train_epoch() for _ in range(_PARTS)])
    return augmenting.seconds / whole, stepping.seconds / whole


class _Timed:
    """Takes the time of `train` or `step` of another object, and is that object else."""

    def __init__(self, own: Any) -> None:
        self._own = own
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def train(self, *given: Any) -> Any:
        """Augments a batch."""
        return self._timed(self._own.train, given)

    def step(self, *given: Any) -> Any:
        """Takes a step."""
        return self._timed(self._own.step, given)

    def _timed(self, what: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        began = time.perf_counter()
        found = what(*given)
        self.seconds += time.perf_counter() - began
        return found


def _paired(
    constant: Callable[[], float], own: Callable[[], float], pairs: int
) -> tuple[float, float, str]:
    """Returns the median seconds a photo of both sides, and the ratio of their speeds in words."""
    constant(), own()
    found = []
    for number in range(pairs):
        both = (constant, own) if number % 2 else (own, constant)
        seconds = [side() for side in both]
        found.append(seconds if number % 2 else seconds[::-1])
    base, mine = (statistics.median(side) for side in zip(*found, strict=True))
    low, middle, high = statistics.quantiles([a / b for a, b in found], n=4)
    return base, mine, f"{middle:.0%} ({low:.0%} to {high:.0%})"


class _Constant:
    """The same steps on one batch that never changes."""

    def __init__(self, config: TrialConfig, images: SharedImages) -> None:
        table, train = images.setting.table, images.setting.split.search_train
        classifier = _classifier(config, images)
        targets = training_targets(config, table.schema, table.labels, table.raw, train)
        steps = -(-len(train) // config.optim.batch_size)
        self._network, self._num_steps = classifier.network, steps
        self._stepping = Stepping(config, self._network, targets, images.device, 10**6)
        samples = torch.from_numpy(train[: config.optim.batch_size].copy())
        self._samples = len(samples)
        self._x = classifier.preprocess.evaluate(images.tensor[samples])
        self._targets = self._stepping.batch_targets(samples)
        shown = images.setting.split.search_val[: eval_batch(images.device)]
        self._shown = classifier.preprocess.evaluate(images.tensor[torch.from_numpy(shown.copy())])

    def train(self) -> float:
        """Trains as many steps as an epoch has; returns the seconds a photo."""
        self._network.start_training()
        numbers = range(self._num_steps)
        seconds = _seconds(
            lambda: [self._stepping.step(self._x, self._targets, number) for number in numbers]
        )
        return seconds / (self._num_steps * self._samples)

    @torch.inference_mode()
    def validate(self) -> float:
        """Predicts the batch once; returns the seconds a photo."""
        self._network.eval()
        return _seconds(lambda: self._network(self._shown)) / len(self._shown)


def _classifier(config: TrialConfig, images: SharedImages) -> ImageClassifier:
    setting = images.setting
    return ImageClassifier(
        _with_epochs(config, 1000),  # more than are ever trained here
        images.training_data(setting.split.search_train),
        seed=0,
        device=images.device,
        weights_dir=setting.weights_dir,
    )


def _trial(config: TrialConfig, images: SharedImages) -> float:
    def run() -> None:
        classifier = _classifier(config, images)
        for _ in range(config.schedule.epochs):
            classifier.train_epoch()
            classifier.predict(images.setting.split.search_val)

    return _seconds(run)


def _with_epochs(config: TrialConfig, epochs: int) -> TrialConfig:
    """Returns the config with another length of its schedule."""
    return TrialConfig.from_flat({**config.to_flat(), "schedule.epochs": epochs})


def _seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
