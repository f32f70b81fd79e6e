"""Two searches of one space that differ in nothing but their seed, refitted and judged."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import PairVerdict
from search.cli.commands import main as headrace
from search.prepare.dataset import SPLIT_SEED, stored_size_for
from search.prepare.saved_run import load_run
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.files import RefitFiles
from search.refit.finalists import finalists
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from tests.search.builders.one_model import build_one
from tests.search.builders.planted_pictures import conditional_world, write_world
from tests.search.builders.planted_runs import write_spaces
from trainables.data import layouts
from trainables.data.sample_table import SampleTable
from trainables.data.splits import make_folds, make_split

_SIDE, _BATCH = 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much each repeat does.

    Attributes:
        people_a_class: of eight classes, four photos each.
        trials: of each search.
        epochs: of every training.
        configs: best ones that are refitted beside the default.
        folds: of the refit.
        seeds: of the refit.
    """

    people_a_class: int = 10
    trials: int = 3
    epochs: int = 3
    configs: int = 1
    folds: int = 3
    seeds: int = 3


def one_repeat(size: Size, folder: Path, number: int) -> PairVerdict:
    """Draws pictures, searches and refits twice, and judges the first against the second.

    Args:
        size: how much.
        folder: gets pictures, results and cache.
        number: of the repeat; everything is drawn from it.

    Raises:
        RuntimeError: a search fails.
    """
    world = conditional_world(people_a_class=size.people_a_class, photos=4)
    data = folder / "data" / str(number)
    if not data.is_dir():
        write_world(world, data, np.random.default_rng([number, 1]))
    images = _images(data, folder)
    table, split = images.setting.table, images.setting.split
    folds = Folds(of_sample=make_folds(table, size.folds, number), num_folds=size.folds)
    held_out = np.zeros(table.num_samples, dtype=bool)
    held_out[split.held_out] = True
    chose = np.zeros(table.num_samples, dtype=bool)
    chose[split.search_val] = True
    cross_fit = CrossFit.of_people(folds.of_sample, table.groups, held_out)
    approaches = [
        _searched_and_refitted(name, 2 * number + i, size, folder, images, folds, cross_fit)
        for i, name in enumerate(("first", "second"))
    ]
    people = replace(people_of_table(table), fold=folds.of_sample)
    verdict = judge(approaches, people, chose=chose)
    return verdict.pairs[0]


def people_of_table(table: SampleTable) -> People:
    """Returns the labelled people of a table, by their joint classes."""
    return People(label=table.joint, person=table.groups, num_classes=table.schema.num_joint)


def _images(data: Path, folder: Path) -> SharedImages:
    """Returns the decoded pictures as a run has them, for trainings in this process."""
    table = layouts.load(data, None)
    setting = TrialSetting(
        table=table,
        split=make_split(table, seed=SPLIT_SEED),
        stored_size=stored_size_for(table, _SIDE),
        cache_dir=folder / "cache",
        results_dir=folder / "results",
        weights_dir=None,
        device="cpu",
        num_threads=1,
        device_share=1.0,
    )
    return SharedImages(setting)


def _searched_and_refitted(
    name: str,
    seed: int,
    size: Size,
    folder: Path,
    images: SharedImages,
    folds: Folds,
    cross_fit: CrossFit,
) -> Approach:
    """Returns the out-of-fold predictions of one joint search and its refit."""
    table = images.setting.table
    run = f"aa{seed}"
    store = RunStore(folder / "results" / run)
    if not (store.root / "best" / "joint.yaml").is_file():
        _search(run, seed, size, folder, table.root)
    (result,) = load_run(store).results
    default = next(record for record in result.records if record.number == 0).config
    chosen = finalists(result, default, size.configs)
    files = RefitFiles(store.root)
    units = []
    for config_id, config in chosen.items():
        for fold in range(folds.num_folds):
            for each in range(size.seeds):
                unit = Unit(
                    space="joint", config_id=config_id, seed=each, fold=fold, config=config
                )
                units.append(unit)
                if not files.is_done(unit, folds):
                    train_unit(unit, folds, images, seed, files, store.models)
    files.merge(units, folds)
    candidates = {
        config_id: files.heads("joint", config_id, range(size.seeds))["joint"]
        for config_id in files.config_ids("joint")
    }
    built = build_one(name, candidates, people_of_table(table), cross_fit)
    return built.approach(cross_fit, seed=seed)


def _search(run: str, seed: int, size: Size, folder: Path, data: Path) -> None:
    plain, _ = write_spaces(folder, _BATCH)
    options = {
        "data": data,
        "results": folder / "results",
        "cache": folder / "cache",
        "name": run,
        "seed": seed,
        "trials": size.trials,
        "max-epochs": size.epochs,
    }
    flags = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    with redirect_stdout(sys.stderr):
        code = headrace(["run", "--space", f"joint={plain}", *flags])
    if code:
        raise RuntimeError(f"the search {run} ended with exit code {code}")
