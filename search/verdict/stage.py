"""Stages 3 and 5: verdict and report from the files of a run; trains nothing, takes seconds."""

from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.analysis.verdict.recommendation import ACCEPT_LOSS
from search.analysis.verdict.rules import (
    Rules,
)
from search.console import say
from search.prepare.saved_run import SavedRun, load_run
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.store.commands import on_run, resume_command
from search.store.race_file import read_race
from search.store.reading import is_there, reading
from search.store.run_store import RunStore
from search.verdict.advice import advise
from search.verdict.board import write_refit_board
from search.verdict.conclusion import Conclusion, conclude
from search.verdict.console import print_verdict
from search.verdict.costs import approach_costs
from search.verdict.logged_reasons import Logged
from search.verdict.photos import Look, keep_photos, with_photos
from search.verdict.report_contents import gather, write_verdict
from search.verdict.winners import best_texts, winners
from search.why.reasons import controlled_reasons
from search.why.record import read_record

_ENSEMBLE = "ensemble/summary.json"  # search/ensemble/summary.py writes it, in the stage before


def conclude_run(
    store: RunStore,
    console: Console,
    margin: float | None = None,
    accept_loss: float | None = None,
    *,
    look: Look | None = None,
    no_photos: bool = False,
) -> None:
    """Writes verdict, report and TensorBoard files of a run whose refit is done.

    They are `verdict.json`, `report.html`, `report.md`, `tensorboard/refit/` and, in `best/`, what
    the refit chose. `margin` is that of equivalence, `accept_loss` the macro-F1 that may be lost
    for a cheaper approach; None is the one the run was started with.

    Args:
        store: of the run.
        console: where to say the verdict.
        margin: of equivalence.
        accept_loss: macro-F1 that may be lost.
        look: at the photos; what it finds is kept for the next report. None shows what is kept.
        no_photos: whether the report shows none, and no new ones are kept.

    Raises:
        ResultsError: there are no refitted predictions, or fewer than two approaches.
    """
    run = load_run(store)
    refitted = Refitted.read(store, Lineup.of_study(run.study))
    conclusion = judge_run(run, refitted, margin, accept_loss)
    best = winners(run, refitted, conclusion)
    before = _best_files(store, best)
    texts = best_texts(run, refitted, best)
    best = {space: best[space] for space in texts}
    contents = gather(run, refitted, conclusion, best)
    if look is not None:
        keep_photos(store, look, contents.examples, no_photos=no_photos)
    contents = with_photos(store, contents, no_photos=no_photos)
    # Before the verdict: where the disk fails, all that is read still says what it said.
    write_refit_board(store, contents.confusions, contents.curves)

    def unchanged() -> dict[str, str]:
        """Returns the texts but where a search that goes on has chosen meanwhile."""
        now = _best_files(store, texts)
        return {space: text for space, text in texts.items() if now[space] == before[space]}

    write_verdict(store, conclusion.findings, contents, unchanged)
    if changed := [each.space for each in contents.configs if each.is_of_refit]:
        say(console, f"The refit chose another config than the search in: {', '.join(changed)}.")
    print_verdict(console, conclusion.findings, store.root)


def _best_files(store: RunStore, spaces: Iterable[str]) -> dict[str, bytes | None]:
    """Returns what `best/<space>.yaml` holds; None where there is none."""
    found: dict[str, bytes | None] = {}
    for space in spaces:
        path = store.best_path(space)
        with reading(path, "resume the run"):
            found[space] = path.read_bytes() if is_there(path) else None
    return found


def judge_run(
    run: SavedRun,
    refitted: Refitted,
    margin: float | None = None,
    accept_loss: float | None = None,
) -> Conclusion:
    """Judges the refitted predictions; raises as `conclude_run`."""
    store, config = refitted.store, run.study["config"]
    rules = Rules(
        margin=config["margin"] if margin is None else margin,
        seed=config["seed"],
    )
    conclusion = conclude(refitted, rules)
    logged = Logged(run=run, refitted=refitted)
    trained = read_record(refitted)
    controlled = controlled_reasons(refitted, trained, rules.seed)
    said = [reason for part in conclusion.built for reason in logged.reasons(part)]
    ensemble, outdated = _ensemble_of(refitted)
    costs = approach_costs(logged, conclusion.built)
    # Runs of before had no such option.
    accepted = config.get("accept_loss", ACCEPT_LOSS)
    findings = replace(
        conclusion.findings.with_reasons([*controlled, *said]),
        costs=costs,
        notes=(
            *refitted.note.notes,
            *(() if trained is None else trained.notes),
            *(left.sentence for left in read_race(store)),
            *outdated,
        ),
        ensemble=ensemble,
        advice=advise(
            conclusion.findings.verdict,
            costs,
            refitted,
            accept_loss=accepted if accept_loss is None else accept_loss,
            ensemble=ensemble,
        ),
    )
    return replace(conclusion, findings=findings)


def _ensemble_of(refitted: Refitted) -> tuple[EnsembleSummary | None, tuple[str, ...]]:
    """Returns the ensemble of a refit, and a note where there is but one of other predictions."""
    found = read_ensemble(refitted.store)
    if found is None or found.refit is None or found.refit == refitted.key:
        return found, ()
    return None, (
        "the ensemble there is was built from other trainings than these, so it is left out; "
        f"{resume_command(refitted.store)} builds it anew",
    )


def read_ensemble(store: RunStore) -> EnsembleSummary | None:
    """Returns what the ensemble of a run is and gains; None where it has none.

    Raises:
        ResultsError: its summary cannot be read.
    """
    path = store.root / _ENSEMBLE
    if not is_there(path):
        return None
    way_out = f"build the ensemble again with: {on_run('ensemble', store)}"
    with reading(path, way_out):
        return from_plain(EnsembleSummary, store.read_json(_ENSEMBLE, way_out))
