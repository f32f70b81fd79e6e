"""Do two ways of training score alike: how an epoch draws its photos, what an average averages?

    python -m benchmarks.training_ways --work DIR [--people 300] [--folds 3] [--seeds 0 1]
        [--spaces age joint] [--data DIR] [--max-epochs 9]

The default config of each space, changed as a row says, is trained in both ways on the same
person-disjoint folds from the same seeds, on one core. A row is the macro-F1 of either, over all
folds, on people who had no part in the training, and the difference with its 95 % interval (luck
of people and, from two seeds on, of trainings).

* `sampler.power`: an epoch that has every photo as often as its weight says, rounded down or up by
  luck (systematic sampling: Madow 1949), minus one that draws photos with replacement by the same
  weights (`trainables.sampler`).
* `optim.ema`: an average of weights whose statistics of batch normalisation are averaged as the
  weights are, minus one that has those of the last step (`trainables.network`). One training has
  both, so that they differ in nothing else; the row is of the epoch that it names.

`DIR/cells.jsonl` gets a line when a training ends, and is gone on with. Use it for no other data;
two calls with other seeds may share it.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.precision import ground_of, people_of
from benchmarks.rivals.task import Ground
from benchmarks.throughput import read
from search.analysis.approaches.approach import Approach
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import Rules
from search.prepare.setting import SharedImages
from search.trial.trial_run import evaluate
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data.demo import generate as synthetic
from trainables.data.splits import make_folds
from trainables.memory import keep_freed
from trainables.network import MovingAverage, Network
from trainables.sampler import epoch_order
from trainables.seeding import derive_seed

POWERS = (0.001, 0.5, 1.0)
DECAYS = (0.95, 0.99)
LOOKS = (1, 2, 3, 9)
"""Epochs after which an average is looked at."""
_FOLD_SEED = 1

Ints = NDArray[np.int64]
Cell = dict[str, Any]


def spread(classes: Ints, power: float, rng: np.random.Generator) -> Ints:
    """Returns an epoch with every photo as often as n_class^-power says, but for rounding."""
    order = rng.permutation(len(classes))
    weights = np.bincount(classes)[classes[order]].astype(np.float64) ** -power
    ends = np.cumsum(weights) * (len(classes) / weights.sum())
    drawn = np.searchsorted(ends, rng.random() + np.arange(len(classes)), side="right")
    visited: Ints = order[np.minimum(drawn, len(classes) - 1)]
    return rng.permutation(visited)


ORDERS: dict[str, Callable[..., Ints]] = {"spread": spread, "drawn": epoch_order}


class Statistics:
    """The averaged statistics of batch normalisation beside an average that has the last ones."""

    def __init__(self) -> None:
        self._averaged: dict[str, torch.Tensor] = {}

    def update(self, average: MovingAverage, network: Network, step: int) -> None:
        """Moves them as the weights move, and then lets the average do what it does."""
        decay = min(average._decay, (1 + step) / (10 + step))
        start = {name: value.clone() for name, value in average.network.named_buffers()}
        self._averaged = self._averaged or start
        for name, value in network.named_buffers():
            if value.is_floating_point():
                self._averaged[name].lerp_(value, 1 - decay)
            else:
                self._averaged[name].copy_(value)
        _update(average, network, step)

    def exchange(self, network: torch.nn.Module) -> None:
        """Puts the averaged ones in the place of those that a network has, and keeps those."""
        for name, value in network.named_buffers():
            mine = self._averaged[name].clone()
            self._averaged[name] = value.clone()
            value.copy_(mine)


_update = MovingAverage.update


def main() -> None:
    """Trains the cells that the file lacks and prints all of it as a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="cells.jsonl, demo and cache")
    parser.add_argument("--data", type=Path, help="of people; default: the demo")
    parser.add_argument("--people", type=int, default=300, help="of the demo")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--spaces", nargs="+", default=["age", "joint"])
    parser.add_argument("--max-epochs", type=int, help="default: those of the space")
    options = parser.parse_args()
    data = options.data or synthetic.generate(
        synthetic.demo_dir(options.work, options.people), num_people=options.people
    )
    ground = ground_of(data, options.work, options.max_epochs)
    out = options.work / "cells.jsonl"
    for cell in cells(ground, options, read(out)):
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(cell) + "\n")
    print_table(ground, options.folds, read(out))


def cells(ground: Ground, options: argparse.Namespace, known: list[Cell]) -> Iterator[Cell]:
    """Trains what is not known, seed after seed, so that an early end leaves whole seeds."""
    spaces = {space.name: space for space in ground.spaces}
    images = SharedImages(ground.setting)
    keep_freed(images.device)
    fold_of = make_folds(ground.table, options.folds, _FOLD_SEED)
    changes = [("sampler.power", power) for power in POWERS]
    changes += [("optim.ema", decay) for decay in DECAYS]
    for seed in options.seeds:
        for fold in range(options.folds):
            for name in options.spaces:
                for what, value in changes:
                    wanted = {"space": name, "seed": seed, "fold": fold, "folds": options.folds}
                    wanted |= {"what": what, "value": value}
                    if not any(wanted.items() <= cell.items() for cell in known):
                        config = ground.default(spaces[name]) | {what: value}
                        ways = _orders if what == "sampler.power" else _averages
                        predicted = ways(images, config, fold_of, fold, seed)
                        load = round(os.getloadavg()[0], 2)
                        yield {**wanted, "predicted": predicted, "load": load}


def _orders(
    images: SharedImages, config: dict[str, Any], fold_of: Ints, fold: int, seed: int
) -> dict[str, list[int]]:
    """Returns the classes predicted for a fold, by the way of drawing."""
    found = {}
    for way, order in ORDERS.items():
        with patch("trainables.classifier.epoch_order", order):
            model = _model(images, config, fold_of, fold, seed)
            for _ in range(model.config.schedule.epochs):
                model.train_epoch()
        found[way] = _predicted(model, images, np.flatnonzero(fold_of == fold))
    return found


def _averages(
    images: SharedImages, config: dict[str, Any], fold_of: Ints, fold: int, seed: int
) -> dict[str, list[int]]:
    """Returns the classes predicted for a fold, by the epoch and whose statistics they are."""
    found, statistics, out = {}, Statistics(), np.flatnonzero(fold_of == fold)

    def update(average: MovingAverage, network: Network, step: int) -> None:
        statistics.update(average, network, step)

    with patch.object(MovingAverage, "update", update):
        model = _model(images, config, fold_of, fold, seed)
        for epoch in range(1, model.config.schedule.epochs + 1):
            model.train_epoch()
            if epoch in LOOKS:
                found[f"last {epoch}"] = _predicted(model, images, out)
                statistics.exchange(model._stepping.predictor)
                found[f"averaged {epoch}"] = _predicted(model, images, out)
                statistics.exchange(model._stepping.predictor)
    return found


def _model(
    images: SharedImages, config: dict[str, Any], fold_of: Ints, fold: int, seed: int
) -> ImageClassifier:
    flat = TrialConfig.from_flat(config)
    data = images.training_data(np.flatnonzero(fold_of != fold))
    data.images.at(flat.input)
    return ImageClassifier(
        flat,
        data,
        seed=derive_seed(seed, "ways", fold),
        device=images.device,
        weights_dir=images.setting.weights_dir,
    )


def _predicted(model: ImageClassifier, images: SharedImages, out: Ints) -> list[int]:
    found = evaluate(model.predict(out), images.setting.table, out, model.config.target.block)
    classes: list[int] = found.probabilities.argmax(axis=1).tolist()
    return classes


def print_table(ground: Ground, folds: int, known: list[Cell]) -> None:
    """Prints a row a space and change, of the seeds of which all folds are there."""
    print("| space | | epoch | seeds | first | second | first - second | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for space in ground.spaces:
        own = [cell for cell in known if cell["space"] == space.name and cell["folds"] == folds]
        for what, value in sorted({(cell["what"], cell["value"]) for cell in own}):
            some = [cell for cell in own if (cell["what"], cell["value"]) == (what, value)]
            whole = [
                cell for cell in some if sum(c["seed"] == cell["seed"] for c in some) == folds
            ]
            config = TrialConfig.from_flat(ground.default(space))
            pairs = [("spread", "drawn", config.schedule.epochs)]
            if what == "optim.ema":
                looks = [epoch for epoch in LOOKS if epoch <= config.schedule.epochs]
                pairs = [(f"averaged {epoch}", f"last {epoch}", epoch) for epoch in looks]
            for first, second, epoch in pairs if whole else ():
                figures = _figures(ground, folds, config, whole, (first, second))
                print(f"| {space.name} | {what} {value:g} | {epoch} | {figures} |")


def _figures(
    ground: Ground, folds: int, config: TrialConfig, own: Sequence[Cell], ways: tuple[str, str]
) -> str:
    people = people_of(ground, config, fold_of := make_folds(ground.table, folds, _FOLD_SEED))
    seeds = sorted({cell["seed"] for cell in own})
    found = {way: np.zeros((len(seeds), len(fold_of)), dtype=np.int64) for way in ways}
    for cell in own:
        for way, predicted in found.items():
            predicted[seeds.index(cell["seed"]), fold_of == cell["fold"]] = cell["predicted"][way]
    approaches = [Approach(name=name, predicted=each) for name, each in found.items()]
    verdict = judge(approaches, people, rules=Rules(fixed_models=len(seeds) == 1))
    scores = {score.name: score.interval.value for score in verdict.scores}
    gap = verdict.pairs[0].headline.difference
    if verdict.pairs[0].a != ways[0]:
        gap = gap.negated()
    return (
        f"{len(seeds)} | {scores[ways[0]]:.3f} | {scores[ways[1]]:.3f} | {gap.value:+.4f} "
        f"[{gap.low:+.4f}, {gap.high:+.4f}] | {max(cell['load'] for cell in own)}"
    )


if __name__ == "__main__":
    main()
