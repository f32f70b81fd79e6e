"""The folder of an ensemble, swapped whole, and the models it takes from a refit."""

import shutil
from pathlib import Path, PurePosixPath

from search.analysis.ensemble.nested import Finding
from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.metrics import person_index
from search.analysis.plain import to_plain
from search.ensemble.model_card import write_model_card
from search.ensemble.summary import SUMMARY_FILE
from search.errors import ResultsError
from search.predict.oof import OutOfFold
from search.predict.spec import MEMBERS_FOLDER, EnsembleSpec
from search.refit.truth import Truth
from search.store.files import replaced, write_json
from search.store.run_store import RunStore

ENSEMBLE_FOLDER = "ensemble"


class MissingModelsError(ResultsError):
    """Models that the ensemble needs were deleted; `units` are the names of their trainings."""

    def __init__(self, message: str, *, units: tuple[str, ...]) -> None:
        super().__init__(message)
        self.units = units


def prune_models(store: RunStore, spec: EnsembleSpec) -> int:
    """Deletes the fold models that an ensemble does not use; returns how many."""
    used = {PurePosixPath(file).name for file in spec.files}
    unused = [path for path in store.models.glob("*.safetensors") if path.name not in used]
    for path in unused:
        path.unlink()
    return len(unused)


def write_folder(
    store: RunStore, spec: EnsembleSpec, finding: Finding, truth: Truth, summary: EnsembleSummary
) -> None:
    """Writes the whole folder in place of an older one, or leaves that as it is.

    Raises:
        MissingModelsError: models that the ensemble needs were deleted.
    """
    _check_models(store, spec)
    with replaced(store.root / ENSEMBLE_FOLDER) as folder:
        (folder / MEMBERS_FOLDER).mkdir()
        for file in spec.files:
            _link(store.models / PurePosixPath(file).name, folder / file)
        OutOfFold(
            label=truth.label,
            person=person_index(truth.group)[0],
            probs=finding.nested.probs,
            predicted=finding.nested.predicted,
        ).write(folder)
        write_json(folder / SUMMARY_FILE, to_plain(summary))
        spec.write(folder)
        write_model_card(folder)


def _check_models(store: RunStore, spec: EnsembleSpec) -> None:
    names = [PurePosixPath(file).stem for file in spec.files]
    missing = [name for name in names if not (store.models / f"{name}.safetensors").is_file()]
    if missing:
        parts = sorted({name.rsplit(".", 1)[0] + ".*.npz" for name in missing})
        raise MissingModelsError(
            f"the ensemble needs {len(names)} models of the refit, and {len(missing)} of them are "
            f"not in {store.models}: without --keep-models a run deletes those that its "
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
