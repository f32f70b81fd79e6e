"""Stage 2: the finalists of every space refitted within the time there is."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from rich.console import Console

from search.oof import DEFAULT_RANK, merge_predictions, write_truth
from search.plan import FULL, Costs, RefitPlan, Shape, cuts, plan_refit
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared, SpaceResult
from search.probe import probe_costs
from search.progress import StepBar
from search.refit import Folds, Unit, run_units
from search.store.files import write_text
from search.store.records import Cause, FlatValue, State, TrialRecord
from search.store.run_store import RunStore
from trainables.data.splits import make_folds
from trainables.seeding import derive_seed

# Between the end of the refit and the end of the command: verdict and report.
VERDICT_SECONDS = 30.0
REFIT_FILE = "predictions/refit.json"
# Starting workers anew and the imbalance of the last trainings.
_ANOTHER_SEED = 1.15


def finalists(
    result: SpaceResult, default: Mapping[str, FlatValue], num_configs: int
) -> dict[str, Mapping[str, FlatValue]]:
    """Returns the configs to refit by rank: the default, then the best of the search.

    The default config is refitted once, as "default", also where it is among the best.
    """
    complete = [r for r in result.records if r.state is State.COMPLETE and r.cause is Cause.NONE]
    ranked = sorted(complete, key=lambda r: (-(r.objective or 0.0), r.number))
    found = {DEFAULT_RANK: default}
    for record in ranked:
        if len(found) > num_configs:
            break
        if dict(record.config) not in [dict(config) for config in found.values()]:
            found[str(len(found))] = record.config
    return found


def measured_costs(run: Prepared, results: Sequence[SpaceResult], num_photos: int) -> Costs:
    """Returns what the configs of the refit cost, measured in the search."""
    photos = len(run.dataset.split.search_train)
    costs = {}
    for result in results:
        by_config = {_key(r.config): _photo_seconds(r, photos) for r in result.records if r.epochs}
        typical = max(by_config.values(), default=0.0)
        chosen = finalists(result, _default(run, result.name), FULL.configs)
        costs[result.name] = tuple(
            by_config.get(_key(config), typical) for config in chosen.values()
        )
    return Costs(
        photo_seconds=costs,
        epochs=run.epochs,
        num_photos=num_photos,
        num_devices=run.resources.num_devices,
    )


def probed_costs(run: Prepared) -> Costs:
    """Returns what the default configs cost, before the search has measured anything."""
    probed = probe_costs(run)
    return Costs(
        photo_seconds={name: (seconds, seconds) for name, seconds in probed.items()},
        epochs=run.epochs,
        num_photos=run.dataset.table.num_samples,
        num_devices=run.resources.num_devices,
    )


def plan(run: Prepared, results: Sequence[SpaceResult], seconds: float | None) -> RefitPlan:
    """Returns the plan of the refit for the time there is; everything where there is no limit."""
    costs = measured_costs(run, results, run.dataset.table.num_samples)
    wish = wished_shape(run)
    if seconds is None:
        return RefitPlan(shape=wish, seconds=costs.seconds(wish), cuts=())
    return plan_refit(costs, seconds, wish)


def finished_plan(store: RunStore) -> RefitPlan | None:
    """Returns the plan of a refit that is done, as a resumed run finds it; None where none is."""
    if not (store.root / REFIT_FILE).is_file():
        return None
    shape = Shape(**store.read_json(REFIT_FILE)["shape"])
    return RefitPlan(shape=shape, seconds=0.0, cuts=())


def wished_shape(run: Prepared) -> Shape:
    """Returns what is refitted where time allows: five folds, three seeds or as many as asked."""
    seeds = run.config.refit_seeds
    return FULL if seeds is None else replace(FULL, seeds=seeds, keep_seeds=True)


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


def refit_note(shape: Shape, units: Iterable[Unit], notes: Sequence[str]) -> dict[str, Any]:
    """Returns the content of `refit.json`.

    `configs` are the complete configs by `<space>.<rank>`, as they were trained: with them, later
    stages need neither the search nor the spaces.
    """
    return {
        "schema": 1,
        "shape": asdict(shape),
        "notes": list(notes),
        "configs": {f"{unit.space}.{unit.rank}": dict(unit.config) for unit in units},
    }


def _units(
    run: Prepared, results: Sequence[SpaceResult], shape: Shape, seeds: Iterable[int]
) -> list[Unit]:
    # Whole seeds first: where time runs out, the seeds that are complete can still be compared.
    chosen = {
        result.name: finalists(result, _default(run, result.name), shape.configs)
        for result in results
    }
    return [
        Unit(space=space, rank=rank, seed=seed, fold=fold, config=_shortened(config, shape))
        for seed in seeds
        for fold in range(shape.folds)
        for space, configs in chosen.items()
        for rank, config in configs.items()
    ]


def _default(run: Prepared, name: str) -> Mapping[str, FlatValue]:
    space = next(space for space in run.spaces if space.name == name)
    return space.default_config(run.dataset.table.schema, run.scale)


def _shortened(config: Mapping[str, FlatValue], shape: Shape) -> Mapping[str, FlatValue]:
    epochs = max(1, round(int(config["schedule.epochs"]) * shape.epochs_share))
    return {**config, "schedule.epochs": epochs}


def _photo_seconds(record: TrialRecord, photos: int) -> float:
    return record.device_seconds / (record.epochs * photos)


def _key(config: Mapping[str, FlatValue]) -> tuple[tuple[str, FlatValue], ...]:
    return tuple(sorted(config.items()))
