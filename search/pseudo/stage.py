"""Pseudo-labels as a stage: chosen configs trained again with them, used where that wins."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from search.analysis.verdict.rules import (
    Rules,
)
from search.analysis.wording import plural
from search.console import say
from search.errors import UsageError
from search.prepare.dataset import ProgressBar, decode_images
from search.prepare.prepared import Prepared
from search.prepare.saved_run import load_run
from search.prepare.space_result import SpaceResult
from search.prepare.timeline import Timeline, within
from search.pseudo.labels import PseudoLabels
from search.pseudo.verdict import (
    PSEUDO_CONFIG,
    adopt,
    judge_spaces,
    labels_folder,
    print_pseudo,
    pseudo_files,
)
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles, RefitNote
from search.refit.pace import Pace
from search.refit.refitted import Refitted
from search.refit.stage import run_refit, train_units
from search.refit.units import BEST_CONFIG, DEFAULT_CONFIG, Folds, Unit, config_file
from search.store.names import as_file
from search.store.records import DEFAULT_NUMBER
from trainables.data.layouts import flat
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.data.schema import LabelSchema, own_name
from trainables.machine import Machine
from trainables.nearest import near

DEFAULT_THRESHOLD = 0.9


def read_thresholds(given: Sequence[str], schema: LabelSchema) -> dict[str, float]:
    """Returns the least probability of every attribute from `age=0.8` and the like.

    Raises:
        UsageError: not NAME=SHARE, an attribute that the data lacks, or no share in (0, 1].
    """
    found = dict.fromkeys(schema.names, DEFAULT_THRESHOLD)
    for text in given:
        column, _, number = text.rpartition("=")
        name = column if column in found else own_name(column)
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if name not in found or not 0 < share <= 1:
            meant = "" if name in found else near(name, found)
            raise UsageError(
                "a pseudo-label threshold is ATTRIBUTE=SHARE with a share above 0, at most 1, "
                f"and an attribute of {', '.join(schema.names)}; got {text!r}{meant}"
            )
        found[name] = share
    return found


def with_unlabelled(run: Prepared, progress: ProgressBar) -> Prepared:
    """Returns a run that asks for pseudo-labels with their photos, which are decoded.

    Raises:
        DataError: the folder holds no photos, or some that cannot be read.
        UsageError: it holds photos of the labelled data, or as `read_thresholds`.
    """
    if not run.config.pseudo_labels:
        return run
    unlabelled = flat.read(Path(run.config.pseudo_labels))
    check_unlabelled(unlabelled, run.dataset.table)
    read_thresholds(run.config.pseudo_thresholds, run.schema)
    photos = replace(run.setting, unlabelled=unlabelled).photos
    decode_images(photos, run.stored_size, run.cache_dir, Machine().cpus(), progress)
    said = f"{plural(unlabelled.num_samples, 'photo')} without labels in {unlabelled.root}"
    readings = (*run.readings, said, *unlabelled.notes)
    return replace(run, unlabelled=unlabelled, readings=readings)


def check_unlabelled(unlabelled: UnlabelledTable, labelled: SampleTable) -> None:
    """Raises UsageError where photos are both: an out-fold would be trained on.

    Copies of a photo are not found out.
    """
    known = {(labelled.root / path).resolve() for path in labelled.paths}
    shared = [path for path in unlabelled.paths if (unlabelled.root / path).resolve() in known]
    if shared:
        raise UsageError(
            "--pseudo-labels must be a folder of other photos than those with labels, got "
            f"{len(shared)} of the data's own in {unlabelled.root}, such as {shared[0]}; give "
            "another folder"
        )


def run_pseudo(
    run: Prepared, console: Console, seconds: float | None, timeline: Timeline | None = None
) -> None:
    """Trains with pseudo-labels, judges every space and keeps what wins for the later stages.

    Args:
        run: data, spaces, devices and unlabelled photos, without which nothing is done; its
            refit is.
        console: where to show progress and verdicts.
        seconds: wall-clock time after which no unit of a further seed starts; None is no limit.
        timeline: of the run, for what is shown; None begins now.

    Raises:
        ResultsError: a file of the refit or of the labels is torn.
    """
    if run.unlabelled is None:
        return
    refitted, chosen, units = _planned_units(run, run.unlabelled.fingerprint)
    folds, files = refitted.truth.folds, pseudo_files(run.store)
    if gone := _deleted_models([each for each in units if not files.is_done(each, folds)]):
        say(
            console,
            f"  {plural(len(gone), 'model')} of the refit that label the photos are deleted: "
            "trained again first (--keep-models keeps them)",
        )
        RefitFiles(run.store.predictions).forget(gone)
        run_refit(run, console, 0.0, timeline)
        refitted, chosen, units = _planned_units(run, run.unlabelled.fingerprint)
    began = time.monotonic()
    files.folder.mkdir(parents=True, exist_ok=True)
    sure = _whole_before(files, units, folds)
    notes, _ = train_units(
        run,
        console,
        units,
        folds,
        files=files,
        models=run.store.models,
        noun="pseudo-labels",
        unlabelled=run.unlabelled,
        is_over=lambda unit: (
            unit.seed not in sure[unit.space]
            and seconds is not None
            and time.monotonic() - began > seconds
        ),
        timeline=timeline or Timeline(began=began),
        pace=Pace(run.resources.slots, _planned(refitted, chosen, units)),
        stage_s=within(began, seconds),
    )
    for note in notes:
        say(console, f"  {note}")
    files.merge(units, folds)
    config_ids = {unit.space: chosen[unit.space] for unit in units}
    rules = Rules(margin=run.config.margin, seed=run.config.seed)
    verdicts = judge_spaces(refitted, config_ids, rules)
    adopt(refitted, config_ids, verdicts)
    print_pseudo(console, verdicts, config_ids)


def _whole_before(
    files: RefitFiles, units: Sequence[Unit], folds: Folds
) -> Mapping[str, frozenset[int]]:
    """Returns the seeds of every space that are trained at any price.

    Those are the first one, and all that were whole by the same labels: models may have been
    deleted since, and with fewer seeds what won would be lost.
    """
    known = {unit.space for unit in units if files.is_done(unit, folds)}
    return {
        space: frozenset({0}) | (files.seeds(space, PSEUDO_CONFIG) if space in known else set())
        for space in {unit.space for unit in units}
    }


def _planned_units(
    run: Prepared, unlabelled: str
) -> tuple[Refitted, Mapping[str, str], tuple[Unit, ...]]:
    """Returns the refit, the config of every space that is trained again, and its trainings."""
    refitted = Refitted.read(run.store, Lineup.of(run.schema, run.spaces))
    thresholds = read_thresholds(run.config.pseudo_thresholds, run.schema)
    chosen = {each.name: _config_id(refitted.note, each) for each in load_run(run.store).results}
    return refitted, chosen, tuple(_units(run, refitted, chosen, unlabelled, thresholds))


def _deleted_models(units: Sequence[Unit]) -> list[str]:
    """Returns the trainings of the refit whose models label photos, and are not there.

    An ensemble deletes the models that it does not use.
    """
    changes = (unit.change for unit in units if isinstance(unit.change, PseudoLabels))
    of_folds = {change.labels: change for change in changes}
    return [
        path.stem
        for change in of_folds.values()
        if not change.is_labelled
        for path in change.models
        if not path.is_file()
    ]


def _planned(
    refitted: Refitted, chosen: Mapping[str, str], units: Sequence[Unit]
) -> dict[str, float]:
    """Returns the seconds of a training by the name of its config, as the same took without."""
    taken = {space: refitted.files.seconds(space, its) for space, its in chosen.items()}
    return {
        unit.config_name: sum(taken[unit.space]) / len(taken[unit.space])
        for unit in units
        if taken[unit.space]
    }


def _config_id(note: RefitNote, result: SpaceResult) -> str:
    """Returns what the refit calls the config that the search of a space chose."""
    there = note.config_ids(result.name)
    is_default = result.best is None or result.best.number == DEFAULT_NUMBER
    first, second = (DEFAULT_CONFIG, BEST_CONFIG) if is_default else (BEST_CONFIG, DEFAULT_CONFIG)
    return first if first in there else second


def _units(
    run: Prepared,
    refitted: Refitted,
    chosen: Mapping[str, str],
    fingerprint: str,
    thresholds: Mapping[str, float],
) -> Iterator[Unit]:
    seeds = {name: refitted.seeds_of(name, config_id) for name, config_id in chosen.items()}
    for seed in sorted({seed for own in seeds.values() for seed in own}):
        for fold in range(refitted.num_folds):
            for space in run.spaces:
                if seed not in seeds[space.name]:
                    continue
                change = _change(
                    run, refitted, space.name, chosen[space.name], fold, fingerprint, thresholds
                )
                yield Unit(
                    space=space.name,
                    config_id=PSEUDO_CONFIG,
                    seed=seed,
                    fold=fold,
                    config=dict(change.config),
                    change=change,
                )


def _change(
    run: Prepared,
    refitted: Refitted,
    space: str,
    config_id: str,
    fold: int,
    unlabelled: str,
    thresholds: Mapping[str, float],
) -> PseudoLabels:
    mean, std = refitted.normalisation(space, config_id)
    name = config_file(space, config_id)
    models = [
        (run.store.models / f"{name}.{seed}.{fold}.safetensors").resolve()
        for seed in refitted.seeds
    ]
    labels = labels_folder(run.store).resolve() / f"{as_file(space)}.{fold}.npz"
    return PseudoLabels(
        unlabelled=unlabelled,
        thresholds=tuple(thresholds.items()),
        config=tuple(sorted(refitted.config(space, config_id).items())),
        models=tuple(models),
        mean=mean,
        std=std,
        labels=labels,
    )
