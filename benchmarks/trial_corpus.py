"""Configs trained on several folds, with what their trials saw and what other people say of them.

Notation:
    F folds of the people who are searched on, E epochs, V photos of the people who validate in a
    fold, T photos of the people who test, K classes of the space's label.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import optuna

from benchmarks.rivals.held_out import Sides
from search.analysis.metrics import Floats, Ints, macro_f1
from search.ending.faults import fault_of
from search.prepare.setting import SharedImages
from search.store.files import write_arrays, write_text
from search.trial.trial_run import evaluate
from spaces import load
from spaces.scale import choose_scale
from spaces.space import Config
from tests.search.builders.repeated_searches import drawn_people
from tests.search.builders.searched_refit import open_images
from trainables.backbone import weights_in
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data.schema import UNKNOWN
from trainables.data.splits import deal

_SEED_OF_TEST = 910_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a corpus is of.

    Attributes:
        space: built-in, whose configs are drawn at random; the first is its default.
        people: who are searched on; of the demo, with seven photos each, where there is no `data`.
        test_people: others, who say what a config is worth.
        side: of the network input in pixels.
        epochs: of every training.
        configs: with the default.
        folds: one validates and one is left out of each training, as in a search.
        draw: number of the drawing of the demo's people, of the folds and of the configs.
        data: folder with a manifest.csv, of which a third of the people test; empty for the demo.
        weights: folder of pretrained weights; empty for none.
    """

    space: str
    people: int = 300
    test_people: int = 900
    side: int = 32
    epochs: int = 9
    configs: int = 48
    folds: int = 5
    draw: int = 1
    data: str = ""
    weights: str = ""

    @property
    def name(self) -> str:
        """Of its folder."""
        people = f"{Path(self.data).name}-{self.people}" if self.data else str(self.people)
        weights = "-pretrained" * bool(self.weights)
        return f"{self.space}-{people}-{self.side}px-{self.epochs}-epochs{weights}-{self.draw}"

    @property
    def weights_dir(self) -> Path | None:
        """The folder of pretrained weights; None for none."""
        return Path(self.weights) if self.weights else None

    def counted(self, folder: Path) -> Self:
        """Returns the world of the `data` with as many people as there are on both sides."""
        tables = [side.setting.table for side in self.opened(folder)]
        people, test_people = (len(np.unique(table.group_index)) for table in tables)
        return replace(self, people=people, test_people=test_people)

    def opened(self, folder: Path) -> tuple[SharedImages, SharedImages]:
        """Returns the photos of those who are searched on, and of those who test."""
        if self.data:
            sides = Sides.of_data(folder / "data", Path(self.data))
            roots = [sides.search, sides.test]
        else:
            seeds = ((self.people, self.draw), (self.test_people, _SEED_OF_TEST))
            roots = [drawn_people(people, seed, folder) for people, seed in seeds]
        search, test = (open_images(root, folder, self.side, self.weights_dir) for root in roots)
        return search, test


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A config, trained on one fold.

    Attributes:
        probabilities: of the people who validate, after every epoch, [E, V, K].
        samples: which photos those are, [V].
        score: macro-F1 on the people who test.
        seconds: of the training.
    """

    probabilities: Floats
    samples: Ints
    score: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corpus:
    """Every config of a world on every fold; a config that broke is left out.

    Attributes:
        label: class of every photo of the people who are searched on.
        person: of those photos.
        trained: by config number and fold; config 0 is the default.
    """

    world: World
    num_classes: int
    label: Ints
    person: Ints
    trained: dict[int, tuple[Trained, ...]]


def configs_of(world: World, images: SharedImages) -> list[Config]:
    """Returns the default config of the space and random ones."""
    schema = images.setting.table.schema
    weights = weights_in(world.weights_dir) if world.weights_dir else ()
    if world.weights_dir and not weights:
        raise ValueError(f"--weights-dir must hold pretrained weights, got {world.weights_dir}")
    pretrained = None if weights else False
    scale = replace(
        choose_scale(
            device="cpu", pretrained=pretrained, weights=weights, max_epochs=world.epochs
        ),
        input_sizes=(world.side,),
    )
    space = load(world.space, schema)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=world.draw))
    drawn = [space.config(study.ask(), schema, scale) for _ in range(world.configs - 1)]
    return [space.default_config(schema, scale), *drawn]


def build(world: World, folder: Path, until: float) -> Corpus | None:
    """Trains what is missing, a file a training; None where the time is over before the end.

    Args:
        world: what to train.
        folder: keeps pictures and a folder a world.
        until: monotonic time at which no other training begins.

    Raises:
        ValueError: the folder holds another world of that name, a label of the data is missing, or
            there are no weights.
    """
    home = folder / world.name
    home.mkdir(parents=True, exist_ok=True)
    note, said = home / "world.json", asdict(world)
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) != said:
        raise ValueError(f"--out has another world in {home}; give another folder")
    images, test = world.opened(folder)
    if any((side.setting.table.labels == UNKNOWN).any() for side in (images, test)):
        raise ValueError(f"--data must tell every label of every photo, got {world.data}")
    configs = configs_of(world, images)
    write_text(note, json.dumps(said))
    for number, fold in _places(world):
        path = home / f"{number:03}-{fold}.npz"
        if path.is_file():
            continue
        if time.monotonic() > until:
            return None
        write_arrays(path, _train(world, configs[number], number, fold, images, test))
        print(f"{world.name} {number} of {world.configs}, fold {fold}", file=sys.stderr)
    return _read(world, home, images, test)


def _places(world: World) -> Iterator[tuple[int, int]]:
    return ((number, fold) for number in range(world.configs) for fold in range(world.folds))


def _train(
    world: World,
    config: Config,
    number: int,
    fold: int,
    images: SharedImages,
    test: SharedImages,
) -> dict[str, np.ndarray]:
    """Returns the arrays of one training; those of a broken one are empty."""
    table, began = images.setting.table, time.perf_counter()
    folds = deal(table.group_index, table.joint, world.folds, world.draw)
    left_out = (fold + 1) % world.folds
    train = np.flatnonzero((folds != fold) & (folds != left_out))
    samples = np.flatnonzero(folds == fold)
    found, last = [], np.empty((0, 0))
    try:
        classifier = ImageClassifier(
            TrialConfig.from_flat(config),
            images.training_data(train),
            seed=1000 * number + fold,
            device=images.device,
            weights_dir=world.weights_dir,
        )
        block = classifier.config.target.block
        for _ in range(world.epochs):
            classifier.train_epoch()
            seen = evaluate(classifier.predict(samples), table, samples, block)
            found.append(seen.probabilities)
        others = test.setting.table
        every = np.arange(others.num_samples)
        predicted = classifier.predict_images(test.tensor.split(256))
        last = evaluate(predicted, others, every, block).probabilities
    except Exception as error:  # a config that breaks is no candidate
        if fault_of(error) is not None:
            raise
        print(f"{world.name} {number}: {error}", file=sys.stderr)
        found = []
    return {
        "probabilities": np.asarray(found, dtype=np.float16),
        "samples": samples,
        "tested": last.argmax(axis=1) if found else np.empty(0, dtype=np.int64),
        "seconds": np.float64(time.perf_counter() - began),
    }


def _read(world: World, home: Path, images: SharedImages, test: SharedImages) -> Corpus:
    table, others = images.setting.table, test.setting.table
    block = load(world.space, table.schema)
    label = table.schema.codes(table.labels, block.attributes)
    classes = table.schema.only(block.attributes).num_joint
    truth = others.schema.codes(others.labels, block.attributes)
    found: dict[int, list[Trained]] = {}
    for number, fold in _places(world):
        with np.load(home / f"{number:03}-{fold}.npz") as file:
            if not file["tested"].size:
                continue
            one = Trained(
                probabilities=file["probabilities"].astype(np.float64),
                samples=file["samples"],
                score=macro_f1(truth, file["tested"], classes),
                seconds=float(file["seconds"]),
            )
        found.setdefault(number, []).append(one)
    whole = {n: tuple(each) for n, each in found.items() if len(each) == world.folds}
    return Corpus(
        world=world, num_classes=classes, label=label, person=table.group_index, trained=whole
    )
