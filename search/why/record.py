"""predictions/why/: what controlled trainings predicted, and what there is of each control.

`why.json` says which files belong together; the files hold out-of-fold probabilities of all
samples, NaN where a fold was not trained. They are of one refit: after another one they say
nothing, which `key` tells.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.refit.files import MIRRORED, REFIT_FILE, Truth
from search.refit.units import Folds, Unit
from search.store.files import write_arrays, write_text
from search.store.run_store import RunStore
from search.why.controls import Control, Refitted
from search.why.plan import LEAST_FOLDS, Planned

WHY_FILE = "predictions/why/why.json"
_CONFIGS, _CONFIGS_ONCE = "config_ids", "ranks"  # older runs say "ranks"
_NOT_HEADS = frozenset({"indices", "seconds", "key", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLevel:
    """One setting of a control: `x` on its axis, the config_id of every space's files."""

    x: float
    config_ids: Mapping[str, str]


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
        winners: config_id of every space's best config.
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


def refit_key(store: RunStore, truth: Truth) -> str:
    """Returns 16 hex digits of the folds and configs of a refit."""
    configs = store.read_json(REFIT_FILE).get("configs", {})
    digest = hashlib.sha256(json.dumps(configs, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(truth.fold, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def write_record(store: RunStore, record: WhyRecord) -> None:
    """Writes `why.json`."""
    text = json.dumps({"schema": 1, **asdict(record)}, indent=2)
    write_text(store.root / WHY_FILE, text + "\n")


def read_record(store: RunStore, truth: Truth) -> WhyRecord | None:
    """Returns what `why.json` holds; None where there is none, or one of another refit.

    Args:
        store: of the run.
        truth: of its refit.

    Raises:
        ResultsError: the file is torn or of another schema.
    """
    if not (store.root / WHY_FILE).is_file():
        return None
    values = store.read_json(WHY_FILE)
    if values["key"] != refit_key(store, truth):
        return None
    return WhyRecord(
        key=values["key"],
        winners=values["winners"],
        seeds=tuple(values["seeds"]),
        noisy=values["noisy"],
        controls=tuple(_control(found) for found in values["controls"]),
        notes=tuple(values["notes"]),
    )


def complete_part(
    refitted: Refitted, planned: Planned, is_done: Callable[[Unit], bool]
) -> RecordedControl | None:
    """Returns the most of a control that is trained: whole seeds on whole folds, or None.

    Two repeats on fewer folds are better than one on more: one tells nothing of training luck.

    Args:
        refitted: what the refit left.
        planned: the part that was to be trained.
        is_done: whether a unit is trained.
    """
    control, found = planned.control, []
    seeds = refitted.seeds_of(control, planned.repeats)
    folds = list(range(planned.num_folds))
    for num in range(len(seeds) + 1):
        if num:
            seed = seeds[num - 1]
            folds = [f for f in folds if all(map(is_done, refitted.units(control, seed, f)))]
        repeats = refitted.repeats(control, num)
        if repeats and len(folds) >= LEAST_FOLDS:
            found.append((min(repeats, 2), repeats * len(folds), seeds[:num], tuple(folds)))
    if not found:
        return None
    _, _, trained, kept = max(found, key=lambda part: part[:2])
    averaged = control is Control.AVERAGED
    return RecordedControl(
        control=control,
        seeds=(*refitted.seeds, *trained) if averaged else trained,
        folds=kept,
        levels=tuple(
            RecordedLevel(
                x=level.x, config_ids={s: t.config_id for s, t in level.trainings.items()}
            )
            for level in refitted.levels(control)
        ),
    )


def merge_units(why: Path, units: Sequence[Unit], folds: Folds) -> None:
    """Writes `<space>.<config_id>.<seed>.npz` of trained units; NaN for samples of no unit."""
    for path in why.glob("*.npz"):
        path.unlink()  # of an earlier plan or refit
    parts: dict[str, list[Unit]] = {}
    for unit in units:
        parts.setdefault(f"{unit.space}.{unit.config_id}.{unit.seed}", []).append(unit)
    for name, found in parts.items():
        merged: dict[str, NDArray[np.float32]] = {}
        for unit in found:
            with np.load(why / "parts" / f"{unit.name}.npz") as part:
                for head in part.files:
                    if head not in _NOT_HEADS and not head.startswith(MIRRORED):
                        shape = (len(folds.of_sample), part[head].shape[1])
                        rows = merged.setdefault(head, np.full(shape, np.nan, np.float32))
                        rows[part["indices"]] = part[head]
        write_arrays(why / f"{name}.npz", merged)


def _control(values: Mapping[str, Any]) -> RecordedControl:
    return RecordedControl(
        control=Control(values["control"]),
        seeds=tuple(values["seeds"]),
        folds=tuple(values["folds"]),
        levels=tuple(
            RecordedLevel(x=v["x"], config_ids=v[_CONFIGS if _CONFIGS in v else _CONFIGS_ONCE])
            for v in values["levels"]
        ),
    )
