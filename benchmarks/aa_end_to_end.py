"""Two searches of the same space against each other, end to end; prints the report in Markdown.

    nice python -m benchmarks.aa_end_to_end --out DIR > benchmarks/aa_end_to_end_CPU_DATE.md

Claim: two `joint` runs that differ in nothing but their seed are called different as rarely as
chance allows. Each repeat draws new pictures, searches twice through the real command, refits the
finalists of both on the same folds of people with seeds of their own, chooses among them by
cross-fitting and judges the two as a run judges two approaches.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats

from search.analysis.approaches.approach import Approach
from search.analysis.approaches.build import build_joint
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import PairVerdict
from search.cli.commands import main as headrace
from search.prepare.dataset import SPLIT_SEED, stored_size_for
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.files import merge_parts
from search.refit.finalists import finalists
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from search.tuning.cluster import ray_runtime
from search.tuning.saved_run import load_run
from tests.search.builders.planted_pictures import conditional_world, write_world
from tests.search.builders.planted_runs import write_spaces
from trainables.data import layouts
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
    cross_fit = CrossFit.of_people(folds.of_sample, table.groups, held_out)
    approaches = [
        _searched_and_refitted(name, 2 * number + i, size, folder, images, folds, cross_fit)
        for i, name in enumerate(("first", "second"))
    ]
    verdict = judge(approaches, _people(images), held_out=held_out)
    return verdict.pairs[0]


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
    parts = store.root / "parts"
    for config_id, config in chosen.items():
        for fold in range(folds.num_folds):
            for each in range(size.seeds):
                unit = Unit(
                    space="joint", config_id=config_id, seed=each, fold=fold, config=config
                )
                if not folds.is_done(unit, parts):
                    train_unit(unit, folds, images, seed, parts, store.root / "models")
    candidates = {
        config_id: np.stack(
            [merge_parts(parts, "joint", config_id, s, folds)["joint"] for s in range(size.seeds)]
        ).astype(float)
        for config_id in (
            *(config_id for config_id in chosen if config_id != "default"),
            "default",
        )
    }
    built = build_joint(candidates, _people(images), cross_fit, name)
    return built.approach(cross_fit, seed=seed)


def _people(images: SharedImages) -> People:
    table = images.setting.table
    return People(label=table.joint, person=table.groups, num_classes=table.schema.num_joint)


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the repeats and prints the report."""
    parser = argparse.ArgumentParser(description="Judge two equal searches, again and again.")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and results")
    parser.add_argument("--repeats", type=int, default=10, help="how often (10)")
    given = parser.parse_args(arguments)
    size, rows = Size(), []
    print(_head(size, given.repeats), flush=True)
    with ray_runtime(""):
        for number in range(given.repeats):
            pair = one_repeat(size, given.out.resolve(), number)
            rows.append(pair)
            print(_row(number, pair), flush=True)
    print(_end(rows))


def _row(number: int, pair: PairVerdict) -> str:
    estimate = pair.headline.estimate
    low, high = estimate.interval.low, estimate.interval.high
    cells = [
        str(number),
        f"{estimate.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
        f"{pair.headline.p_holm:.2f}",
        pair.winner or "nobody",
    ]
    return "| " + " | ".join(cells) + " |"


def _end(pairs: Sequence[PairVerdict]) -> str:
    wins, num = sum(pair.winner is not None for pair in pairs), len(pairs)
    low, high = stats.binomtest(wins, num).proportion_ci(0.95, "exact")
    at_least = stats.binomtest(wins, num, 0.05, alternative="greater").pvalue
    return (
        f"\nA winner was declared in {wins} of {num} repeats ({wins / num:.0%}, exact 95 % "
        f"interval [{low:.1%}, {high:.1%}]). With a true rate of 5 % so many or more come with "
        f"probability {at_least:.2f}."
    )


def _head(size: Size, repeats: int) -> str:
    arguments = " ".join(["python -m benchmarks.aa_end_to_end", *sys.argv[1:]])
    return (
        "# A/A, end to end: two searches of the same space\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}. Command: `{arguments}`.\n\n"
        f"{repeats} repeats, each with new pictures of {8 * size.people_a_class} people x 4 "
        "photos (8 joint classes, the conditional world of `benchmarks/planted_pictures.py`). Two "
        f"runs `--space joint --trials {size.trials} --max-epochs {size.epochs}` that differ in "
        f"--seed; refit of the default and the best {size.configs} beside it on {size.folds} "
        f"folds x {size.seeds} seeds, the same folds for both.\n\n"
        "| repeat | first - second, 95 % | p | winner |\n| --- | --- | --- | --- |"
    )


if __name__ == "__main__":
    main()
