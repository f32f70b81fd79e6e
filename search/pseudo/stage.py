"""Pseudo-labels as a stage: every space's best config trained again with them, used if it wins."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from search.console import StepBar
from search.errors import ResultsError, UsageError
from search.prepare.prepared import Prepared
from search.pseudo.labels import PseudoLabels
from search.pseudo.verdict import PSEUDO_CONFIG, adopt, judge_spaces, labels_folder, print_pseudo
from search.refit.files import (
    DEFAULT_CONFIG,
    REFIT_FILE,
    merge_predictions,
    read_truth,
    unit_notes,
)
from search.refit.pool import run_units
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from trainables.data.layouts import flat
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.data.schema import LabelSchema

DEFAULT_THRESHOLD = 0.9


def read_thresholds(given: Sequence[str], schema: LabelSchema) -> dict[str, float]:
    """Returns the least probability of every attribute from `age=0.8` and the like.

    Raises:
        UsageError: not NAME=SHARE, an attribute that the data lacks, or no share in (0, 1].
    """
    found = dict.fromkeys(schema.names, DEFAULT_THRESHOLD)
    for text in given:
        name, _, number = text.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if name not in found or not 0 < share <= 1:
            raise UsageError(
                "a pseudo-label threshold is ATTRIBUTE=SHARE with a share above 0, at most 1, "
                f"and an attribute of {', '.join(schema.names)}; got {text!r}"
            )
        found[name] = share
    return found


def check_pseudo(run: Prepared) -> None:
    """Raises where a run asks for pseudo-labels and folder or thresholds are none.

    Raises:
        DataError: the folder holds no photos.
        UsageError: it holds photos of the labelled data, or as `read_thresholds`.
    """
    if run.config.pseudo_labels:
        check_unlabelled(flat.read(Path(run.config.pseudo_labels)), run.dataset.table)
        read_thresholds(run.config.pseudo_thresholds, run.dataset.table.schema)


def check_unlabelled(unlabelled: UnlabelledTable, labelled: SampleTable) -> None:
    """Raises UsageError where photos are both: an out-fold would be trained on.

    Copies of a photo are not found out.

    Args:
        unlabelled: the folder of `--pseudo-labels`.
        labelled: the data of the run.
    """
    known = {(labelled.root / path).resolve() for path in labelled.paths}
    shared = [path for path in unlabelled.paths if (unlabelled.root / path).resolve() in known]
    if shared:
        raise UsageError(
            "--pseudo-labels must be a folder of other photos than those with labels, got "
            f"{len(shared)} of the data's own in {unlabelled.root}, such as {shared[0]}; give "
            "another folder"
        )


def run_pseudo(run: Prepared, store: RunStore, console: Console, seconds: float | None) -> None:
    """Trains with pseudo-labels, judges every space and keeps what wins for the later stages.

    Args:
        run: data, spaces and devices; its config names the unlabelled folder.
        store: of a run whose refit is done.
        console: where to show progress and verdicts.
        seconds: wall-clock time after which no unit of a further seed starts; None is no limit.

    Raises:
        DataError: the folder holds no photos, or one cannot be read.
        ResultsError: models of the refit that give the labels are deleted.
    """
    schema = run.dataset.table.schema
    thresholds = read_thresholds(run.config.pseudo_thresholds, schema)
    truth = read_truth(store.predictions / "truth.csv")
    folds = Folds(of_sample=truth.fold, num_folds=int(truth.fold.max()) + 1)
    units = list(_units(run, store, folds, thresholds))
    _train(run, store, console, units, folds, seconds)
    config_ids = {unit.space: _config_id(store, unit.space) for unit in units}
    verdicts = judge_spaces(store, config_ids, schema, truth, run.config.seed)
    adopt(store, config_ids, verdicts)
    print_pseudo(console, verdicts)


def _config_id(store: RunStore, space: str) -> str:
    """Returns the config_id of a space's best config; the default where it is the only one."""
    configs = store.read_json(REFIT_FILE)["configs"]
    return "1" if f"{space}.1" in configs else DEFAULT_CONFIG


def _units(
    run: Prepared, store: RunStore, folds: Folds, thresholds: Mapping[str, float]
) -> Iterator[Unit]:
    refit = store.read_json(REFIT_FILE)
    unlabelled = flat.read(Path(run.config.pseudo_labels))
    for seed in range(refit["shape"]["seeds"]):
        for fold in range(folds.num_folds):
            for space in run.spaces:
                change = _change(run, store, space.name, fold, unlabelled, thresholds)
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
    store: RunStore,
    space: str,
    fold: int,
    unlabelled: UnlabelledTable,
    thresholds: Mapping[str, float],
) -> PseudoLabels:
    refit, config_id = store.read_json(REFIT_FILE), _config_id(store, space)
    note = unit_notes(store, space, config_id, num_seeds=1, num_folds=1)[0]
    models = [
        (store.root / "models" / f"{space}.{config_id}.{seed}.{fold}.safetensors").resolve()
        for seed in range(refit["shape"]["seeds"])
    ]
    labels = labels_folder(store).resolve() / f"{space}.{fold}.npz"
    missing = [path for path in models if not path.is_file()]
    if missing and not labels.is_file():
        raise ResultsError(
            f"pseudo-labels come from the models of the refit, and {missing[0]} is deleted; give "
            "--pseudo-labels with a new run, or run with --keep-models first"
        )
    return PseudoLabels(
        unlabelled=unlabelled,
        stored_size=run.setting.stored_size,
        cache_dir=run.setting.cache_dir,
        thresholds=tuple(thresholds.items()),
        config=tuple(sorted(refit["configs"][f"{space}.{config_id}"].items())),
        models=tuple(models),
        mean=tuple(note["mean"]),
        std=tuple(note["std"]),
        labels=labels,
    )


def _train(
    run: Prepared,
    store: RunStore,
    console: Console,
    units: Sequence[Unit],
    folds: Folds,
    seconds: float | None,
) -> None:
    began = time.monotonic()
    folder = store.predictions / PSEUDO_CONFIG
    folder.mkdir(parents=True, exist_ok=True)
    bar = StepBar(console, f"training {len(units)} models with pseudo-labels")
    ends = run_units(
        units,
        folds,
        run.setting,
        run.resources,
        seed=run.config.seed,
        parts=(folder / "parts").resolve(),
        models=(store.root / "models").resolve(),
        is_over=lambda unit: (
            unit.seed > 0 and seconds is not None and time.monotonic() - began > seconds
        ),
    )
    for done, end in enumerate(ends, start=1):
        bar(done, len(units))
        if end.error:
            line = f"  {end.unit.name} failed: {end.error.splitlines()[0]}"
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    merge_predictions(folder, folder / "parts", units, folds)
