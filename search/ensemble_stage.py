"""Stage 4: the ensemble of a finished refit, from its files; trains nothing."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console

from search.analysis.approaches.build import Built
from search.analysis.ensemble.gain import Rival
from search.analysis.ensemble.nested import Finding, find_ensemble
from search.analysis.ensemble.weights import Limit
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import person_index
from search.ensemble_members import CHOSEN, make_candidates, member_of
from search.ensemble_sources import Refit, read_refit
from search.ensemble_summary import SUMMARY_FILE, print_ensemble, summary_of, summary_text
from search.errors import ResultsError
from search.model_card import write_model_card
from search.predict.oof import OutOfFold
from search.predict.spec import MEMBERS_FOLDER, EnsembleSpec
from search.refit.approaches import approaches_of, build_approaches, spaces_of
from search.refit.files import Truth, read_truth
from search.store.files import write_text
from search.store.run_store import RunStore
from trainables.data.schema import LabelSchema

ENSEMBLE_FOLDER = "ensemble"


class MissingModelsError(ResultsError):
    """Models that the ensemble needs were deleted; `units` are the names of their trainings."""

    def __init__(self, message: str, *, units: tuple[str, ...]) -> None:
        super().__init__(message)
        self.units = units


def build_ensemble(
    store: RunStore,
    console: Console,
    *,
    max_members: int | None = None,
    max_ms: float | None = None,
    keep_models: bool = True,
) -> EnsembleSpec:
    """Writes `ensemble/` of a run whose refit is done, in place of an older one.

    The caller holds the run's lock.

    Args:
        store: of the run.
        console: where to show members, scores and gains.
        max_members: different members at most.
        max_ms: milliseconds at most to serve a photo on this machine.
        keep_models: False deletes the fold models that the ensemble does not use.

    Raises:
        ResultsError: there is no refit, or one of an older headrace.
        MissingModelsError: models that the ensemble needs were deleted.
        AnalysisError: a limit is not positive, or no member keeps within it.
    """
    limit = Limit(max_members=max_members, max_ms=max_ms)
    study = store.read_study()
    schema = LabelSchema.from_dict(study["data"]["schema"])
    truth = read_truth(store.predictions / "truth.csv")
    refit, built = _approaches(store, study["approaches"], schema, truth)
    candidates = make_candidates(refit, built, truth, schema, store)
    finding = find_ensemble(
        candidates,
        truth.label,
        truth.group,
        CrossFit.of_people(truth.fold, truth.group, truth.held_out),
        [_rival(part, refit) for part in built],
        limit=limit,
        seed=int(study["config"]["seed"]),
    )
    spec = _spec(store, study, schema, refit, finding)
    summary = summary_of(spec, finding, candidates, refit, truth)
    _write(store, spec, finding, truth, summary)
    if not keep_models:
        prune_models(store, spec)
    print_ensemble(console, summary, store.root / ENSEMBLE_FOLDER)
    return spec


def prune_models(store: RunStore, spec: EnsembleSpec) -> int:
    """Deletes the fold models that an ensemble does not use; returns how many.

    Args:
        store: of the run.
        spec: of its ensemble.
    """
    used = {PurePosixPath(file).name for file in spec.files}
    unused = [path for path in _models(store).glob("*.safetensors") if path.name not in used]
    for path in unused:
        path.unlink()
    return len(unused)


def forget_units(store: RunStore, units: Iterable[str]) -> None:
    """Deletes what finished trainings left, so that a refit trains them again.

    Args:
        store: of the run.
        units: names of the trainings, as `MissingModelsError` has them.
    """
    for unit in units:
        for path in store.predictions.rglob(f"parts/{unit}.npz"):
            path.unlink()


def _approaches(
    store: RunStore, approach_of: Mapping[str, str], schema: LabelSchema, truth: Truth
) -> tuple[Refit, tuple[Built, ...]]:
    names = approaches_of(approach_of, schema)
    if not names:
        raise ResultsError(
            f"an ensemble needs all spaces of an approach, got {', '.join(approach_of)}; run "
            "--space all"
        )
    spaces = [space for name in names for space in spaces_of(name, schema)]
    refit = read_refit(store, spaces, num_folds=int(truth.fold.max()) + 1)
    return refit, build_approaches(refit.plain, names, schema, truth)


def _rival(part: Built, refit: Refit) -> Rival:
    return Rival(
        name=part.name,
        predicted=part.probs.mean(axis=0).argmax(axis=1),
        members=tuple(f"{part.name}.{CHOSEN}.{seed}" for seed in refit.seeds),
    )


def _spec(
    store: RunStore, study: dict[str, Any], schema: LabelSchema, refit: Refit, finding: Finding
) -> EnsembleSpec:
    best = next(gain for gain in finding.gains if gain.approach == finding.best)
    data, fitted = study["data"], finding.fitted
    height, width = data["stored_size"]
    return EnsembleSpec(
        run=store.root.resolve().name,
        labels=schema,
        stored_size=(height, width),
        members=tuple(member_of(member, refit, schema) for member in fitted.members),
        mirrored=fitted.mirrored,
        biases=fitted.biases,
        score={
            **finding.score.to_dict(),
            "without_biases": finding.score_without_biases.to_dict(),
            "best_approach": finding.best,
            "gain": best.difference.value,
            "gain_interval": [best.difference.low, best.difference.high],
            "fell_back": finding.fell_back,
        },
        people=data["people"],
        photos=data["photos"],
        fingerprint=data["fingerprint"],
        selection=fitted.selection.value,
        versions=study["versions"],
    )


def _write(
    store: RunStore, spec: EnsembleSpec, finding: Finding, truth: Truth, summary: dict[str, Any]
) -> None:
    _check_models(store, spec)
    with _replaced(store.root / ENSEMBLE_FOLDER) as folder:
        (folder / MEMBERS_FOLDER).mkdir()
        for file in spec.files:
            _link(_models(store) / PurePosixPath(file).name, folder / file)
        OutOfFold(
            label=truth.label,
            person=person_index(truth.group)[0],
            probs=finding.nested.probs,
            predicted=finding.nested.predicted,
        ).write(folder)
        write_text(folder / SUMMARY_FILE, summary_text(summary))
        spec.write(folder)
        write_model_card(folder)


def _models(store: RunStore) -> Path:
    return store.root / "models"


def _check_models(store: RunStore, spec: EnsembleSpec) -> None:
    names = [PurePosixPath(file).stem for file in spec.files]
    missing = [name for name in names if not (_models(store) / f"{name}.safetensors").is_file()]
    if missing:
        parts = sorted({name.rsplit(".", 1)[0] + ".*.npz" for name in missing})
        raise MissingModelsError(
            f"the ensemble needs {len(names)} models of the refit, and {len(missing)} of them are "
            f"not in {_models(store)}: without --keep-models a run deletes those that its "
            f"ensemble does not use; delete {', '.join(parts)} in {store.predictions / 'parts'} "
            "and resume the run with --keep-models, which trains them again",
            units=tuple(missing),
        )


def _link(source: Path, target: Path) -> None:
    # Models are only ever replaced or deleted, never changed, so two names may share one file.
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `folder` where the block ends well."""
    temporary, older = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    _restore(folder, older)  # of a process that was killed
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            folder.rename(older)
        temporary.rename(folder)
    finally:
        _restore(folder, older)
        shutil.rmtree(temporary, ignore_errors=True)


def _restore(folder: Path, older: Path) -> None:
    """Puts the older folder back where nothing has taken its place, and deletes it otherwise."""
    if older.exists() and not folder.exists():
        older.rename(folder)
    shutil.rmtree(older, ignore_errors=True)
