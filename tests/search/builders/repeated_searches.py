"""Small searches of the demo people, repeated whole; what each came to is kept in one file.

Notation:
    K refitted configs, S refit seeds, F folds, N photos of the people who are searched on and
    judged, M photos of other people who test.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.prepare.saved_run import load_run
from search.prepare.setting import SharedImages
from search.refit.units import DEFAULT_CONFIG, Unit
from search.store.files import write_arrays, write_text
from tests.search.builders.one_model import build_one
from tests.search.builders.searched_refit import (
    Refitted,
    Search,
    SearchSize,
    open_images,
    people_of_table,
    person_folds,
    search_and_refit,
)
from trainables.config import TrialConfig
from trainables.data.demo import generate as synthetic
from trainables.predictor import Predictor

SIDE = 32
SAME, FRESH = "same", "fresh"
"""People of a repeat: those of all such repeats, or its own."""
_PHOTO = (96, 128)
_SEED_OF_TEST = 900_000
_SPACE = f"""
from dataclasses import replace

from spaces import groups, joint
from spaces.parts import age_cuts

APPROACH = "joint"


def _small(scale):
    return replace(
        scale,
        backbones=("test_efficientnet", "test_resnet"),
        input_sizes=({SIDE},),
        batch_sizes=(16, 32),
        lr=(1e-3, 1e-2),
    )


def default(schema, scale):
    return joint.default(schema, _small(scale))


def suggest(trial, schema, scale):
    small = _small(scale)
    config = {{
        **groups.backbone(trial, small),
        **groups.crop(trial, small, ("full", "centre", "face", "narrow")),
        **groups.augment(trial, colour=0.2, erase=0.5, mixup=0.0, half_cutmix=0.0),
        **groups.loss(trial, ("ce", "focal", "ce_f1")),
        **groups.sampler(trial, high=0.5),
        **groups.age(trial, age_cuts(schema), auxiliary=True),
    }}
    trial.suggest_float("optim.lr", *small.lr, log=True)
    trial.suggest_float("optim.weight_decay", 1e-6, 1e-1, log=True)
    trial.suggest_categorical("optim.batch_size", small.batch_sizes)
    trial.suggest_float("head.dropout", 0.0, 0.3)
    return config
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LuckSize(SearchSize):
    """How much each repeat does.

    Attributes:
        people: of the demo, seven photos each, on whom everything is done.
        test_people: others, drawn once, on whom every trained model is scored.
    """

    people: int = 120
    test_people: int = 600
    trials: int = 16
    epochs: int = 8
    configs: int = 2
    folds: int = 3
    seeds: int = 2


QUICK = LuckSize(people=40, test_people=40, trials=3, epochs=1, folds=2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeat:
    """What one search and its refit came to.

    Attributes:
        config_ids: of the refitted configs, str [K].
        tested: classes that every model predicts for the people who test, [K, S, F, M].
        out_of_fold: classes predicted for the people of the repeat, [K, S, N].
        chosen: number of the config that the cross-fitted choice takes for each photo, [N].
        fold: of each photo, [N].
        label: joint class of each photo, [N].
        person: of each photo, [N].
        choice_variance: that the verdict adds for the choice.
        configs: the trained configs as JSON.
        seconds: of the trials' devices; of search and refit, and of the test by the clock.
    """

    config_ids: NDArray[np.str_]
    tested: Ints
    out_of_fold: Ints
    chosen: Ints
    fold: Ints
    label: Ints
    person: Ints
    choice_variance: float
    configs: str
    seconds: Floats

    def people(self, num_classes: int) -> People:
        """The people of the repeat."""
        return People(label=self.label, person=self.person, num_classes=num_classes)

    def approach(self, name: str, *, with_luck: bool) -> Approach:
        """Returns what a verdict judges: out-of-fold classes, with the finalists as variants.

        Args:
            name: of the approach.
            with_luck: whether its finalists tell of the luck of the search.
        """
        photos, seeds = np.arange(len(self.label)), range(self.out_of_fold.shape[1])
        finalists = self.out_of_fold[self.config_ids != DEFAULT_CONFIG]
        return Approach(
            name=name,
            predicted=np.stack([self.out_of_fold[self.chosen, seed, photos] for seed in seeds]),
            choice_variance=float(self.choice_variance),
            variants=(finalists,) if with_luck and len(finalists) > 1 else (),
        )

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all; classes as bytes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        small = {name: values[name].astype(np.uint8) for name in ("tested", "out_of_fold")}
        write_arrays(path, {**values, **small})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote."""
        with np.load(path) as file:
            return cls(**{name: _plain(file[name]) for name in file.files})


def _plain(array: Any) -> Any:
    return array.astype(np.int64) if array.dtype == np.uint8 else array[()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OtherPeople:
    """People from the generator who test: their labels and their decoded photos."""

    people: People
    images: SharedImages


def people_who_test(size: LuckSize, folder: Path) -> OtherPeople:
    """Draws the people who test, once, and returns them."""
    images = open_images(drawn_people(size.test_people, _SEED_OF_TEST, folder), folder, SIDE)
    return OtherPeople(people=people_of_table(images.setting.table), images=images)


def repeat_of(size: LuckSize, folder: Path, kind: str, number: int, test: OtherPeople) -> Repeat:
    """Returns what a repeat came to, from its file where it was made before.

    Args:
        size: how much.
        folder: keeps a file a repeat; trained weights are deleted.
        kind: `SAME` people as the other repeats of this kind, or `FRESH` ones.
        number: of the repeat within its kind, from 0.
        test: who test.

    Raises:
        RuntimeError: the search fails.
    """
    path = folder / "repeats" / f"{kind}{number}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _made(size, folder, kind, number, test).write(path)
    return Repeat.read(path)


def _made(size: LuckSize, folder: Path, kind: str, number: int, test: OtherPeople) -> Repeat:
    started = time.monotonic()
    draw = 1 if kind == SAME else 100 + number
    images = open_images(drawn_people(size.people, draw, folder), folder, SIDE)
    folds, cross_fit = person_folds(images, size.folds, draw)
    space = folder / "small_joint.py"
    write_text(space, _SPACE)
    seed = number if kind == SAME else 1000 + number
    search = Search(run=f"{kind}{number}", seed=seed, space=space, size=size, folder=folder)
    refitted = search_and_refit(search, images, folds)
    refit_done = time.monotonic()
    tested = _tested(search, refitted, test)
    people = people_of_table(images.setting.table)
    built = build_one("joint", refitted.candidates, people, cross_fit)
    ids = tuple(refitted.candidates)
    chosen = np.empty(len(people), dtype=np.int64)
    for (_, apply), taken in zip(cross_fit.rounds(), built.choices["joint"].by_round, strict=True):
        chosen[apply] = ids.index(taken)
    configs = {unit.config_id: dict(unit.config) for unit in refitted.units}
    ended = time.monotonic()
    searched = sum(r.device_seconds for r in load_run(search.store).records)
    shutil.rmtree(search.store.models)
    return Repeat(
        config_ids=np.array(ids),
        tested=tested,
        out_of_fold=_classes(refitted.candidates),
        chosen=chosen,
        fold=folds.of_sample,
        label=people.label,
        person=people.person,
        choice_variance=built.approach(cross_fit, seed=seed).choice_variance,
        configs=json.dumps(configs, default=list),
        seconds=np.array([searched, refit_done - started, ended - refit_done]),
    )


def _classes(candidates: Mapping[str, Floats]) -> Ints:
    return np.stack([probs.argmax(axis=-1) for probs in candidates.values()])


def _tested(search: Search, refitted: Refitted, test: OtherPeople) -> Ints:
    """Returns the classes [K, S, F, M] that every fold model predicts for those who test."""
    ids = list(refitted.candidates)
    size = search.size
    shape = (len(ids), size.seeds, size.folds, len(test.people))
    found = np.empty(shape, dtype=np.int64)
    for unit in refitted.units:
        place = (ids.index(unit.config_id), unit.seed, unit.fold)
        found[place] = _predicted(search, refitted, unit, test)
    return found


def _predicted(search: Search, refitted: Refitted, unit: Unit, test: OtherPeople) -> Ints:
    note = refitted.files.read_unit(unit).note
    predictor = Predictor(
        TrialConfig.from_flat(unit.config),
        test.images.setting.table.schema,
        search.store.models / f"{unit.name}.safetensors",
        mean=note["mean"],
        std=note["std"],
        device=torch.device("cpu"),
    )
    return predictor.predict(test.images.tensor)["joint"].argmax(axis=1)


def drawn_people(num_people: int, seed: int, folder: Path) -> Path:
    """Returns the folder of a small demo, drawn below `folder` where it is not there yet."""
    return synthetic.generate(
        synthetic.demo_dir(folder / "data", num_people, seed, _PHOTO, num_eval_people=18),
        num_people=num_people,
        num_eval_people=18,
        seed=seed,
        size=_PHOTO,
        num_workers=1,
    )
