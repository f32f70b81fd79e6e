"""Stage 3: from the predictions on disk to `verdict.json`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from search.analysis.verdict import Rules
from search.conclude import Conclusion, approaches_of, conclude, verdict_json
from search.oof import read_predictions, read_truth
from search.records import TrialRecord
from search.store import RunStore, write_text
from trainables.data.schema import LabelSchema

DEFAULT_MARGIN = 0.005


def write_verdict(
    store: RunStore,
    schema: LabelSchema,
    approach_of: Mapping[str, str],
    records: Sequence[TrialRecord],
    *,
    margin: float,
    seed: int,
    notes: Sequence[str] = (),
) -> Conclusion:
    """Judges the run's refitted predictions and writes `verdict.json`.

    Args:
        store: of the run.
        schema: of the data.
        approach_of: approach of every space.
        records: trials of the search, for the costs.
        margin: of equivalence.
        seed: of the resamples.
        notes: what was cut or failed on the way.

    Raises:
        ResultsError: there are no refitted predictions, or fewer than two approaches.
    """
    truth = read_truth(store.predictions / "truth.csv")
    names = approaches_of(approach_of, schema)
    predictions = read_predictions(store.predictions, list(approach_of))
    rules = Rules(margin=margin, seed=seed)
    conclusion = conclude(predictions, names, schema, truth, rules)
    costs = {name: _cost(store, approach_of, records, name) for name in names}
    extra = {
        "seeds": len(conclusion.built[0].probs),
        "folds": int(truth.fold.max()) + 1,
        "photos": len(truth.label),
        "notes": list(notes),
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
