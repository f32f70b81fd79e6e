"""predictions/why/: what controlled trainings predicted, and what there is of each control.

`why.json` says which files belong together; the files hold out-of-fold probabilities of all
samples, NaN where a fold was not trained. They are of one refit: after another one they say
nothing, which `key` tells.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from search.analysis.plain import from_plain
from search.refit.files import RefitFiles
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.refit.units import Unit
from search.store.files import write_json
from search.store.reading import is_there, reading
from search.store.run_store import RunStore
from search.why.controls import Control, ControlDesign
from search.why.plan import LEAST_FOLDS, PlannedControl
from trainables.blocks import FlatValue, as_before_blocks

WHY_FILE = "predictions/why/why.json"


def why_files(store: RunStore) -> RefitFiles:
    """Returns the files of the controlled trainings of a run."""
    return RefitFiles(store.predictions / "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLevel:
    """One setting of a control: `x` on its axis, the config_id of every space's files."""

    x: float
    config_ids: Mapping[str, str]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RecordedLevel":
        """Reads a level of `why.json`; older runs say "ranks" for `config_ids`."""
        key = "config_ids" if "config_ids" in data else "ranks"
        return cls(x=data["x"], config_ids=data[key])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedControl:
    """What there is of a control: whole seeds on whole folds.

    Attributes:
        control: which.
        seeds: of the refit that are compared; of the averages, all seeds of the joint model.
        folds: whose people are compared.
        levels: the plain setting first.
    """

    control: Control
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    levels: tuple[RecordedLevel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyRecord:
    """Content of `why.json`.

    Attributes:
        key: of the refit that the controls belong to.
        winners: config_id of what the search of every space chose.
        seeds: of the refit.
        noisy: attribute whose labels were made wrong.
        controls: what there is.
        notes: what was cut, broke, or did not fit the time.
    """

    key: str
    winners: Mapping[str, str]
    seeds: tuple[int, ...]
    noisy: str
    controls: tuple[RecordedControl, ...]
    notes: tuple[str, ...]


def refit_keys(refitted: Refitted) -> tuple[str, str]:
    """Returns 16 hex digits of the folds and configs of a refit, and those of older runs.

    Runs before blocks spelled the target of a config another way.
    """
    configs = refitted.note.configs
    before = {name: as_before_blocks(config) for name, config in configs.items()}
    return _digest(configs, refitted.truth), _digest(before, refitted.truth)


def _digest(configs: Mapping[str, Mapping[str, FlatValue]], truth: Truth) -> str:
    digest = hashlib.sha256(json.dumps(configs, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(truth.fold, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def write_record(store: RunStore, record: WhyRecord) -> None:
    """Writes `why.json`."""
    write_json(store.root / WHY_FILE, {"schema": 1, **asdict(record)})


def read_record(refitted: Refitted) -> WhyRecord | None:
    """Returns what `why.json` holds; None where there is none, or one of another refit.

    Raises:
        ResultsError: the file is torn or of another schema.
    """
    store = refitted.store
    if not is_there(store.root / WHY_FILE):
        return None
    way_out = "delete it and resume the run, which writes it anew"
    with reading(store.root / WHY_FILE, way_out):
        values = store.read_json(WHY_FILE, way_out)
        if values["key"] not in refit_keys(refitted):
            return None
        return from_plain(WhyRecord, values)


def complete_part(
    design: ControlDesign, planned: PlannedControl, is_done: Callable[[Unit], bool]
) -> RecordedControl | None:
    """Returns the most of a control that is trained: whole seeds on whole folds, or None.

    Two repeats on fewer folds are better than one on more: one tells nothing of training luck.
    """
    control, found = planned.control, []
    seeds = design.seeds_of(control, planned.repeats)
    folds = list(range(planned.num_folds))
    for num in range(len(seeds) + 1):
        if num:
            seed = seeds[num - 1]
            folds = [f for f in folds if all(map(is_done, design.units(control, seed, f)))]
        repeats = design.repeats(control, num)
        if repeats and len(folds) >= LEAST_FOLDS:
            found.append((min(repeats, 2), repeats * len(folds), seeds[:num], tuple(folds)))
    if not found:
        return None
    _, _, trained, kept = max(found, key=lambda size: size[:2])
    averaged = control is Control.AVERAGED
    return RecordedControl(
        control=control,
        seeds=(*design.seeds, *trained) if averaged else trained,
        folds=kept,
        levels=tuple(
            RecordedLevel(
                x=level.x, config_ids={s: t.config_id for s, t in level.trainings.items()}
            )
            for level in design.levels(control)
        ),
    )
