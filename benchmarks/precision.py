"""Does bf16 on this CPU score what float32 scores, and how much faster is it?

    python -m benchmarks.precision --work DIR [--people 300] [--folds 3] [--seeds 3]
        [--spaces mask gender ...] [--data DIR] [--max-epochs 9]

What `--bf16` gains, and what it costs of the score. The default config of each space is trained in
both precisions on the same person-disjoint folds from the same seeds, one core, turn by turn. The
table shows, over all folds, the macro-F1 on people who had no part in the training, the difference
bf16 - float32 with its 95 % interval (luck of people and, from two seeds on, of trainings) and
what the verdict of a run would say of it, and the seconds of training in bf16 by those in float32,
median and middle half of the folds and seeds.

`DIR/cells.jsonl` gets a line when a space, seed and fold ends, and is gone on with. Use it for no
other data. `--people 24 --folds 2 --seeds 1 --max-epochs 1 --spaces gender` tries it in a minute.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.task import ALL, Ground, Task
from benchmarks.throughput import read
from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import Rules
from search.prepare.setting import SharedImages
from search.store.records import PRECISION
from search.trial.trial_run import evaluate
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data.demo import generate as synthetic
from trainables.data.splits import make_folds
from trainables.memory import keep_freed
from trainables.precision import BF16, FLOAT32
from trainables.seeding import derive_seed

_FOLD_SEED = 1

Cell = dict[str, Any]


def main() -> None:
    """Trains the cells that the file lacks and prints all of it as a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="cells.jsonl, demo and cache")
    parser.add_argument("--data", type=Path, help="of people; default: the demo")
    parser.add_argument("--people", type=int, default=300, help="of the demo")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--spaces", nargs="+", help="default: every attribute, joint, multihead")
    parser.add_argument("--max-epochs", type=int, help="default: those of the space")
    options = parser.parse_args()
    data = options.data or synthetic.generate(
        synthetic.demo_dir(options.work, options.people), num_people=options.people
    )
    ground = ground_of(data, options.work, options.max_epochs)
    out, known = options.work / "cells.jsonl", read(options.work / "cells.jsonl")
    for cell in cells(ground, options.spaces, options.folds, options.seeds, known):
        known.append(cell)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(cell) + "\n")
    print_table(ground, options.folds, known)


def ground_of(data: Path, work: Path, max_epochs: int | None) -> Ground:
    """Opens the people of a folder for the built-in spaces."""
    return Ground.of(
        Task(
            data=str(data),
            work=str(work),
            space=ALL,
            weights_dir="",
            max_epochs=max_epochs,
            seed=0,
            slots=1,
            seconds=0.0,
            launched=time.time(),
        )
    )


def cells(
    ground: Ground, names: list[str] | None, folds: int, seeds: int, known: list[Cell]
) -> Iterator[Cell]:
    """Trains what is not known, seed after seed, so that an early end leaves whole seeds.

    Raises:
        ValueError: a space that there is not.
    """
    spaces = {space.name: space for space in ground.spaces}
    if unknown := sorted({*(names or ())} - {*spaces}):
        raise ValueError(f"unknown space {unknown[0]!r}; available: {', '.join(spaces)}")
    images = SharedImages(ground.setting)
    keep_freed(images.device)
    fold_of = make_folds(ground.table, folds, _FOLD_SEED)
    for seed in range(seeds):
        for name in names or spaces:
            for fold in range(folds):
                wanted = {"space": name, "seed": seed, "fold": fold, "folds": folds}
                if not any(wanted.items() <= cell.items() for cell in known):
                    config = ground.default(spaces[name])
                    yield {**wanted, **_both(images, config, fold_of, fold, seed)}


def _both(
    images: SharedImages, config: dict[str, object], fold_of: np.ndarray, fold: int, seed: int
) -> Cell:
    """Returns seconds and predicted classes of one fold, by precision."""
    turn = (FLOAT32, BF16) if (seed + fold) % 2 else (BF16, FLOAT32)
    seconds: dict[str, float] = {}
    predicted: dict[str, list[int]] = {}
    out = np.flatnonzero(fold_of == fold)
    data = images.training_data(np.flatnonzero(fold_of != fold))
    for precision in turn:
        flat = TrialConfig.from_flat({**config, PRECISION: precision})
        data.images.at(flat.input)
        classifier = ImageClassifier(
            flat,
            data,
            seed=derive_seed(seed, "precision", fold),
            device=images.device,
            weights_dir=images.setting.weights_dir,
        )
        began = time.perf_counter()
        for _ in range(flat.schedule.epochs):
            classifier.train_epoch()
        seconds[precision] = time.perf_counter() - began
        block, table = flat.target.block, images.setting.table
        found = evaluate(classifier.predict(out), table, out, block)
        predicted[precision] = found.probabilities.argmax(axis=1).tolist()
    return {"seconds": seconds, "predicted": predicted, "load": round(os.getloadavg()[0], 2)}


def print_table(ground: Ground, folds: int, known: list[Cell]) -> None:
    """Prints a row a space, of the seeds of which all folds are there."""
    print("| space | seeds | float32 | bf16 | difference | verdict | s bf16 / float32 | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for space in ground.spaces:
        own = [cell for cell in known if cell["space"] == space.name and cell["folds"] == folds]
        seeds = [s for s in {c["seed"] for c in own} if sum(c["seed"] == s for c in own) == folds]
        own = [cell for cell in own if cell["seed"] in seeds]
        if own:
            print(_row(ground, folds, TrialConfig.from_flat(ground.default(space)), own))


def people_of(ground: Ground, config: TrialConfig, fold_of: np.ndarray) -> People:
    """Returns everybody with the label that a config predicts and the fold that they are in."""
    table = ground.table
    schema = table.schema.only(config.target.block.attributes)
    return People(
        label=table.schema.codes(table.labels, schema.names),
        person=table.group_index,
        num_classes=schema.num_joint,
        fold=fold_of,
    )


def _row(ground: Ground, folds: int, config: TrialConfig, own: list[Cell]) -> str:
    people = people_of(ground, config, fold_of := make_folds(ground.table, folds, _FOLD_SEED))
    seeds = sorted({cell["seed"] for cell in own})
    shape = (len(seeds), len(fold_of))
    found = {name: np.zeros(shape, dtype=np.int64) for name in (BF16, FLOAT32)}
    for cell in own:
        for name, predicted in found.items():
            predicted[seeds.index(cell["seed"]), fold_of == cell["fold"]] = cell["predicted"][name]
    approaches = [Approach(name=name, predicted=each) for name, each in found.items()]
    verdict = judge(approaches, people, rules=Rules(fixed_models=len(seeds) == 1))
    pair = verdict.pairs[0]
    scores = {score.name: f"{score.interval.value:.3f}" for score in verdict.scores}
    gap = pair.headline.difference
    ratios = sorted(cell["seconds"][BF16] / cell["seconds"][FLOAT32] for cell in own)
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    load = max(cell["load"] for cell in own)
    return (
        f"| {own[0]['space']} | {len(seeds)} | {scores[FLOAT32]} | {scores[BF16]} "
        f"| {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) "
        f"| {pair.headline.outcome.value} | {middle:.2f} ({low:.2f} to {high:.2f}) | {load} |"
    )


if __name__ == "__main__":
    main()
