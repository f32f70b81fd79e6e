"""One small search through the command, and the refit of its finalists in this process."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats
from search.analysis.people import People
from search.cli.commands import main as headrace
from search.prepare.dataset import SPLIT_SEED, stored_size_for
from search.prepare.saved_run import load_run
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.files import RefitFiles
from search.refit.finalists import finalists
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from trainables.data import layouts
from trainables.data.sample_table import SampleTable
from trainables.data.splits import make_folds, make_split


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSize:
    """How much a search and its refit do.

    Attributes:
        trials: of the search.
        epochs: of every training.
        configs: best ones that are refitted beside the default.
        folds: of the refit.
        seeds: of the refit.
    """

    trials: int
    epochs: int
    configs: int
    folds: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One joint search: its name and seed, the file of its space, its size and where it lies.

    `folder` gets results and cache.
    """

    run: str
    seed: int
    space: Path
    size: SearchSize
    folder: Path

    @property
    def store(self) -> RunStore:
        """The folder of the run."""
        return RunStore(self.folder / "results" / self.run)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refitted:
    """The trainings of a refit, their files, and the probabilities [S, N, C] of every config."""

    units: tuple[Unit, ...]
    files: RefitFiles
    candidates: Mapping[str, Floats]


def open_images(
    data: Path, folder: Path, side: int, weights_dir: Path | None = None
) -> SharedImages:
    """Returns the decoded pictures as a run has them, for trainings in this process.

    Args:
        data: folder of the pictures.
        folder: of results and cache.
        side: of the largest input in pixels.
        weights_dir: folder of pretrained weights.
    """
    table = layouts.load(data, None)
    setting = TrialSetting(
        table=table,
        split=make_split(table, seed=SPLIT_SEED),
        stored_size=stored_size_for(table, side),
        cache_dir=folder / "cache",
        results_dir=folder / "results",
        weights_dir=weights_dir,
        device="cpu",
        num_threads=1,
        device_share=1.0,
    )
    return SharedImages(setting)


def people_of_table(table: SampleTable) -> People:
    """Returns the labelled people of a table, by their joint classes."""
    return People(label=table.joint, person=table.groups, num_classes=table.schema.num_joint)


def person_folds(images: SharedImages, num_folds: int, seed: int) -> tuple[Folds, CrossFit]:
    """Returns folds of people, and who decides about whom in them."""
    table = images.setting.table
    folds = Folds(of_sample=make_folds(table, num_folds, seed), num_folds=num_folds)
    held_out = np.zeros(table.num_samples, dtype=bool)
    held_out[images.setting.split.held_out] = True
    return folds, CrossFit.of_people(folds.of_sample, table.groups, held_out)


def search_and_refit(search: Search, images: SharedImages, folds: Folds) -> Refitted:
    """Searches, and refits the finalists; what is done already is read from its files.

    Raises:
        RuntimeError: the search fails.
    """
    size, store = search.size, search.store
    if not (store.root / "best" / "joint.yaml").is_file():
        _run_command(search, images.setting.table.root)
    (result,) = load_run(store).results
    default = next(record for record in result.records if record.number == 0).config
    files = RefitFiles(store.root)
    units = tuple(
        Unit(space="joint", config_id=config_id, seed=seed, fold=fold, config=config)
        for config_id, config in finalists(result, default, size.configs).items()
        for fold in range(folds.num_folds)
        for seed in range(size.seeds)
    )
    for unit in units:
        if not files.is_done(unit, folds):
            train_unit(unit, folds, images, search.seed, files, store.models)
    files.merge(units, folds)
    candidates = {
        config_id: files.heads("joint", config_id, range(size.seeds))["joint"]
        for config_id in files.config_ids("joint")
    }
    return Refitted(units=units, files=files, candidates=candidates)


def _run_command(search: Search, data: Path) -> None:
    options = {
        "data": data,
        "results": search.folder / "results",
        "cache": search.folder / "cache",
        "name": search.run,
        "seed": search.seed,
        "trials": search.size.trials,
        "max-epochs": search.size.epochs,
    }
    flags = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    with redirect_stdout(sys.stderr):
        code = headrace(["run", "--space", f"joint={search.space}", *flags])
    if code:
        raise RuntimeError(f"the search {search.run} ended with exit code {code}")
