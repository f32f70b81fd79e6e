"""Stage 4: the ensemble of a finished refit, from its files; trains nothing."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from search.analysis.approaches.build import JointPredictions
from search.analysis.ensemble.gain import Baseline
from search.analysis.ensemble.nested import Finding, find_ensemble
from search.analysis.ensemble.weights import Limit
from search.ensemble.folder import ENSEMBLE_FOLDER, prune_models, write_folder
from search.ensemble.members import CHOSEN, make_candidates, member_of
from search.ensemble.summary import print_ensemble, summary_of
from search.errors import ResultsError
from search.predict.spec import EnsembleSpec
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.store.reading import reading
from search.store.run_store import RunStore
from trainables.data.image_decoding import MAX_PIXELS


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
    lineup = Lineup.of_study(study)
    Truth.read(store.predictions)  # before anything else, so that a run without refit is told so
    if not lineup.approaches:
        raise ResultsError(
            f"an ensemble needs all spaces of an approach, got {', '.join(lineup.blocks)}; run "
            "--space all"
        )
    refitted = Refitted.read(store, lineup)
    built = refitted.build()
    with reading(store.predictions / "truth.csv", "copy the run whole"):
        cross_fit = refitted.truth.cross_fit
    candidates = make_candidates(refitted, built, here=max_ms is not None)
    finding = find_ensemble(
        candidates,
        refitted.people,
        cross_fit,
        [_baseline(approach, refitted) for approach in built],
        limit=limit,
        seed=int(study["config"]["seed"]),
    )
    spec = _spec(refitted, study, finding)
    summary = summary_of(spec, finding, candidates, refitted)
    write_folder(store, spec, finding, refitted.truth, summary)
    if not keep_models:
        prune_models(store, spec)
    print_ensemble(console, summary, store.root / ENSEMBLE_FOLDER)
    return spec


def _baseline(approach: JointPredictions, refitted: Refitted) -> Baseline:
    return Baseline(
        name=approach.name,
        predicted=approach.probs.mean(axis=0).argmax(axis=1),
        members=tuple(f"{approach.name}.{CHOSEN}.{seed}" for seed in refitted.seeds),
    )


def _spec(refitted: Refitted, study: Mapping[str, Any], finding: Finding) -> EnsembleSpec:
    best = next(gain for gain in finding.gains if gain.approach == finding.best)
    data, fitted = study["data"], finding.fitted
    height, width = data["stored_size"]
    return EnsembleSpec(
        run=refitted.store.root.resolve().name,
        labels=refitted.lineup.schema,
        stored_size=(height, width),
        members=tuple(member_of(member, refitted) for member in fitted.members),
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
        max_pixels=data.get("max_pixels", MAX_PIXELS),
    )
