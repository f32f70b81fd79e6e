"""One small run to hold a promised score against: demo people, refit, ensemble, folder, truth.

Everything is the real thing except the search, whose place the default configs take.
"""

import csv
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from search.analysis.interval import Interval
from search.analysis.metrics import macro_f1, person_index
from search.dataset import stored_size_for
from search.ensemble_format import EnsembleSpec
from search.ensemble_oof import OutOfFold
from search.ensemble_stage import ENSEMBLE_FOLDER, build_ensemble
from search.oof import DEFAULT_RANK, merge_predictions, write_truth
from search.plan import Shape
from search.predict import Ensemble
from search.predict_stage import Predicted, forecast_folder, predict_folder, read_folder
from search.records import FlatValue
from search.refit import Folds, Unit, train_unit
from search.refit_stage import REFIT_FILE, refit_note
from search.store import RunStore, write_text
from search.trial_run import SharedImages, TrialSetting
from spaces import load
from spaces.scale import choose_scale
from trainables.data import layouts, synthetic
from trainables.data.schema import LabelSchema
from trainables.data.splits import make_folds, make_split

Ints = NDArray[np.int64]

SPACES = MappingProxyType(
    {
        "mask": "separate",
        "gender": "separate",
        "age": "separate",
        "joint": "joint",
        "multihead": "multihead",
    }
)
INPUT_SIZE = 32
CHANGES: Mapping[str, FlatValue] = MappingProxyType(
    {
        "input.size": INPUT_SIZE,
        "backbone.name": "test_efficientnet",
        "optim.lr": 4e-3,
        "optim.batch_size": 16,
    }
)
"""Of the default config: a training must learn something in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How large a run is.

    Attributes:
        people: with labels; seven photos each.
        folder_people: of the unlabelled folder.
        small_people: of the smaller folders that those people are dealt into.
        epochs: of every training.
        folds: of the refit.
        refit_seeds: of the refit.
        spaces: approach of every space that is refitted.
        photo: width and height of a drawn photo in pixels.
    """

    people: int
    folder_people: int
    small_people: int
    epochs: int
    folds: int = 3
    refit_seeds: int = 2
    spaces: Mapping[str, str] = field(default_factory=lambda: SPACES)
    photo: tuple[int, int] = (48, 64)

    def __post_init__(self) -> None:
        if not 1 <= self.small_people <= self.folder_people:
            raise ValueError(
                "`1 <= small_people <= folder_people` must hold, got "
                f"{self.small_people} and {self.folder_people}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promised macro-F1, its interval, and what the folders truly scored."""

    value: float
    low: float
    high: float
    truths: tuple[float, ...]

    @property
    def hits(self) -> tuple[bool, ...]:
        """Whether the interval holds the truth of each folder."""
        return tuple(self.low <= truth <= self.high for truth in self.truths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run promised and what came of it.

    Attributes:
        seed: of people, folds and trainings.
        whole: promise of the whole folder, with one truth.
        small: promise of folders of `Effort.small_people` people.
        out_of_fold: score of the ensemble on the people of the run, and its interval.
        one_fold: mean score of the whole folder when the models of a single fold vote.
        seconds: of wall-clock time.
    """

    seed: int
    whole: Promise
    small: Promise
    out_of_fold: tuple[float, float, float]
    one_fold: float
    seconds: float


def run(effort: Effort, folder: Path, seed: int) -> Outcome:
    """Draws people, refits, builds the ensemble, predicts the folder and scores it.

    Args:
        effort: how large the run is.
        folder: empty; keeps everything.
        seed: of people, folds and trainings.
    """
    started = time.monotonic()
    data = synthetic.generate(
        folder / "demo",
        num_people=effort.people,
        num_eval_people=effort.folder_people,
        seed=seed,
        size=effort.photo,
        num_workers=1,
    )
    store = _refit(effort, data, folder, seed)
    spec = build_ensemble(store, Console(quiet=True))
    home = store.root / ENSEMBLE_FOLDER
    oof = OutOfFold.read(home)
    table = read_folder(data / "eval")
    ensemble = Ensemble.load(home, "cpu")
    predicted = predict_folder(ensemble, table)
    label, person = _truth(data / "eval_truth.csv", predicted.names)
    num = spec.labels.num_joint
    small = _dealt(person, effort.small_people, np.random.default_rng([seed, 1]))
    return Outcome(
        seed=seed,
        whole=_promise(
            forecast_folder(spec, oof, len(label)).score, label, predicted, [label >= 0], num
        ),
        small=_promise(
            forecast_folder(spec, oof, int(small[0].sum())).score, label, predicted, small, num
        ),
        out_of_fold=(spec.score["value"], *spec.score["interval"]),
        one_fold=float(
            np.mean(
                [
                    macro_f1(label, predict_folder(one, table).classes, num)
                    for one in _one_fold_each(spec, home)
                ]
            )
        ),
        seconds=time.monotonic() - started,
    )


def _promise(
    promised: Interval,
    label: Ints,
    predicted: Predicted,
    folders: list[NDArray[np.bool_]],
    num_classes: int,
) -> Promise:
    truths = (macro_f1(label[of], predicted.classes[of], num_classes) for of in folders)
    return Promise(
        value=promised.value, low=promised.low, high=promised.high, truths=tuple(truths)
    )


def _refit(effort: Effort, data: Path, folder: Path, seed: int) -> RunStore:
    """Trains every unit in this process and leaves the files that a refit leaves."""
    table = layouts.load(data, None)
    store = RunStore(folder / "run")
    store.predictions.mkdir(parents=True)
    setting = TrialSetting(
        table=table,
        split=make_split(table, seed=0),
        stored_size=stored_size_for(table, INPUT_SIZE),
        cache_dir=folder / "cache",
        results_dir=store.root,
        weights_dir=None,
        device="cpu",
        num_threads=1,
        device_share=1.0,
    )
    folds = Folds(of_sample=make_folds(table, effort.folds, seed), num_folds=effort.folds)
    units = _units(effort, table.schema)
    images, parts = SharedImages(setting), store.predictions / "parts"
    for unit in units:
        train_unit(unit, folds, images, seed, parts, store.root / "models")
    merge_predictions(store.predictions, parts, units, folds)
    write_truth(store.predictions / "truth.csv", table, folds, setting.split.held_out)
    shape = Shape(folds=effort.folds, seeds=effort.refit_seeds, configs=1)
    write_text(store.root / REFIT_FILE, json.dumps(refit_note(shape, units, [])))
    described = {
        "schema": table.schema.to_dict(),
        "photos": table.num_samples,
        "people": table.num_groups,
        "fingerprint": table.fingerprint,
        "stored_size": list(setting.stored_size),
    }
    study = {"config": {"seed": seed}, "approaches": dict(effort.spaces), "versions": {}}
    store.write_study({**study, "data": described})
    return store


def _units(effort: Effort, schema: LabelSchema) -> list[Unit]:
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=effort.epochs)
    return [
        Unit(
            space=space,
            rank=DEFAULT_RANK,
            seed=refit_seed,
            fold=fold,
            config={**load(space, schema).default_config(schema, scale), **CHANGES},
        )
        for space in effort.spaces
        for refit_seed in range(effort.refit_seeds)
        for fold in range(effort.folds)
    ]


def _truth(path: Path, names: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Returns the joint class and the person of every photo, int [n] each, in order of names."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["ImageID"]: row for row in csv.DictReader(file)}
    label = np.array([int(rows[name]["ans"]) for name in names], dtype=np.int64)
    return label, person_index([rows[name]["group"] for name in names])[0]


def _dealt(person: Ints, size: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Returns the photos bool [n] of every folder of `size` people, no person in two."""
    order = rng.permutation(person.max() + 1)
    starts = range(0, len(order) - size + 1, size)
    return [np.isin(person, order[start : start + size]) for start in starts]


def _one_fold_each(spec: EnsembleSpec, home: Path) -> list[Ensemble]:
    """Returns an ensemble of the models of each fold alone, as out of fold one predicts."""
    num_folds = spec.members[0].num_folds
    found = []
    for fold in range(num_folds):
        members = tuple(
            replace(
                member,
                parts=tuple(replace(part, files=(part.files[fold],)) for part in member.parts),
            )
            for member in spec.members
        )
        one = replace(spec, members=members)
        found.append(Ensemble(one, home, torch.device("cpu")))
    return found
