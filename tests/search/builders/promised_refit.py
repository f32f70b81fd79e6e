"""A small refit of the demo people without a search, whose place the default configs take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from search.prepare.dataset import stored_size_for
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles, RefitNote
from search.refit.plan import Shape
from search.refit.train import train_unit
from search.refit.truth import write_truth
from search.refit.units import DEFAULT_CONFIG, Folds, Unit
from search.store.run_store import RunStore
from spaces import load
from spaces.scale import choose_scale
from trainables.blocks import FlatValue
from trainables.data import layouts
from trainables.data.schema import LabelSchema
from trainables.data.splits import make_folds, make_split

SPACES = ("mask", "gender", "age", "joint", "multihead")
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
        spaces: that are refitted, some of `SPACES`.
        photo: width and height of a drawn photo in pixels.
    """

    people: int
    folder_people: int
    small_people: int
    epochs: int
    folds: int = 3
    refit_seeds: int = 2
    spaces: tuple[str, ...] = SPACES
    photo: tuple[int, int] = (48, 64)

    def __post_init__(self) -> None:
        if not 1 <= self.small_people <= self.folder_people:
            raise ValueError(
                "`1 <= small_people <= folder_people` must hold, got "
                f"{self.small_people} and {self.folder_people}"
            )


FULL = Effort(people=60, folder_people=30, small_people=10, epochs=3)
QUICK = Effort(
    people=24,
    folder_people=18,
    small_people=9,
    epochs=4,
    refit_seeds=1,
    spaces=("multihead",),
)


def refit(effort: Effort, data: Path, folder: Path, seed: int) -> RunStore:
    """Trains every unit in this process and leaves the files that a refit leaves.

    Args:
        effort: how large the refit is.
        data: folder of the labelled people.
        folder: gets the folder of the run and the decoded images.
        seed: of folds and trainings.
    """
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
    images, files = SharedImages(setting), RefitFiles(store.predictions)
    for unit in units:
        train_unit(unit, folds, images, seed, files, store.models)
    files.merge(units, folds)
    write_truth(store.predictions, table, folds, setting.split)
    _describe(store, effort, setting, units, seed)
    return store


def _describe(
    store: RunStore, effort: Effort, setting: TrialSetting, units: Sequence[Unit], seed: int
) -> None:
    """Writes `refit.json` and `study.json`."""
    shape = Shape(folds=effort.folds, seeds=effort.refit_seeds, configs=1)
    configs = {unit.config_name: unit.config for unit in units}
    RefitNote(shape=shape, notes=(), configs=configs).write(store)
    table = setting.table
    data = {
        "schema": table.schema.to_dict(),
        "photos": table.num_samples,
        "people": table.num_groups,
        "fingerprint": table.fingerprint,
        "stored_size": list(setting.stored_size),
    }
    lineup = Lineup.of(table.schema, [load(space, table.schema) for space in effort.spaces])
    study = {"config": {"seed": seed}, "blocks": lineup.to_dict(), "versions": {}}
    store.write_study({**study, "data": data})


def _units(effort: Effort, schema: LabelSchema) -> list[Unit]:
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=effort.epochs)
    return [
        Unit(
            space=space,
            config_id=DEFAULT_CONFIG,
            seed=refit_seed,
            fold=fold,
            config={**load(space, schema).default_config(schema, scale), **CHANGES},
        )
        for space in effort.spaces
        for refit_seed in range(effort.refit_seeds)
        for fold in range(effort.folds)
    ]
