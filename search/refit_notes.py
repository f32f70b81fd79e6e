"""What the trainings of a refit noted about themselves, read back from their parts."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from search.analysis.approaches.build import Built, Choice
from search.store.run_store import RunStore


def chosen_rank(choice: Choice) -> str:
    """Returns the rank that most rounds of the cross-fitted choice took, the first of equals."""
    return Counter(choice.by_round).most_common(1)[0][0]


def chosen_ranks(built: Built) -> dict[str, str]:
    """Returns the rank of every model of an approach, by its space: what would be served."""
    return {space: chosen_rank(choice) for space, choice in built.choices.items()}


def unit_notes(
    store: RunStore, space: str, rank: str, *, num_seeds: int, num_folds: int
) -> list[Mapping[str, Any]]:
    """Returns the notes of all trainings of a config; none of a run that noted nothing yet.

    Args:
        store: of the run.
        space: name of the space.
        rank: of the config.
        num_seeds: of the refit.
        num_folds: of the refit.
    """
    found = []
    for seed in range(num_seeds):
        for fold in range(num_folds):
            path = store.predictions / "parts" / f"{space}.{rank}.{seed}.{fold}.npz"
            if not path.is_file():
                continue
            with np.load(path) as part:
                if "note" in part.files:
                    found.append(json.loads(str(part["note"])))
    return found


def refit_seconds(store: RunStore, space: str) -> float:
    """Returns the device seconds that the refit of a space took."""
    total = 0.0
    for path in (store.predictions / "parts").glob(f"{space}.*.npz"):
        with np.load(path) as part:
            total += float(part["seconds"])
    return total
