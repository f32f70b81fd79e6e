"""Controlled trainings of `--why full`: planned, trained and recorded after the refit."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console

from search.console import say
from search.errors import ResultsError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.saved_run import load_run
from search.prepare.space_result import SpaceResult
from search.prepare.timeline import Timeline, within
from search.refit.approaches import Lineup, spaces_of
from search.refit.files import RefitFiles, RefitNote
from search.refit.finalists import as_tried
from search.refit.pace import Pace
from search.refit.refitted import Refitted
from search.refit.stage import shortened, train_units
from search.refit.units import BEST_CONFIG, DEFAULT_CONFIG, Folds, Unit, config_name
from search.store.records import EPOCHS
from search.why.changes import attribute_to_flip
from search.why.controls import NAMES, ControlDesign, Training
from search.why.plan import ControlCosts, ControlPlan, PlannedControl, plan_controls
from search.why.record import WhyRecord, complete_part, refit_keys, why_files, write_record
from trainables.blocks import FlatValue

Configs = Mapping[str, Mapping[str, FlatValue]]


def run_why(
    run: Prepared, console: Console, seconds: float | None, timeline: Timeline | None = None
) -> None:
    """Trains what fits the time, and writes predictions/why.

    Args:
        run: data, spaces and devices; its refit is done.
        console: where to show progress.
        seconds: wall-clock time there is; None is no limit.
        timeline: of the run, for what is shown; None begins now.

    Raises:
        ResultsError: the refit is missing, or of a version that kept no configs.
    """
    began = time.monotonic()
    refitted = Refitted.read(run.store, Lineup.of(run.schema, run.spaces))
    folds, files = refitted.truth.folds, why_files(run.store)
    design = read_design(run, refitted)
    costs = control_costs(run, refitted, design, files)
    plan = plan_controls(design, costs, seconds)
    units = planned_units(design, plan)
    each = ((unit.config_name, costs.of_unit(design, unit)) for unit in units)
    planned = {name: taken for name, taken in each if taken}
    _say_plan(console, plan, len(units))
    models = files.folder / "models"
    notes, _ = train_units(
        run,
        console,
        units,
        folds,
        files=files,
        models=models,
        noun="control",
        is_over=lambda _: seconds is not None and time.monotonic() - began > seconds,
        done=lambda unit: (models / f"{unit.name}.safetensors").unlink(missing_ok=True),
        timeline=timeline or Timeline(began=began),
        pace=Pace(run.resources.slots, planned),
        stage_s=within(began, seconds),
    )
    shutil.rmtree(models, ignore_errors=True)
    parts = _begun_parts(design, plan, plan_controls(design, costs, None), files, folds)
    record_why(refitted, design, replace(plan, parts=parts), [*plan.cuts, *notes])


def record_why(
    refitted: Refitted, design: ControlDesign, plan: ControlPlan, notes: Sequence[str] = ()
) -> None:
    """Merges the trained units of a plan and writes `why.json`."""
    files, folds = why_files(refitted.store), refitted.truth.folds
    units = [unit for unit in planned_units(design, plan) if files.is_done(unit, folds)]
    files.folder.mkdir(parents=True, exist_ok=True)
    files.merge(units, folds, whole=False, mirrored=False)
    names = {unit.name for unit in units}
    found = [complete_part(design, part, lambda unit: unit.name in names) for part in plan.parts]
    record = WhyRecord(
        key=refit_keys(refitted)[0],
        winners={space: winner.config_id for space, winner in design.winners.items()},
        seeds=design.seeds,
        noisy=design.noisy,
        controls=tuple(control for control in found if control is not None),
        notes=tuple(notes),
    )
    write_record(refitted.store, record)


def read_design(run: Prepared, refitted: Refitted) -> ControlDesign:
    """Returns what the controls change; raises as `run_why`."""
    lineup, configs = refitted.lineup, refitted.note.configs
    used = spaces_of(lineup.approaches)
    if len(lineup.approaches) < 2 or not all(refitted.note.config_ids(space) for space in used):
        raise ResultsError(
            f"--why full needs a refit of two approaches with its configs, got "
            f"{', '.join(configs) or 'none'} in {run.store.root / RefitNote.FILE}; start a new "
            "run with --space all"
        )
    results = {result.name: result for result in load_run(run.store).results}
    # A refit that lacked the time has left the default config out; its controls need it anyway.
    share = refitted.note.shape.epochs_share
    defaults = {
        space: configs.get(
            config_name(space, DEFAULT_CONFIG),
            shortened(as_tried(results[space], run.default_config(space)), share),
        )
        for space in used
    }
    winners = {space: _winner(results[space], configs, defaults[space]) for space in used}
    return ControlDesign(
        lineup=lineup,
        winners=winners,
        defaults=defaults,
        seeds=_seeds(refitted, winners),
        num_folds=refitted.num_folds,
        noisy=attribute_to_flip(run.dataset.whole.table),
        seed=run.config.seed,
    )


def control_costs(
    run: Prepared, refitted: Refitted, design: ControlDesign, files: RefitFiles
) -> ControlCosts:
    """Returns what the winners' trainings took in the refit, and what is trained already."""
    seconds = {}
    for space, winner in design.winners.items():
        taken = refitted.files.seconds(space, winner.config_id)
        if not taken:
            raise ResultsError(
                f"--why full plans with what {config_name(space, winner.config_id)} took in the "
                f"refit, and {refitted.files.folder} has none of its trainings; put them back"
            )
        seconds[space] = float(np.mean(taken))
    costs = ControlCosts(seconds=seconds, slots=run.resources.slots)
    every = planned_units(design, plan_controls(design, costs, None))
    folds = refitted.truth.folds
    finished = frozenset(unit.name for unit in every if files.is_done(unit, folds))
    return replace(costs, finished=finished)


def _begun_parts(
    design: ControlDesign,
    plan: ControlPlan,
    every: ControlPlan,
    files: RefitFiles,
    folds: Folds,
) -> tuple[PlannedControl, ...]:
    """Returns the controls that are planned, or that an earlier start had time to begin."""
    planned = {part.control: part for part in plan.parts}
    found = []
    for part in every.parts:
        units = planned_units(design, replace(every, parts=(part,)))
        if any(files.is_done(unit, folds) for unit in units):
            found.append(part)
        elif part.control in planned:
            found.append(planned[part.control])
    return tuple(found)


def planned_units(design: ControlDesign, plan: ControlPlan) -> list[Unit]:
    """Returns the trainings of a plan: the most valuable control first, whole seeds first."""
    return [
        unit
        for part in plan.parts
        for seed in design.seeds_of(part.control, part.repeats)
        for fold in range(part.num_folds)
        for unit in design.units(part.control, seed, fold)
    ]


def _winner(result: SpaceResult, configs: Configs, default: Mapping[str, FlatValue]) -> Training:
    best = None if result.best is None else dict(result.best.config)
    # The refit may have shortened all schedules.
    is_default = best is None or {**best, EPOCHS: default[EPOCHS]} == default
    is_there = config_name(result.name, BEST_CONFIG) in configs
    config_id = BEST_CONFIG if is_there and not is_default else DEFAULT_CONFIG
    return Training(config_id=config_id, config=configs[config_name(result.name, config_id)])


def _seeds(refitted: Refitted, winners: Mapping[str, Training]) -> tuple[int, ...]:
    """Returns the seeds that all winners have."""
    found = [frozenset(refitted.seeds_of(s, winner.config_id)) for s, winner in winners.items()]
    common = frozenset.intersection(*found)
    if not common:
        raise ResultsError(
            f"--why full needs a seed of {', '.join(winners)} that the refit finished; resume the "
            "run"
        )
    return tuple(sorted(common))


def _say_plan(console: Console, plan: ControlPlan, num_units: int) -> None:
    names = ", ".join(NAMES[part.control] for part in plan.parts) or "nothing fits the time"
    about = format_duration(plan.seconds)
    say(console, f"Controlled trainings: {names}; {num_units} models, about {about}.")
    for cut in plan.cuts:
        say(console, f"  {cut}")
