"""Stage 2: the finalists of every space refitted within the time there is."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console

from search.console import StepBar
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared, SpaceResult
from search.refit.files import REFIT_FILE, merge_predictions, refit_note, write_truth
from search.refit.finalists import _default, finalists, wished_shape
from search.refit.plan import RefitPlan, Shape, cuts
from search.refit.pool import run_units
from search.refit.units import Folds, Unit
from search.store.files import write_text
from search.store.records import FlatValue
from search.store.run_store import RunStore
from trainables.data.splits import make_folds
from trainables.seeding import derive_seed

# Between the end of the refit and the end of the command: verdict and report.
VERDICT_SECONDS = 30.0
# Starting workers anew and the imbalance of the last trainings.
_ANOTHER_SEED = 1.15


def run_refit(
    run: Prepared,
    store: RunStore,
    results: Sequence[SpaceResult],
    planned: RefitPlan,
    console: Console,
    seconds: float | None,
) -> None:
    """Refits, merges the predictions and notes what was cut, broke or did not fit the time.

    Args:
        run: data, spaces and devices.
        store: of the run.
        results: of the search.
        planned: shape of the refit.
        console: where to show progress.
        seconds: wall-clock time after which no unit of a further seed is started; None is no
            limit.
    """
    began = time.monotonic()
    shape, table = planned.shape, run.dataset.table
    folds = Folds(
        of_sample=make_folds(table, shape.folds, derive_seed(run.config.seed, "refit folds")),
        num_folds=shape.folds,
    )
    store.predictions.mkdir(exist_ok=True)
    write_truth(store.predictions / "truth.csv", table, folds, run.dataset.split.held_out)
    _say_plan(console, planned)

    def is_over(unit: Unit) -> bool:
        # Without one whole seed there is no verdict, so the first is finished at any price.
        return unit.seed > 0 and seconds is not None and time.monotonic() - began > seconds

    units = list(_units(run, results, shape, range(shape.seeds)))
    failed = _train(run, store, console, units, folds, is_over)
    while seconds is not None and shape.seeds < wished_shape(run).seeds:
        # Plans err on the safe side; what is left over goes to the next seed, if it fits whole.
        if time.monotonic() - began + _seed_seconds(run, store, units) > seconds:
            break
        more = list(_units(run, results, shape, range(shape.seeds, shape.seeds + 1)))
        shape = replace(shape, seeds=shape.seeds + 1)
        failed += _train(run, store, console, more, folds, is_over)
        units += more
    _write(run, store, shape, units, folds, failed)


def _say_plan(console: Console, planned: RefitPlan) -> None:
    console.print(
        f"Refit: {planned.shape.describe()}, about {format_duration(planned.seconds)}.",
        highlight=False,
    )
    for cut in planned.cuts:
        console.print(f"  {cut}", highlight=False, soft_wrap=True)


def _write(
    run: Prepared,
    store: RunStore,
    shape: Shape,
    units: Sequence[Unit],
    folds: Folds,
    failed: Sequence[str],
) -> None:
    """Merges the predictions and notes what was refitted; a seed that is not whole is none."""
    parts = store.predictions / "parts"
    merge_predictions(store.predictions, parts, units, folds)
    whole = [
        all(folds.is_done(unit, parts) for unit in units if unit.seed == seed)
        for seed in range(shape.seeds)
    ]
    shape = replace(shape, seeds=max(1, sum(whole)))
    notes = [*cuts(wished_shape(run), shape), *failed]
    text = json.dumps(refit_note(shape, units, notes), indent=2)
    write_text(store.root / REFIT_FILE, text + "\n")


def _train(
    run: Prepared,
    store: RunStore,
    console: Console,
    units: Sequence[Unit],
    folds: Folds,
    is_over: Callable[[Unit], bool],
) -> list[str]:
    """Trains what is not trained yet; returns a sentence for everything that went wrong."""
    bar = StepBar(console, f"refitting {len(units)} models")
    failed, done = [], 0
    for end in run_units(
        units,
        folds,
        run.setting,
        run.resources,
        seed=run.config.seed,
        parts=(store.predictions / "parts").resolve(),
        models=(store.root / "models").resolve(),
        is_over=is_over,
    ):
        done += 1
        bar(done, len(units))
        if end.error:
            failed.append(f"refit of {end.unit.name} failed: {end.error.splitlines()[0]}")
    if done < len(units):
        failed.append(f"{len(units) - done} of {len(units)} refits did not fit the time")
    return failed


def _seed_seconds(run: Prepared, store: RunStore, units: Sequence[Unit]) -> float:
    """Returns the wall-clock time that one seed took, as its units have noted."""
    taken = 0.0
    for unit in units:
        path = store.predictions / "parts" / f"{unit.name}.npz"
        if unit.seed == 0 and path.is_file():
            with np.load(path) as part:
                taken += float(part["seconds"])
    return _ANOTHER_SEED * taken / run.resources.slots


def _units(
    run: Prepared, results: Sequence[SpaceResult], shape: Shape, seeds: Iterable[int]
) -> list[Unit]:
    # Whole seeds first: where time runs out, the seeds that are complete can still be compared.
    chosen = {
        result.name: finalists(result, _default(run, result.name), shape.configs)
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


def _shortened(config: Mapping[str, FlatValue], shape: Shape) -> Mapping[str, FlatValue]:
    epochs = max(1, round(int(config["schedule.epochs"]) * shape.epochs_share))
    return {**config, "schedule.epochs": epochs}
