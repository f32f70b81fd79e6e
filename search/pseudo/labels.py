"""Pseudo-labels: unlabelled photos on which the fold's own models are sure join the training.

Lee 2013, "Pseudo-Label". For fold f the labels come only from models that did not train on f:
those refitted for fold f. So no label of the fold's people reaches its predictions by way of the
unlabelled photos.

Notation: N labelled photos, M unlabelled ones, A attributes with K_1..K_A classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.analysis.recombine import marginals
from search.store.files import write_arrays
from search.store.outputs import Outputs
from search.store.reading import read_arrays, reading
from trainables.blocks import FlatValue, as_before_blocks
from trainables.classifier import TrainingData
from trainables.config import TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN, LabelSchema
from trainables.predictor import Predictor
from trainables.targets import kept

_BETWEEN_SIGNS = 256
"""Photos that are labelled between two signs of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoLabels:
    """A change of a refit's training data (`search.refit.units.Change`).

    Attributes:
        unlabelled: fingerprint of the photos; they follow the labelled ones in the images of the
            data that is changed.
        thresholds: attribute -> least probability of its class; all attributes that the model
            predicts must reach theirs.
        config: of the labelling models.
        models: their weights, files of the results, one per seed; none has seen the out-fold.
        mean: of each channel that they were trained with.
        std: of each channel that they were trained with.
        labels: file of the results that keeps the labels of this fold.
    """

    unlabelled: str
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
        return f"PseudoLabels({self.unlabelled}, {self.thresholds}, {config})"

    def apply(self, data: TrainingData, table: SampleTable, outputs: Outputs) -> TrainingData:
        """Returns the data with the photos added of which the fold's models are sure."""
        images = data.images.stored[table.num_samples :]
        rows, labels = self._labelled(images, data, outputs)
        every = np.zeros((len(images), labels.shape[1]), dtype=np.int64)
        every[rows] = labels
        # A number of a class that training leaves out would leave out all photos of that class.
        mask = kept(TrialConfig.from_flat(dict(self.config)), data.raw, data.schema)
        trained = data if mask is None else replace(data, train=data.train[mask[data.train]])
        raw = {
            name: np.concatenate([values, _typical(values, trained, name)[every[:, axis]]])
            for axis, name in enumerate(data.schema.names)
            if (values := data.raw.get(name)) is not None
        }
        return replace(
            data,
            labels=np.concatenate([data.labels, every]),
            raw=raw,
            train=np.concatenate([data.train, table.num_samples + rows]),
        )

    @property
    def is_labelled(self) -> bool:
        """Whether the photos of this fold are labelled, so that the models are not needed.

        Raises:
            ResultsError: the file of the labels is torn.
        """
        return self.labels.is_file() and self._kept(self.labels) is not None

    def _labelled(
        self, images: Tensor, data: TrainingData, outputs: Outputs
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        path = outputs.here(self.labels)
        if outputs.fetch(path) and (kept := self._kept(path)) is not None:
            return kept
        heads = TrialConfig.from_flat(dict(self.config)).target.block.heads(data.schema)
        predicted = self._predicted(images, data, outputs)
        rows, labels = sure(predicted, heads, data.schema, dict(self.thresholds))
        write_arrays(path, {"rows": rows, "labels": labels, "key": repr(self)})
        outputs.hand_over(path)
        return rows, labels

    def _kept(self, path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Returns what a file of labels holds, if these models gave them by these thresholds."""
        with reading(path, f"delete {self.labels}: the photos are labelled again"):
            kept = read_arrays(path)
            is_own = str(kept["key"]) == repr(self)
            return (kept["rows"], kept["labels"]) if is_own else None

    def _predicted(
        self, images: Tensor, data: TrainingData, outputs: Outputs
    ) -> dict[str, NDArray[np.float64]]:
        """Returns the probabilities [M, K] of every head, averaged over the seeds."""
        config = TrialConfig.from_flat(dict(self.config))
        predictor = None
        sums: dict[str, NDArray[np.float64]] = {}
        for weights in map(outputs.here, self.models):
            outputs.fetch(weights)  # one that is missing the predictor names
            data.on_step()
            if predictor is None:
                predictor = Predictor(
                    config,
                    data.schema,
                    weights,
                    mean=self.mean,
                    std=self.std,
                    device=data.images.device,
                )
            else:
                predictor.load(weights)
            outputs.let_go(weights)
            parts: dict[str, list[NDArray[np.float32]]] = {}
            for some in torch.split(images, _BETWEEN_SIGNS):
                for head, probs in predictor.predict(some).items():
                    parts.setdefault(head, []).append(probs)
                data.on_step()
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
    """Returns the median raw number of every class of an attribute among the training samples.

    It is a number that somebody has: means would turn whole years into fractions.
    """
    axis = data.schema.names.index(name)
    train = data.train[data.labels[data.train, axis] != UNKNOWN]
    classes, numbers = data.labels[train, axis], values[train]
    own = [numbers[classes == number] for number in range(data.schema.num_classes(name))]
    return np.array([_lower_median(each if each.size else numbers) for each in own])


def _lower_median(numbers: NDArray[np.float64]) -> float:
    return float(np.sort(numbers)[(len(numbers) - 1) // 2])
