"""Controlled trainings of `--why full`: planned, trained and recorded after the refit."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from search.console import StepBar
from search.errors import ResultsError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared, SpaceResult
from search.refit.approaches import approaches_of
from search.refit.files import DEFAULT_CONFIG, REFIT_FILE, Truth, read_truth
from search.refit.pool import run_units
from search.refit.units import Folds, Unit
from search.store.records import FlatValue
from search.store.run_store import RunStore
from search.why.changes import attribute_to_flip
from search.why.controls import NAMES, Refitted, Training
from search.why.plan import WhyCosts, WhyPlan, plan_why
from search.why.record import WhyRecord, complete_part, merge_units, refit_key, write_record

Configs = Mapping[str, Mapping[str, FlatValue]]


def run_why(
    run: Prepared,
    store: RunStore,
    results: Sequence[SpaceResult],
    console: Console,
    seconds: float | None,
) -> None:
    """Trains what fits the time, and writes predictions/why.

    Args:
        run: data, spaces and devices.
        store: of the run, with a finished refit.
        results: of the search.
        console: where to show progress.
        seconds: wall-clock time there is; None is no limit.

    Raises:
        ResultsError: the refit is missing, or of a version that kept no configs.
    """
    began = time.monotonic()
    truth = read_truth(store.predictions / "truth.csv")
    folds = Folds(of_sample=truth.fold, num_folds=int(truth.fold.max()) + 1)
    refitted = read_refitted(run, store, results, folds)
    parts, models = store.predictions / "why" / "parts", store.predictions / "why" / "models"
    plan = plan_why(refitted, why_costs(run, store, refitted, folds, parts), seconds)
    units = planned_units(refitted, plan)
    _say_plan(console, plan, len(units))
    notes = list(plan.cuts)
    bar = StepBar(console, f"training {len(units)} controls")
    done = 0
    for end in run_units(
        units,
        folds,
        run.setting,
        run.resources,
        seed=run.config.seed,
        parts=parts.resolve(),
        models=models.resolve(),
        is_over=lambda _: seconds is not None and time.monotonic() - began > seconds,
    ):
        done += 1
        bar(done, len(units))
        (models / f"{end.unit.name}.safetensors").unlink(missing_ok=True)
        if end.error:
            notes.append(f"control {end.unit.name} failed: {end.error.splitlines()[0]}")
    if done < len(units):
        notes.append(f"{len(units) - done} of {len(units)} controls did not fit the time")
    shutil.rmtree(models, ignore_errors=True)
    record_why(store, truth, refitted, plan, folds, notes)


def record_why(
    store: RunStore,
    truth: Truth,
    refitted: Refitted,
    plan: WhyPlan,
    folds: Folds,
    notes: Sequence[str] = (),
) -> None:
    """Merges the trained units of a plan and writes `why.json`.

    Args:
        store: of the run.
        truth: of the refit.
        refitted: what the refit left.
        plan: what was to be trained.
        folds: of the refit.
        notes: what was cut or broke.
    """
    why = store.predictions / "why"
    units = [unit for unit in planned_units(refitted, plan) if folds.is_done(unit, why / "parts")]
    why.mkdir(parents=True, exist_ok=True)
    merge_units(why, units, folds)
    names = {unit.name for unit in units}
    found = [complete_part(refitted, part, lambda unit: unit.name in names) for part in plan.parts]
    record = WhyRecord(
        key=refit_key(store, truth),
        winners={space: winner.config_id for space, winner in refitted.winners.items()},
        seeds=refitted.seeds,
        noisy=refitted.noisy,
        controls=tuple(control for control in found if control is not None),
        notes=tuple(notes),
    )
    write_record(store, record)


def read_refitted(
    run: Prepared, store: RunStore, results: Sequence[SpaceResult], folds: Folds
) -> Refitted:
    """Returns what the refit left to build on; raises as `run_why`."""
    configs: Configs = store.read_json(REFIT_FILE).get("configs", {})
    schema = run.dataset.table.schema
    approach_of = {result.name: result.approach for result in results}
    approaches = approaches_of(approach_of, schema)
    used = [result for result in results if result.approach in approaches]
    if len(approaches) < 2 or any(f"{r.name}.{DEFAULT_CONFIG}" not in configs for r in used):
        raise ResultsError(
            f"--why full needs a refit of two approaches with its configs, got "
            f"{', '.join(configs) or 'none'} in {store.root / REFIT_FILE}; start a new run with "
            "--space all"
        )
    winners = {result.name: _winner(result, configs) for result in used}
    config_ids = {space: winner.config_id for space, winner in winners.items()}
    return Refitted(
        attributes=schema.names,
        approaches=approaches,
        winners=winners,
        defaults={result.name: configs[f"{result.name}.{DEFAULT_CONFIG}"] for result in used},
        seeds=_seeds(store.predictions, config_ids),
        num_folds=folds.num_folds,
        noisy=attribute_to_flip(run.dataset.table),
        seed=run.config.seed,
    )


def why_costs(
    run: Prepared, store: RunStore, refitted: Refitted, folds: Folds, parts: Path
) -> WhyCosts:
    """Returns what the winners' trainings took in the refit, and what is trained already."""
    seconds = {}
    for space, winner in refitted.winners.items():
        taken = []
        for path in (store.predictions / "parts").glob(f"{space}.{winner.config_id}.*.*.npz"):
            with np.load(path) as part:
                taken.append(float(part["seconds"]))
        if not taken:
            raise ResultsError(
                f"--why full plans with what {space}.{winner.config_id} took in the refit, and "
                f"{store.predictions / 'parts'} has none of it; put it back"
            )
        seconds[space] = float(np.mean(taken))
    plan = plan_why(refitted, WhyCosts(seconds=seconds, slots=run.resources.slots), None)
    finished = {u.name for u in planned_units(refitted, plan) if folds.is_done(u, parts)}
    return WhyCosts(seconds=seconds, slots=run.resources.slots, finished=frozenset(finished))


def planned_units(refitted: Refitted, plan: WhyPlan) -> list[Unit]:
    """Returns the trainings of a plan: the most valuable control first, whole seeds first."""
    return [
        unit
        for part in plan.parts
        for seed in refitted.seeds_of(part.control, part.repeats)
        for fold in range(part.num_folds)
        for unit in refitted.units(part.control, seed, fold)
    ]


def _winner(result: SpaceResult, configs: Configs) -> Training:
    default = configs[f"{result.name}.{DEFAULT_CONFIG}"]
    best = None if result.best is None else dict(result.best.config)
    # The refit may have shortened all schedules.
    is_default = best is None or {**best, "schedule.epochs": default["schedule.epochs"]} == default
    config_id = DEFAULT_CONFIG if is_default or f"{result.name}.1" not in configs else "1"
    return Training(config_id=config_id, config=configs[f"{result.name}.{config_id}"])


def _seeds(predictions: Path, config_ids: Mapping[str, str]) -> tuple[int, ...]:
    """Returns the seeds that the files of all winners have."""
    found = []
    for space, config_id in config_ids.items():
        names = (path.name for path in predictions.glob(f"{space}.{config_id}.*.npz"))
        seeds = (name.rsplit(".", 2)[1] for name in names)
        found.append({int(seed) for seed in seeds if seed.isdigit()})
    common = set.intersection(*found)
    if not common:
        raise ResultsError(
            f"--why full needs a seed of {', '.join(config_ids)} that the refit finished; resume "
            "the run"
        )
    return tuple(sorted(common))


def _say_plan(console: Console, plan: WhyPlan, num_units: int) -> None:
    names = ", ".join(NAMES[part.control] for part in plan.parts) or "nothing fits the time"
    console.print(
        f"Controlled trainings: {names}; {num_units} models, about "
        f"{format_duration(plan.seconds)}.",
        highlight=False,
        soft_wrap=True,
    )
    for cut in plan.cuts:
        console.print(f"  {cut}", highlight=False, soft_wrap=True)
