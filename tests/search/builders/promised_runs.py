"""One small run to hold a promised score against: demo people, refit, ensemble, folder, truth.

Everything is the real thing except the search (promised_refit.py).
"""

import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from search.analysis.metrics import macro_f1, person_index
from search.ensemble.folder import ENSEMBLE_FOLDER
from search.ensemble.stage import build_ensemble
from search.predict.command import forecast_folder, predict_folder, read_folder
from search.predict.ensemble import Ensemble
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec
from search.store.files import write_text
from tests.search.builders.promised_refit import Effort, refit
from trainables.data.demo import generate as synthetic
from trainables.data.sample_table import UnlabelledTable

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promised macro-F1, its interval, and what the folders truly scored."""

    value: float
    low: float
    high: float
    truths: tuple[float, ...]

    @property
    def hits(self) -> tuple[bool, ...]:
        """Whether the interval holds the truth of each folder."""
        return tuple(self.low <= truth <= self.high for truth in self.truths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run promised and what came of it.

    Attributes:
        seed: of people, folds and trainings.
        whole: promise of the whole folder, with one truth.
        small: promise of folders of `Effort.small_people` people.
        out_of_fold: score of the ensemble on the people of the run, and its interval.
        one_fold: mean score of the whole folder when the models of a single fold vote.
        seconds: of wall-clock time.
    """

    seed: int
    whole: Promise
    small: Promise
    out_of_fold: tuple[float, float, float]
    one_fold: float
    seconds: float


def run(effort: Effort, folder: Path, seed: int) -> Outcome:
    """Draws people, refits, builds the ensemble, predicts the folder and scores it.

    Args:
        effort: how large the run is.
        folder: empty; keeps everything.
        seed: of people, folds and trainings.
    """
    started = time.monotonic()
    data = synthetic.generate(
        folder / "demo",
        num_people=effort.people,
        num_eval_people=effort.folder_people,
        seed=seed,
        size=effort.photo,
        num_workers=1,
    )
    store = refit(effort, data, folder, seed)
    spec = build_ensemble(store, Console(quiet=True))
    table, home = read_folder(data / "eval"), store.root / ENSEMBLE_FOLDER
    classes = predict_folder(Ensemble.load(home, "cpu"), table).classes
    label, person = _truth(data / "eval_truth.csv", table.names)
    small = _dealt(person, effort.small_people, np.random.default_rng([seed, 1]))
    whole = np.ones(len(label), dtype=bool)
    return Outcome(
        seed=seed,
        whole=promise(home, label, classes, [whole]),
        small=promise(home, label, classes, small),
        out_of_fold=(spec.score["value"], *spec.score["interval"]),
        one_fold=_one_fold(spec, home, table, label),
        seconds=time.monotonic() - started,
    )


def outcome_of(effort: Effort, out: Path, seed: int) -> Outcome:
    """Returns what a run came to, from its file where it was made before.

    Args:
        effort: how large the run is.
        out: keeps a file a run; the run itself is deleted.
        seed: of the run.
    """
    described = json.loads(json.dumps(asdict(effort)))
    path = out / f"{seed}.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["effort"] == described:
            return _outcome(found["outcome"])
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        outcome = run(effort, Path(scratch), seed)
    write_text(path, json.dumps({"effort": described, "outcome": asdict(outcome)}, indent=1))
    return outcome


def _outcome(values: dict[str, Any]) -> Outcome:
    promises = {
        name: Promise(**{**values[name], "truths": tuple(values[name]["truths"])})
        for name in ("whole", "small")
    }
    return Outcome(**{**values, **promises, "out_of_fold": tuple(values["out_of_fold"])})


def promise(home: Path, label: Ints, classes: Ints, folders: Sequence[Mask]) -> Promise:
    """Returns what an ensemble promises of folders of one size, and what they score.

    Args:
        home: folder of the ensemble.
        label: true classes, int [n].
        classes: predicted ones, int [n].
        folders: the photos of each, bool [n].
    """
    spec = EnsembleSpec.read(home)
    found = forecast_folder(spec, OutOfFold.read(home), int(folders[0].sum())).score
    num = spec.labels.num_joint
    return Promise(
        value=float(found.value),
        low=float(found.low),
        high=float(found.high),
        truths=tuple(float(macro_f1(label[of], classes[of], num)) for of in folders),
    )


def _truth(path: Path, names: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Returns the joint class and the person of every photo, int [n] each, in order of names."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["ImageID"]: row for row in csv.DictReader(file)}
    label = np.array([int(rows[name]["ans"]) for name in names], dtype=np.int64)
    return label, person_index([rows[name]["group"] for name in names])[0]


def _dealt(person: Ints, size: int, rng: np.random.Generator) -> list[Mask]:
    """Returns the photos bool [n] of every folder of `size` people, no person in two."""
    order = rng.permutation(person.max() + 1)
    starts = range(0, len(order) - size + 1, size)
    return [np.isin(person, order[start : start + size]) for start in starts]


def _one_fold(spec: EnsembleSpec, home: Path, table: UnlabelledTable, label: Ints) -> float:
    """Returns the mean score of ensembles of the models of each fold alone."""
    scores = []
    for fold in range(spec.members[0].num_folds):
        members = tuple(
            replace(
                member,
                parts=tuple(replace(part, files=(part.files[fold],)) for part in member.parts),
            )
            for member in spec.members
        )
        one = Ensemble(replace(spec, members=members), home, torch.device("cpu"))
        classes = predict_folder(one, table).classes
        scores.append(macro_f1(label, classes, spec.labels.num_joint))
    return float(np.mean(scores))
