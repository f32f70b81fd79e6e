"""predictions/: the truth and the out-of-fold probabilities of every refitted config."""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.errors import ResultsError
from search.refit.plan import Shape
from search.refit.units import Folds, Unit
from search.store.files import write_arrays, write_text
from search.store.run_store import RunStore
from trainables.data.sample_table import SampleTable

DEFAULT_CONFIG = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Labels, people and folds of every sample, in the order of the probabilities.

    Attributes:
        label: joint class int [N].
        group: person of every sample, str [N].
        fold: int [N].
        held_out: bool [N]: people whom the search never saw.
        raw: raw numbers float [N] of numeric attributes.
    """

    label: NDArray[np.int64]
    group: NDArray[np.str_]
    fold: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    raw: Mapping[str, NDArray[np.float64]]


def write_truth(path: Path, table: SampleTable, folds: Folds, held_out: NDArray[np.int64]) -> None:
    """Writes `truth.csv`: sample, group, label, fold, held_out, attributes and raw numbers."""
    marks = np.zeros(table.num_samples, dtype=np.int64)
    marks[held_out] = 1
    columns: dict[str, object] = {
        "sample": table.paths,
        "group": table.groups,
        "label": table.joint,
        "fold": folds.of_sample,
        "held_out": marks,
    }
    for axis, attribute in enumerate(table.schema.attributes):
        columns[attribute.name] = [attribute.classes[k] for k in table.labels[:, axis]]
        if attribute.has_raw:
            columns[f"{attribute.name}_raw"] = table.raw[attribute.name]
    write_text(path, pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))


def read_truth(path: Path) -> Truth:
    """Reads `truth.csv`.

    Raises:
        ResultsError: the run has no refit yet, or the file is not whole.
    """
    if not path.is_file():
        raise ResultsError(
            f"a verdict needs the predictions of a refit, and there is no {path}; "
            "run --space all, which refits"
        )
    try:
        return _truth_of(path)
    except (OSError, ValueError, KeyError) as error:
        raise ResultsError(
            f"{path} is not a whole truth.csv: {error}; copy the run again, or start a new one"
        ) from error


def _truth_of(path: Path) -> Truth:
    frame = pd.read_csv(path, dtype={"sample": str, "group": str}, keep_default_na=False)
    raw = {
        name.removesuffix("_raw"): frame[name].to_numpy(dtype=np.float64)
        for name in frame.columns
        if name.endswith("_raw")
    }
    return Truth(
        label=frame["label"].to_numpy(dtype=np.int64),
        group=frame["group"].to_numpy(dtype=str),
        fold=frame["fold"].to_numpy(dtype=np.int64),
        held_out=frame["held_out"].to_numpy(dtype=np.int64) == 1,
        raw=raw,
    )


def merge_predictions(predictions: Path, parts: Path, units: Iterable[Unit], folds: Folds) -> None:
    """Writes `<space>.<config_id>.<seed>.npz` of every config and seed with all its folds."""
    for path in predictions.glob("*.*.*.npz"):
        if not path.name.startswith(("validation.", ".")):
            path.unlink()  # of an earlier refit, with other folds or configs
    done: dict[tuple[str, str, int], int] = {}
    for unit in units:
        key = (unit.space, unit.config_id, unit.seed)
        done[key] = done.get(key, 0) + folds.is_done(unit, parts)
    for (space, config_id, seed), num_done in sorted(done.items()):
        if num_done < folds.num_folds:
            continue
        merged = merge_parts(parts, space, config_id, seed, folds)
        write_arrays(predictions / f"{space}.{config_id}.{seed}.npz", merged)


def read_predictions(
    predictions: Path, spaces: Iterable[str], *, mirrored: bool = False
) -> dict[str, dict[str, dict[str, NDArray[np.float64]]]]:
    """Returns probabilities [S, N, K] by space, config and head; only seeds that all configs have.

    Args:
        predictions: folder of the run.
        spaces: to read.
        mirrored: those of the mirrored images.

    Raises:
        ResultsError: a space has no refitted config, or a file is torn.
    """
    seeds: dict[tuple[str, str], set[int]] = {}
    for path in predictions.glob("*.*.*.npz"):
        space, config_id, seed = path.name.removesuffix(".npz").rsplit(".", 2)
        if space in spaces and seed.isdigit():
            seeds.setdefault((space, config_id), set()).add(int(seed))
    missing = [space for space in spaces if all(space != known for known, _ in seeds)]
    if missing:
        raise ResultsError(f"there are no refitted predictions of {', '.join(missing)}")
    common = sorted(set.intersection(*seeds.values()))
    if not common:
        raise ResultsError("the refitted configs have no seed in common; resume the run")
    found: dict[str, dict[str, dict[str, NDArray[np.float64]]]] = {}
    for space, config_id in sorted(
        seeds, key=lambda key: (key[0], key[1] == DEFAULT_CONFIG, key[1])
    ):
        loaded = [_arrays(predictions / f"{space}.{config_id}.{seed}.npz") for seed in common]
        heads = [head for head in loaded[0] if not head.startswith(MIRRORED)]
        key = MIRRORED if mirrored else ""
        found.setdefault(space, {})[config_id] = {
            head: np.stack([part[key + head] for part in loaded]).astype(np.float64)
            for head in heads
        }
    return found


def _arrays(path: Path) -> dict[str, NDArray[np.float64]]:
    try:
        with zipfile.ZipFile(path), np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ResultsError(f"{path} cannot be read: {error}; resume the run") from error


def unit_notes(
    store: RunStore, space: str, config_id: str, *, num_seeds: int, num_folds: int
) -> list[Mapping[str, Any]]:
    """Returns the notes of all trainings of a config; none of a run that noted nothing yet.

    Args:
        store: of the run.
        space: name of the space.
        config_id: of the config.
        num_seeds: of the refit.
        num_folds: of the refit.
    """
    found = []
    for seed in range(num_seeds):
        for fold in range(num_folds):
            path = store.predictions / "parts" / f"{space}.{config_id}.{seed}.{fold}.npz"
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


MIRRORED = "mirrored."
"""Before the name of a head: its probabilities of the mirrored image."""


_NOT_HEADS = frozenset({"indices", "seconds", "key", "note"})


def merge_parts(
    parts: Path, space: str, config_id: str, seed: int, folds: Folds
) -> dict[str, NDArray[np.float32]]:
    """Returns out-of-fold probabilities [N, K] of every head, from the units of all folds.

    Those of mirrored images are there too, under `MIRRORED` and the head's name.

    Raises:
        FileNotFoundError: a fold is missing.
    """
    merged: dict[str, NDArray[np.float32]] = {}
    for fold in range(folds.num_folds):
        with np.load(parts / f"{space}.{config_id}.{seed}.{fold}.npz") as part:
            for head in part.files:
                if head in _NOT_HEADS:
                    continue
                shape = (len(folds.of_sample), part[head].shape[1])
                merged.setdefault(head, np.zeros(shape, dtype=np.float32))
                merged[head][part["indices"]] = part[head]
    return merged


REFIT_FILE = "predictions/refit.json"


def refit_note(shape: Shape, units: Iterable[Unit], notes: Sequence[str]) -> dict[str, Any]:
    """Returns the content of `refit.json`.

    `configs` are the complete configs by `<space>.<config_id>`, as they were trained: with them,
    later stages need neither the search nor the spaces.
    """
    return {
        "schema": 1,
        "shape": asdict(shape),
        "notes": list(notes),
        "configs": {f"{unit.space}.{unit.config_id}": dict(unit.config) for unit in units},
    }


Predictions = Mapping[str, Mapping[str, Mapping[str, NDArray[np.float64]]]]
