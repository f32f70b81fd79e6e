"""A tiny training: a few small photos whose brightness tells the classes, and whole configs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from tests.trainables.data.folders import MASK_SCHEMA
from trainables.classifier import ImageClassifier, TrainingData
from trainables.config import FlatValue, TrialConfig
from trainables.data.schema import LabelSchema
from trainables.data.training_images import TrainingImages

CPU = torch.device("cpu")

FLAT: Mapping[str, FlatValue] = {
    "target.attributes": ("gender",),
    "target.form": "softmax",
    "backbone.name": "test_resnet",
    "backbone.pretrained": False,
    "backbone.frozen_stages": 0,
    "backbone.drop_path": 0.0,
    "input.size": 32,
    "input.crop": "full",
    "augment.flip": 0.0,
    "augment.rotate": 0.0,
    "augment.shift": 0.0,
    "augment.scale": 0.0,
    "augment.colour": 0.0,
    "augment.grayscale": 0.0,
    "augment.erase": 0.0,
    "augment.mixup": 0.0,
    "augment.half_cutmix": 0.0,
    "optim.name": "adamw",
    "optim.lr": 3e-3,
    "optim.weight_decay": 1e-3,
    "optim.layer_decay": 1.0,
    "optim.head_lr_ratio": 1.0,
    "optim.batch_size": 8,
    "optim.warmup": 0.1,
    "optim.schedule": "cosine",
    "optim.ema": 0.0,
    "optim.clip_norm": 1.0,
    "head.kind": "softmax",
    "head.hidden": 0,
    "head.dropout": 0.0,
    "loss.name": "ce",
    "loss.smoothing": 0.0,
    "sampler.power": 0.0,
    "schedule.epochs": 3,
}
"""The plainest complete config: everything optional is off."""

AGE: Mapping[str, FlatValue] = {"age.old_from": 60, "age.drop": "none", "age.aux_weight": 0.0}

AGE_TARGET: Mapping[str, FlatValue] = {"target.attributes": ("age",), **AGE}

ALL = ("mask", "gender", "age")

JOINT: Mapping[str, FlatValue | None] = {"target.attributes": ALL}

MULTIHEAD: Mapping[str, FlatValue | None] = {
    "target.attributes": ALL,
    "target.form": "heads",
    "task_weight.mask": 1.0,
    "task_weight.gender": 0.5,
    "task_weight.age": 2.0,
}

ORDINAL: Mapping[str, FlatValue | None] = {
    "head.kind": "ordinal",
    "loss.name": "own",
    "loss.smoothing": None,
}

REGRESSION: Mapping[str, FlatValue | None] = {**ORDINAL, "head.kind": "regression"}

BUSY: Mapping[str, FlatValue] = {
    "augment.flip": 0.5,
    "augment.rotate": 5.0,
    "augment.shift": 0.05,
    "augment.scale": 0.05,
    "augment.colour": 0.2,
    "augment.grayscale": 0.2,
    "augment.erase": 0.3,
    "augment.mixup": 0.4,
    "augment.half_cutmix": 0.5,
    "optim.ema": 0.9,
    "head.dropout": 0.3,
    "head.hidden": 8,
    "sampler.power": 0.5,
}
"""Everything random at once."""

AUX: Mapping[str, FlatValue] = {**AGE, "age.aux_weight": 0.2}
SGD: Mapping[str, FlatValue] = {"optim.name": "sgd", "optim.momentum": 0.9, "optim.lr": 0.01}

MODELS: Mapping[str, Sequence[Mapping[str, FlatValue | None]]] = {
    "attribute": (BUSY,),
    "attribute-sgd-no-average": (SGD,),
    "regression": (BUSY, AGE_TARGET, REGRESSION),
    "ordinal": (BUSY, AGE_TARGET, ORDINAL),
    "joint": (BUSY, JOINT, AUX),
    "multihead": (BUSY, MULTIHEAD, AUX),
    "drop-path": (BUSY, {"backbone.name": "test_efficientnet", "backbone.drop_path": 0.2}),
}
"""Changes of FLAT that between them train every kind of model."""


def flat(*changes: Mapping[str, FlatValue | None]) -> dict[str, FlatValue]:
    """Returns FLAT with changes, the later ones first; None leaves a name out."""
    merged: dict[str, FlatValue | None] = dict(FLAT)
    for change in changes:
        merged |= change
    return {name: value for name, value in merged.items() if value is not None}


def config(*changes: Mapping[str, FlatValue | None]) -> TrialConfig:
    """Returns the config of `flat`."""
    return TrialConfig.from_flat(flat(*changes))


def training_data(
    *, num_train: int = 24, num_other: int = 8, schema: LabelSchema = MASK_SCHEMA, seed: int = 0
) -> TrainingData:
    """Returns photos uint8 [N, 40, 30, 3] with labels of the schema; the first ones train.

    Attributes with edges have raw numbers from 18 to 60. A block of the photo is as bright as the
    class of its attribute is high, so that a network can learn them all.
    """
    rng = np.random.default_rng(seed)
    count = num_train + num_other
    raw = {
        name: rng.integers(18, 61, count).astype(float) for name in schema if schema[name].edges
    }
    columns = [
        schema[name].encode_raw(raw[name])
        if name in raw
        else rng.integers(0, len(schema[name].classes), count)
        for name in schema
    ]
    labels = np.stack(columns, axis=1).astype(np.int64)
    images = rng.integers(0, 120, (count, 40, 30, 3), dtype=np.uint8)
    for number, blocks in enumerate(np.array_split(np.arange(40), len(columns))):
        images[:, blocks] += (labels[:, number] * 60).astype(np.uint8)[:, None, None, None]
    return TrainingData(
        schema=schema,
        images=TrainingImages(stored=torch.from_numpy(images)),
        labels=labels,
        raw=raw,
        train=np.arange(num_train),
    )


def classifier(
    *changes: Mapping[str, FlatValue | None], data: TrainingData | None = None, seed: int = 1
) -> ImageClassifier:
    """Returns an untrained classifier of `config(*changes)` on the CPU."""
    return ImageClassifier(config(*changes), data or training_data(), seed=seed, device=CPU)


def with_labels(
    data: TrainingData, labels: np.ndarray, raw: dict[str, np.ndarray]
) -> TrainingData:
    """Returns the data with other labels and raw numbers."""
    return replace(data, labels=labels, raw=raw)


def assert_same(one, other):
    """Asserts that two values agree bit for bit, however deep they are nested."""
    assert type(one) is type(other)
    match one:
        case torch.Tensor():
            assert torch.equal(one, other)
        case np.ndarray():
            np.testing.assert_array_equal(one, other)
        case dict():
            assert one.keys() == other.keys()
            for name in one:
                assert_same(one[name], other[name])
        case list() | tuple():
            assert len(one) == len(other)
            for left, right in zip(one, other, strict=True):
                assert_same(left, right)
        case _:
            assert one == other
