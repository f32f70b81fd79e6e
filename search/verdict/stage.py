"""Stages 3 and 5: verdict and report from the files of a run; trains nothing, takes seconds."""

from dataclasses import replace

from rich.console import Console

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.analysis.verdict.outcomes import Rules
from search.refit.approaches import approaches_of
from search.refit.files import REFIT_FILE, read_predictions, read_truth
from search.store.run_store import RunStore
from search.tuning.saved_run import SavedRun, load_run
from search.verdict.board import write_refit_board
from search.verdict.conclusion import Conclusion, conclude
from search.verdict.console import print_verdict
from search.verdict.costs import approach_costs
from search.verdict.logged_reasons import Logged
from search.verdict.report_contents import gather, write_report
from search.why.reasons import controlled_reasons
from search.why.record import read_record

_ENSEMBLE = "ensemble/summary.json"  # search/ensemble/summary.py writes it, in the stage before


def conclude_run(store: RunStore, console: Console, margin: float | None = None) -> None:
    """Writes verdict, report and TensorBoard files of a run whose refit is done.

    They are `verdict.json`, `report.html`, `report.md` and `tensorboard/refit/`.

    Args:
        store: of the run.
        console: where to show the answer.
        margin: of equivalence; None is the one the run was started with.

    Raises:
        ResultsError: there are no refitted predictions, or fewer than two approaches.
    """
    run = load_run(store)
    conclusion = write_verdict(store, run, margin)
    truth = read_truth(store.predictions / "truth.csv")
    contents = gather(store, run, truth, conclusion)
    write_refit_board(store, contents.confusions, contents.curves)
    write_report(store, contents)
    print_verdict(console, conclusion.findings, store.root)


def write_verdict(store: RunStore, run: SavedRun, margin: float | None = None) -> Conclusion:
    """Judges the refitted predictions and writes `verdict.json`; raises as `conclude_run`."""
    truth = read_truth(store.predictions / "truth.csv")
    predictions = read_predictions(store.predictions, list(run.approach_of))
    config, refit = run.study["config"], store.read_json(REFIT_FILE)
    rules = Rules(
        margin=config["margin"] if margin is None else margin,
        seed=config["seed"],
    )
    names = approaches_of(run.approach_of, run.schema)
    conclusion = conclude(predictions, names, run.schema, truth, rules)
    logged = Logged(
        store=store,
        run=run,
        truth=truth,
        predictions=predictions,
        configs=refit.get("configs", {}),
        epochs_share=refit["shape"]["epochs_share"],
    )
    trained = read_record(store, truth)
    controlled = controlled_reasons(store, trained, run.schema, truth, rules.seed)
    said = [reason for part in conclusion.built for reason in logged.reasons(part)]
    ensemble = None
    if (store.root / _ENSEMBLE).is_file():
        ensemble = from_plain(EnsembleSummary, store.read_json(_ENSEMBLE))
    findings = replace(
        conclusion.findings.with_reasons([*controlled, *said]),
        costs=approach_costs(logged, conclusion.built),
        notes=(*refit["notes"], *(() if trained is None else trained.notes)),
        ensemble=ensemble,
    )
    findings.write(store.root / "verdict.json")
    return replace(conclusion, findings=findings)
