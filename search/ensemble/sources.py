"""What a finished refit left on disk for an ensemble: probabilities, configs, normalisation.

Notation: S seeds, N samples, K classes of a head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import ResultsError
from search.predict.spec import Triple
from search.refit.files import REFIT_FILE, read_predictions, unit_notes
from search.store.records import FlatValue
from search.store.run_store import RunStore

ByConfig = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""Probabilities [S, N, K] by config_id and head."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refit:
    """What a refit left on disk.

    Attributes:
        seeds: numbers of the seeds that all configs have.
        num_folds: of every seed.
        plain: probabilities float [S, N, K] by space, config_id and head.
        mirrored: the same of mirrored photos.
        configs: complete config by `<space>.<config_id>`.
        normalisation: mean and std of the channels by `<space>.<config_id>`.
    """

    seeds: tuple[int, ...]
    num_folds: int
    plain: Mapping[str, ByConfig]
    mirrored: Mapping[str, ByConfig]
    configs: Mapping[str, Mapping[str, FlatValue]]
    normalisation: Mapping[str, tuple[Triple, Triple]]


def read_refit(store: RunStore, spaces: Sequence[str], num_folds: int) -> Refit:
    """Reads the refit of these spaces.

    Args:
        store: of the run.
        spaces: names of the spaces.
        num_folds: of the refit.

    Raises:
        ResultsError: a space has no refitted config, or the refit was made by a headrace that
            kept too little of it.
    """
    plain = read_predictions(store.predictions, spaces)
    known = store.read_json(REFIT_FILE).get("configs", {})
    names = [
        f"{space}.{config_id}" for space, config_ids in plain.items() for config_id in config_ids
    ]
    seeds = _common_seeds(store, names)
    normalisation = {}
    for name in names:
        space, config_id = name.rsplit(".", 1)
        notes = unit_notes(store, space, config_id, num_seeds=max(seeds) + 1, num_folds=num_folds)
        if name not in known or not notes or "mean" not in notes[0]:
            raise ResultsError(
                f"an ensemble needs the config and the normalisation of every refitted network, "
                f"and {store.root} has not those of {name}: an older headrace refitted it; start "
                "a new run"
            )
        normalisation[name] = (_triple(notes[0]["mean"]), _triple(notes[0]["std"]))
    return Refit(
        seeds=seeds,
        num_folds=num_folds,
        plain=plain,
        mirrored=read_predictions(store.predictions, spaces, mirrored=True),
        configs={name: known[name] for name in names},
        normalisation=normalisation,
    )


def _common_seeds(store: RunStore, configs: Sequence[str]) -> tuple[int, ...]:
    # `read_predictions` has made sure that there is one.
    seeds = [
        {
            int(path.name.removesuffix(".npz").rsplit(".", 1)[1])
            for path in store.predictions.glob(f"{name}.*.npz")
        }
        for name in configs
    ]
    return tuple(sorted(set.intersection(*seeds)))


def _triple(values: Sequence[Any]) -> Triple:
    red, green, blue = map(float, values)
    return red, green, blue
