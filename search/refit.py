"""The finalists trained again on fresh person-disjoint folds with fresh seeds.

A unit of work is one config, one seed, one fold. It trains the full schedule on the other folds
and predicts its fold once, at the end. Finished units are files, so an interrupted refit goes on
where it was.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import ray
from numpy.typing import NDArray
from safetensors.torch import save_file

from search.prepare.resources import Resources
from search.prepare.setting import SharedImages, TrialSetting
from search.store.files import write_arrays
from search.store.records import FlatValue
from trainables.classifier import ImageClassifier, TrainingData
from trainables.config import TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.seeding import derive_seed

logger = logging.getLogger(__name__)

_MAX_FAILURES = 2
_NOT_HEADS = frozenset({"indices", "seconds", "key", "note"})
MIRRORED = "mirrored."
"""Before the name of a head: its probabilities of the mirrored image."""


class Change(Protocol):
    """How a training differs from the plain refit: fewer people, wrong labels, more photos.

    A frozen dataclass that can be pickled; its repr is part of the key of a finished unit.
    """

    def apply(self, data: TrainingData, table: SampleTable) -> TrainingData:
        """Returns the changed data; `data.train` never holds a sample of the out-fold."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One training of a refit.

    Attributes:
        space: name of the space.
        rank: "1" is the best config of the search, "default" the default config.
        seed: number of the seed, from 0.
        fold: that is predicted and not trained on.
        config: complete config by dotted names.
        change: of the training data; None is the plain refit.
    """

    space: str
    rank: str
    seed: int
    fold: int
    config: Mapping[str, FlatValue]
    change: Change | None = None

    @property
    def name(self) -> str:
        """File name without ending."""
        return f"{self.space}.{self.rank}.{self.seed}.{self.fold}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Who is out of fold when: fold of every sample, int [N]."""

    of_sample: NDArray[np.int64]
    num_folds: int

    def train(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` trains on."""
        return np.flatnonzero(self.of_sample != fold)

    def key(self, unit: Unit) -> str:
        """Returns 16 hex digits of a unit's config and change and of these folds."""
        digest = hashlib.sha256(repr(sorted(unit.config.items())).encode())
        if unit.change is not None:
            digest.update(repr(unit.change).encode())
        digest.update(np.ascontiguousarray(self.of_sample, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    def is_done(self, unit: Unit, parts: Path) -> bool:
        """Returns whether a unit's file is there, and of this config and these folds."""
        path = parts / f"{unit.name}.npz"
        if not path.exists():
            return False
        with np.load(path) as part:
            return "key" in part.files and str(part["key"]) == self.key(unit)

    def out(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices that a model of `fold` predicts."""
        return np.flatnonzero(self.of_sample == fold)


def train_unit(
    unit: Unit, folds: Folds, images: SharedImages, seed: int, parts: Path, models: Path
) -> float:
    """Trains one unit, writes its probabilities and weights, and returns its seconds.

    The labels of the out-fold are never read: not for stopping, not for choosing an epoch.

    Args:
        unit: config, seed and fold.
        folds: of all samples.
        images: of this process.
        seed: of the run.
        parts: folder of the probabilities, one npz a unit.
        models: folder of the weights.
    """
    started = time.perf_counter()
    setting = images.setting
    table = setting.table
    data = TrainingData(
        schema=table.schema,
        images=images.tensor,
        labels=table.labels,
        raw=table.raw,
        train=folds.train(unit.fold),
    )
    classifier = ImageClassifier(
        TrialConfig.from_flat(unit.config),
        data if unit.change is None else unit.change.apply(data, table),
        seed=derive_seed(seed, "refit", unit.space, unit.rank, unit.seed, unit.fold),
        device=images.device,
        weights_dir=setting.weights_dir,
    )
    reports = [classifier.train_epoch() for _ in range(classifier.config.schedule.epochs)]
    out = folds.out(unit.fold)
    probabilities = classifier.predict(out)
    mirrored = classifier.predict(out, mirrored=True)
    seconds = time.perf_counter() - started
    note = {
        "parameters": classifier.num_parameters,
        "gradient_cosine": [dict(report.gradient_cosine) for report in reports],
        "mean": classifier.preprocess.mean,
        "std": classifier.preprocess.std,
    }
    models.mkdir(parents=True, exist_ok=True)
    weights = models / f".{unit.name}.safetensors"
    save_file(classifier.weights(), weights)
    weights.replace(models / f"{unit.name}.safetensors")
    extra = {"indices": out, "seconds": seconds, "key": folds.key(unit), "note": json.dumps(note)}
    heads = {**probabilities, **{MIRRORED + head: p for head, p in mirrored.items()}}
    write_arrays(parts / f"{unit.name}.npz", {**extra, **heads})
    return seconds


class RefitWorker:
    """Runs units one after another in a warm process (a Ray actor)."""

    def __init__(self, setting: TrialSetting, folds: Folds, seed: int) -> None:
        self._images = SharedImages(setting)
        self._folds = folds
        self._seed = seed

    def run(self, unit: Unit, parts: Path, models: Path) -> float:
        """Trains one unit; returns its seconds."""
        return train_unit(unit, self._folds, self._images, self._seed, parts, models)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnd:
    """How a unit ended: its seconds, or what broke it."""

    unit: Unit
    seconds: float
    error: str = ""


def run_units(
    units: Iterable[Unit],
    folds: Folds,
    setting: TrialSetting,
    resources: Resources,
    *,
    seed: int,
    parts: Path,
    models: Path,
    is_over: Callable[[Unit], bool],
) -> Iterator[UnitEnd]:
    """Trains units on all devices and yields each as it ends, finished ones first.

    Args:
        units: in the order of their start.
        folds: of all samples.
        setting: of every worker.
        resources: of one training.
        seed: of the run.
        parts: folder of the probabilities.
        models: folder of the weights.
        is_over: asked before a unit starts; True leaves it and all that follow.
    """
    waiting = []
    for unit in units:
        if folds.is_done(unit, parts):
            yield UnitEnd(unit=unit, seconds=0.0)
        else:
            waiting.append((unit, 0))
    pool = _Pool(setting, folds, resources, seed)
    try:
        while waiting or pool.busy:
            while waiting and pool.has_room and not is_over(waiting[0][0]):
                unit, failures = waiting.pop(0)
                pool.start(unit, failures, parts, models)
            if not pool.busy:
                return
            ended, failures = pool.wait()
            if ended is None:
                continue
            if ended.error and failures < _MAX_FAILURES and pool.died:
                waiting.insert(0, (ended.unit, failures + 1))
            else:
                yield ended
    finally:
        pool.close()


class _Pool:
    """As many actors as slots; a dead one is replaced."""

    def __init__(
        self, setting: TrialSetting, folds: Folds, resources: Resources, seed: int
    ) -> None:
        options = {"num_cpus": resources.cpus_per_trial, "num_gpus": resources.gpus_per_trial}
        self._make = ray.remote(**options)(RefitWorker).remote
        self._arguments = (ray.put(setting), ray.put(folds), seed)
        self._slots = resources.slots
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Unit, int]] = {}
        self.died = False

    @property
    def busy(self) -> bool:
        return bool(self._running)

    @property
    def has_room(self) -> bool:
        return len(self._running) < self._slots

    def start(self, unit: Unit, failures: int, parts: Path, models: Path) -> None:
        actor = self._idle.pop() if self._idle else self._make(*self._arguments)
        reference = actor.run.remote(unit, parts, models)
        self._running[reference] = (actor, unit, failures)

    def wait(self) -> tuple[UnitEnd | None, int]:
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=1.0)
        if not ready:
            return None, 0
        actor, unit, failures = self._running.pop(ready[0])
        self.died = False
        try:
            seconds = ray.get(ready[0])
        except ray.exceptions.RayTaskError as error:
            self._idle.append(actor)
            cause = error.cause if error.cause is not None else error
            return UnitEnd(
                unit=unit, seconds=0.0, error=f"{type(cause).__name__}: {cause}"
            ), failures
        except ray.exceptions.RayActorError as error:
            self.died = True
            return UnitEnd(unit=unit, seconds=0.0, error=str(error)), failures
        self._idle.append(actor)
        return UnitEnd(unit=unit, seconds=seconds), failures

    def close(self) -> None:
        for actor in [*self._idle, *(entry[0] for entry in self._running.values())]:
            ray.kill(actor)


def merge_parts(
    parts: Path, space: str, rank: str, seed: int, folds: Folds
) -> dict[str, NDArray[np.float32]]:
    """Returns out-of-fold probabilities [N, K] of every head, from the units of all folds.

    Those of mirrored images are there too, under `MIRRORED` and the head's name.

    Raises:
        FileNotFoundError: a fold is missing.
    """
    merged: dict[str, NDArray[np.float32]] = {}
    for fold in range(folds.num_folds):
        with np.load(parts / f"{space}.{rank}.{seed}.{fold}.npz") as part:
            for head in part.files:
                if head in _NOT_HEADS:
                    continue
                shape = (len(folds.of_sample), part[head].shape[1])
                merged.setdefault(head, np.zeros(shape, dtype=np.float32))
                merged[head][part["indices"]] = part[head]
    return merged
