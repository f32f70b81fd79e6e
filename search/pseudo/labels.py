"""Pseudo-labels: unlabelled photos on which the fold's own models are sure join the training.

Lee 2013, "Pseudo-Label". For fold f the labels come only from models that did not train on f:
those refitted for fold f. So no label of the fold's people reaches its predictions by way of the
unlabelled photos.

Notation: N labelled photos, M unlabelled ones, A attributes with K_1..K_A classes.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.analysis.recombine import marginals
from search.store.files import write_arrays
from search.store.reading import read_arrays, reading
from trainables.blocks import FlatValue, as_before_blocks
from trainables.classifier import TrainingData
from trainables.config import TrialConfig
from trainables.data.image_store import ImageStore, Size
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.data.schema import UNKNOWN, LabelSchema
from trainables.data.training_images import TrainingImages
from trainables.predictor import MAX_BATCH, Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class BothTables:
    """Labelled photos and then unlabelled ones, as one table of the image store."""

    labelled: SampleTable
    unlabelled: UnlabelledTable

    @property
    def root(self) -> Path:
        """Of all paths, which are absolute."""
        return Path("/")

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all N + M photos."""
        tables = (self.labelled, self.unlabelled)
        return tuple(str((t.root / path).absolute()) for t in tables for path in t.paths)

    @property
    def source_rows(self) -> tuple[str, ...]:
        """What each photo is called in messages."""
        return (*self.labelled.source_rows, *self.unlabelled.source_rows)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of both tables."""
        both = f"{self.labelled.fingerprint}+{self.unlabelled.fingerprint}"
        return hashlib.sha256(both.encode()).hexdigest()[:16]

    @property
    def max_pixels(self) -> int:
        """That a photo of either table may have at most."""
        return max(self.labelled.max_pixels, self.unlabelled.max_pixels)

    def check_files(self) -> None:
        """Raises DataError where a file of either table is missing."""
        self.labelled.check_files()
        self.unlabelled.check_files()


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoLabels:
    """A change of a refit's training data (`search.refit.units.Change`).

    Attributes:
        unlabelled: the photos.
        stored_size: (height, width) that photos are decoded to.
        cache_dir: of decoded images.
        thresholds: attribute -> least probability of its class; all attributes that the model
            predicts must reach theirs.
        config: of the labelling models.
        models: their weights, one file per seed, none of which has seen the out-fold.
        mean: of each channel that they were trained with.
        std: of each channel that they were trained with.
        labels: file that keeps the labels of this fold.
    """

    unlabelled: UnlabelledTable
    stored_size: Size
    cache_dir: Path
    thresholds: tuple[tuple[str, float], ...]
    config: tuple[tuple[str, FlatValue], ...]
    models: tuple[Path, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: Path

    def __repr__(self) -> str:
        # The key of finished labels and trainings: what decides them, not where files lie.
        # The config is in the words of runs before blocks, so that theirs stay finished.
        config = tuple(sorted(as_before_blocks(dict(self.config)).items()))
        return f"PseudoLabels({self.unlabelled.fingerprint}, {self.thresholds}, {config})"

    def apply(self, data: TrainingData, table: SampleTable) -> TrainingData:
        """Returns the data with the photos added of which the fold's models are sure."""
        both = BothTables(labelled=table, unlabelled=self.unlabelled)
        store = ImageStore.open(
            both,
            self.stored_size,
            self.cache_dir,
            num_threads=1,
            progress=lambda done, total: data.on_step(),  # noqa: ARG005
        )
        images = store.tensor(data.images.stored.device)
        rows, labels = self._labelled(images[table.num_samples :], data.schema, data.on_step)
        every = np.zeros((self.unlabelled.num_samples, labels.shape[1]), dtype=np.int64)
        every[rows] = labels
        raw = {
            name: np.concatenate([values, _typical(values, data, name)[every[:, axis]]])
            for axis, name in enumerate(data.schema.names)
            if (values := data.raw.get(name)) is not None
        }
        return replace(
            data,
            images=TrainingImages.of(store, images, data.images.device, data.on_step),
            labels=np.concatenate([data.labels, every]),
            raw=raw,
            train=np.concatenate([data.train, table.num_samples + rows]),
        )

    def _labelled(
        self, images: Tensor, schema: LabelSchema, on_step: Callable[[], None]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self.labels.exists():
            with reading(self.labels, "delete it: the photos are labelled again"):
                kept = read_arrays(self.labels)
                if str(kept["key"]) == repr(self):
                    return kept["rows"], kept["labels"]
        heads = TrialConfig.from_flat(dict(self.config)).target.block.heads(schema)
        predicted = self._predicted(images, schema, on_step)
        rows, labels = sure(predicted, heads, schema, dict(self.thresholds))
        write_arrays(self.labels, {"rows": rows, "labels": labels, "key": repr(self)})
        return rows, labels

    def _predicted(
        self, images: Tensor, schema: LabelSchema, on_step: Callable[[], None]
    ) -> dict[str, NDArray[np.float64]]:
        """Returns the probabilities [M, K] of every head, averaged over the seeds."""
        config = TrialConfig.from_flat(dict(self.config))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        predictor = Predictor(
            config, schema, self.models[0], mean=self.mean, std=self.std, device=device
        )
        sums: dict[str, NDArray[np.float64]] = {}
        for weights in self.models:
            predictor.load(weights)
            parts: dict[str, list[NDArray[np.float32]]] = {}
            for start in range(0, len(images), MAX_BATCH):
                for head, probs in predictor.predict(images[start : start + MAX_BATCH]).items():
                    parts.setdefault(head, []).append(probs)
                on_step()
            for head, found in parts.items():
                whole = np.concatenate(found)
                sums[head] = sums.get(head, np.zeros(whole.shape)) + whole
        return {head: total / len(self.models) for head, total in sums.items()}


def sure(
    predicted: Mapping[str, NDArray[np.float64]],
    heads: Mapping[str, tuple[str, ...]],
    schema: LabelSchema,
    thresholds: Mapping[str, float],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the photos on which a model is sure, and their labels.

    Args:
        predicted: probabilities [M, K] by head.
        heads: the attributes that each of them decides.
        schema: of the labels.
        thresholds: attribute -> least probability of its likeliest class.

    Returns:
        rows int [m] and labels int [m, A]; attributes that the model does not predict have class
        0, which a model of another attribute never reads.
    """
    parts: dict[str, NDArray[np.float64]] = {}
    for head, names in heads.items():
        sizes = [schema.num_classes(name) for name in names]
        parts |= dict(zip(names, marginals(predicted[head], sizes), strict=True))
    reached = [probs.max(axis=1) >= thresholds[name] for name, probs in parts.items()]
    rows = np.flatnonzero(np.logical_and.reduce(reached))
    labels = np.zeros((len(rows), len(schema.names)), dtype=np.int64)
    for axis, name in enumerate(schema.names):
        if name in parts:
            labels[:, axis] = parts[name][rows].argmax(axis=1)
    return rows, labels


def _typical(values: NDArray[np.float64], data: TrainingData, name: str) -> NDArray[np.float64]:
    """Returns the mean raw number of every class of an attribute among the training samples."""
    axis = data.schema.names.index(name)
    train = data.train[data.labels[data.train, axis] != UNKNOWN]
    classes, numbers = data.labels[train, axis], values[train]
    counts = np.bincount(classes, minlength=data.schema.num_classes(name))
    sums = np.bincount(classes, weights=numbers, minlength=len(counts))
    means: NDArray[np.float64] = np.where(counts, sums / np.maximum(counts, 1), numbers.mean())
    return means
