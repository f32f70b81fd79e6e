"""Stage 4: the ensemble of a finished refit, from its files; trains nothing."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from search.analysis.approaches.build import JointPredictions
from search.analysis.ensemble.gain import Baseline
from search.analysis.ensemble.nested import Finding, find_ensemble
from search.analysis.ensemble.weights import Limit
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.ensemble.folder import ENSEMBLE_FOLDER, _write, prune_models
from search.ensemble.members import CHOSEN, make_candidates, member_of
from search.ensemble.sources import Refit, read_refit
from search.ensemble.summary import print_ensemble, summary_of
from search.errors import ResultsError
from search.predict.spec import EnsembleSpec
from search.refit.approaches import approaches_of, build_approaches, spaces_of
from search.refit.files import Truth, read_truth
from search.store.run_store import RunStore
from trainables.data.schema import LabelSchema


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
        People(label=truth.label, person=truth.group, num_classes=schema.num_joint),
        CrossFit.of_people(truth.fold, truth.group, truth.held_out),
        [_baseline(part, refit) for part in built],
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


def _approaches(
    store: RunStore, approach_of: Mapping[str, str], schema: LabelSchema, truth: Truth
) -> tuple[Refit, tuple[JointPredictions, ...]]:
    names = approaches_of(approach_of, schema)
    if not names:
        raise ResultsError(
            f"an ensemble needs all spaces of an approach, got {', '.join(approach_of)}; run "
            "--space all"
        )
    spaces = [space for name in names for space in spaces_of(name, schema)]
    refit = read_refit(store, spaces, num_folds=int(truth.fold.max()) + 1)
    return refit, build_approaches(refit.plain, names, schema, truth)


def _baseline(part: JointPredictions, refit: Refit) -> Baseline:
    return Baseline(
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
