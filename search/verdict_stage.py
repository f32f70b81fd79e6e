"""Stages 3 and 5: verdict and report from the files of a run; trains nothing, takes seconds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console

from search.analysis.verdict import Rules
from search.conclude import Conclusion, approaches_of, conclude, verdict_json
from search.oof import read_predictions, read_truth
from search.pages import gather, write_report
from search.records import TrialRecord
from search.refit_stage import REFIT_FILE
from search.saved_run import SavedRun, load_run
from search.store import RunStore, write_text
from search.summary import print_verdict


def conclude_run(store: RunStore, console: Console, margin: float | None = None) -> None:
    """Writes `verdict.json`, `report.html` and `report.md` of a run whose refit is done.

    Args:
        store: of the run.
        console: where to show the answer.
        margin: of equivalence; None is the one the run was started with.

    Raises:
        ResultsError: there are no refitted predictions, or fewer than two approaches.
    """
    run = load_run(store)
    conclusion = write_verdict(store, run, margin)
    verdict = store.read_json("verdict.json")
    truth = read_truth(store.predictions / "truth.csv")
    write_report(store, gather(store, run, truth, conclusion, verdict))
    print_verdict(console, verdict, store.root)


def write_verdict(store: RunStore, run: SavedRun, margin: float | None = None) -> Conclusion:
    """Judges the refitted predictions and writes `verdict.json`; raises as `conclude_run`."""
    truth = read_truth(store.predictions / "truth.csv")
    names = approaches_of(run.approach_of, run.schema)
    predictions = read_predictions(store.predictions, list(run.approach_of))
    config = run.study["config"]
    rules = Rules(margin=config["margin"], seed=config["seed"])
    if margin is not None:
        rules = replace(rules, margin=margin)
    conclusion = conclude(predictions, names, run.schema, truth, rules)
    costs = {name: _cost(store, run.approach_of, run.records, name) for name in names}
    refit = store.read_json(REFIT_FILE)
    extra = {
        "seeds": len(conclusion.built[0].probs),
        "folds": int(truth.fold.max()) + 1,
        "photos": len(truth.label),
        "notes": refit["notes"],
    }
    values = verdict_json(conclusion, costs, extra)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(store.root / "verdict.json", text + "\n")
    return conclusion


def refit_seconds(store: RunStore, space: str) -> float:
    """Returns the device seconds that the refit of a space took."""
    total = 0.0
    for path in (store.predictions / "parts").glob(f"{space}.*.npz"):
        with np.load(path) as part:
            total += float(part["seconds"])
    return total


def _cost(
    store: RunStore,
    approach_of: Mapping[str, str],
    records: Sequence[TrialRecord],
    approach: str,
) -> dict[str, Any]:
    spaces = [name for name, its in approach_of.items() if its == approach]
    return {
        "search_device_seconds": sum(r.device_seconds for r in records if r.space in spaces),
        "refit_device_seconds": sum(refit_seconds(store, name) for name in spaces),
    }
