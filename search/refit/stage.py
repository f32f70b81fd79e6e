"""Stage 2: the finalists of every space refitted within the time there is."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from search.console import StepBar, say
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.saved_run import load_run
from search.prepare.space_result import SpaceResult
from search.refit.files import RefitFiles, RefitNote, write_truth
from search.refit.finalists import finalists, finished_plan, plan, wished_shape
from search.refit.plan import RefitPlan, Shape, cuts
from search.refit.pool import run_units
from search.refit.units import Folds, Unit
from trainables.blocks import FlatValue
from trainables.data.splits import make_folds
from trainables.seeding import derive_seed

# Between the end of the refit and the end of the command: verdict and report.
VERDICT_SECONDS = 30.0
# Starting workers anew and the imbalance of the last trainings.
_ANOTHER_SEED = 1.15


def run_refit(run: Prepared, console: Console, seconds: float | None) -> None:
    """Refits, merges the predictions and notes what was cut, broke or did not fit the time.

    A refit that is done is repeated as it was: what is missing of it is trained again.

    Args:
        run: data, spaces and devices; its search is done.
        console: where to show progress.
        seconds: wall-clock time after which no unit of a further seed is started; None is no
            limit.

    Raises:
        UsageError: the time is too short for the smallest refit; names the least.
    """
    began = time.monotonic()
    results = load_run(run.store).results
    planned = finished_plan(run)
    if planned is not None:
        seconds = None
    planned = planned or plan(run, results, seconds)
    shape, table = planned.shape, run.dataset.table
    folds = Folds(
        of_sample=make_folds(table, shape.folds, derive_seed(run.config.seed, "refit folds")),
        num_folds=shape.folds,
    )
    files = RefitFiles(run.store.predictions)
    write_truth(run.store.predictions, table, folds, run.dataset.split)
    _say_plan(console, planned)

    def is_over(unit: Unit) -> bool:
        # Without one whole seed there is no verdict, so the first is finished at any price.
        return unit.seed > 0 and seconds is not None and time.monotonic() - began > seconds

    def train(units: Sequence[Unit]) -> list[str]:
        return train_units(
            run,
            console,
            units,
            folds,
            files=files,
            models=run.store.models,
            noun="refit",
            is_over=is_over,
        )

    units = _units(run, results, shape, range(shape.seeds))
    notes = train(units)
    while seconds is not None and shape.seeds < wished_shape(run).seeds:
        # Plans err on the safe side; what is left over goes to the next seed, if it fits whole.
        if time.monotonic() - began + _seed_seconds(run, files, units) > seconds:
            break
        more = _units(run, results, shape, range(shape.seeds, shape.seeds + 1))
        shape = replace(shape, seeds=shape.seeds + 1)
        notes += train(more)
        units += more
    _write(run, shape, units, folds, files, notes)


def train_units(
    run: Prepared,
    console: Console,
    units: Sequence[Unit],
    folds: Folds,
    *,
    files: RefitFiles,
    models: Path,
    noun: str,
    is_over: Callable[[Unit], bool],
    done: Callable[[Unit], None] = lambda _: None,
) -> list[str]:
    """Trains what is not trained yet, with a bar; returns a sentence for all that went wrong.

    Args:
        run: data and devices.
        console: where to show the bar.
        units: in the order of their start.
        folds: of all samples.
        files: that the probabilities go to.
        models: folder of the weights.
        noun: what one of the trainings is called.
        is_over: asked before a unit starts; True leaves it and all that follow.
        done: called with every unit that ended.
    """
    bar = StepBar(console, f"training {len(units)} models ({noun})")
    notes, count = [], 0
    for end in run_units(
        units,
        folds,
        run.setting,
        run.resources,
        seed=run.config.seed,
        # Workers of a cluster have another working directory.
        files=RefitFiles(files.folder.resolve()),
        models=models.resolve(),
        is_over=is_over,
    ):
        count += 1
        bar(count, len(units))
        done(end.unit)
        if end.error:
            notes.append(f"{noun} of {end.unit.name} failed: {end.error.splitlines()[0]}")
    if count < len(units):
        notes.append(f"{len(units) - count} of {len(units)} {noun}s did not fit the time")
    return notes


def _say_plan(console: Console, planned: RefitPlan) -> None:
    say(console, f"Refit: {planned.shape.describe()}, about {format_duration(planned.seconds)}.")
    for cut in planned.cuts:
        say(console, f"  {cut}")


def _write(
    run: Prepared,
    shape: Shape,
    units: Sequence[Unit],
    folds: Folds,
    files: RefitFiles,
    notes: Sequence[str],
) -> None:
    """Merges the predictions and notes what was refitted; a seed that is not whole is not one."""
    files.merge(units, folds)
    whole = [
        all(files.is_done(unit, folds) for unit in units if unit.seed == seed)
        for seed in range(shape.seeds)
    ]
    shape = replace(shape, seeds=max(1, sum(whole)))
    RefitNote(
        shape=shape,
        notes=(*cuts(wished_shape(run), shape), *notes),
        configs={unit.config_name: unit.config for unit in units},
    ).write(run.store)


def _seed_seconds(run: Prepared, files: RefitFiles, units: Sequence[Unit]) -> float:
    """Returns the wall-clock time that one seed took, as its units have noted."""
    taken = sum(files.read_unit(u.name).seconds for u in units if u.seed == 0 and files.has(u))
    return _ANOTHER_SEED * taken / run.resources.slots


def _units(
    run: Prepared, results: Sequence[SpaceResult], shape: Shape, seeds: Iterable[int]
) -> list[Unit]:
    # Whole seeds first: where time runs out, the seeds that are complete can still be compared.
    chosen = {
        result.name: finalists(result, run.default_config(result.name), shape.configs)
        for result in results
    }
    return [
        Unit(
            space=space,
            config_id=config_id,
            seed=seed,
            fold=fold,
            config=_shortened(config, shape),
        )
        for seed in seeds
        for fold in range(shape.folds)
        for space, configs in chosen.items()
        for config_id, config in configs.items()
    ]


def _shortened(config: Mapping[str, FlatValue], shape: Shape) -> dict[str, FlatValue]:
    epochs = max(1, round(int(str(config["schedule.epochs"])) * shape.epochs_share))
    return {**config, "schedule.epochs": epochs}
