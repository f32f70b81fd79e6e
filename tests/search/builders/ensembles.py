"""A small ensemble of untrained networks on disk, for tests of what is done with one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec, Member, Part
from tests.trainables import tiny
from trainables.config import FlatValue
from trainables.data.schema import LabelSchema

SCHEMA: LabelSchema = tiny.MASK_SCHEMA
SIZE = (40, 30)
NUM_FOLDS = 2

Changes = Mapping[str, FlatValue | None]


def attribute_space(name: str) -> tuple[Changes, ...]:
    """Returns the changes of a config that predicts an attribute; age is regressed."""
    if name == "age":
        return (tiny.AGE_TARGET, tiny.REGRESSION)
    return ({"target.attributes": (name,)},)


SPACES: Mapping[str, tuple[Changes, ...]] = {
    "mask": attribute_space("mask"),
    "gender": attribute_space("gender"),
    "age": attribute_space("age"),
    "joint": (tiny.JOINT,),
    "multihead": (tiny.MULTIHEAD, tiny.AUX),
    "mask+age": ({"target.attributes": ("mask", "age")},),
}
HEADS = {"joint": ("joint",), "multihead": SCHEMA.names}
TEMPERATURES = {"mask": 0.8, "gender": 1.7, "age": 1.2, "joint": 0.6, "mask+age": 0.9}


def made_part(space: str, **changes: Any) -> Part:
    """Returns a part of a space whose files need not be there."""
    heads = HEADS.get(space, (space,))
    options: dict[str, Any] = {
        "space": space,
        "config_id": "1",
        "seed": 0,
        "heads": heads,
        "temperatures": tuple(TEMPERATURES[head] for head in heads),
        "config": tiny.flat(*SPACES[space]),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "files": tuple(f"members/{space}.1.0.{fold}.safetensors" for fold in range(NUM_FOLDS)),
    }
    return Part(**{**options, **changes})


def made_members() -> tuple[Member, ...]:
    """Returns a member of every approach; their weights sum to 1."""
    return (
        made_member("separate", *SCHEMA.names, weight=0.5),
        made_member("joint", "joint", weight=0.2),
        made_member("multihead", "multihead", weight=0.3),
    )


def made_member(approach: str, *spaces: str, weight: float = 1.0) -> Member:
    """Returns a member of the networks of some spaces."""
    parts = tuple(made_part(space) for space in spaces)
    return Member(name=f"{approach}.1.0", approach=approach, weight=weight, parts=parts)


def made_spec(**changes: Any) -> EnsembleSpec:
    """Returns an ensemble of the three members."""
    options: dict[str, Any] = {
        "run": "made",
        "labels": SCHEMA,
        "stored_size": SIZE,
        "members": made_members(),
        "mirrored": True,
        "biases": tuple(np.linspace(-0.5, 0.5, SCHEMA.num_joint)),
        "score": {"value": 0.61, "interval": [0.55, 0.67], "gain": 0.01},
        "people": 24,
        "photos": 72,
        "fingerprint": "0123456789abcdef",
        "selection": "greedy",
        "versions": {"headrace": "0.1.0"},
    }
    return EnsembleSpec(**{**options, **changes})


def made_oof(num_people: int = 24, per_person: int = 3, seed: int = 0) -> OutOfFold:
    """Returns out-of-fold predictions that are right four times of five."""
    rng = np.random.default_rng(seed)
    num, num_classes = num_people * per_person, SCHEMA.num_joint
    label = rng.integers(num_classes, size=num)
    predicted = np.where(rng.random(num) < 0.8, label, rng.integers(num_classes, size=num))
    probs = np.full((num, num_classes), 0.3 / (num_classes - 1), dtype=np.float32)
    probs[np.arange(num), predicted] = 0.7
    person = np.repeat(np.arange(num_people), per_person)
    return OutOfFold(label=label, person=person, probs=probs, predicted=predicted)


def write_ensemble(folder: Path, **changes: Any) -> EnsembleSpec:
    """Writes the whole folder, its networks untrained but each with its own start."""
    spec = made_spec(**changes)
    data = tiny.training_data()
    (folder / "members").mkdir(parents=True)
    for part in {part.files: part for part in spec.parts}.values():
        for fold, file in enumerate(part.files):
            model = tiny.classifier(*SPACES[part.space], data=data, seed=100 * part.seed + fold)
            save_file(model.weights(), folder / file)
    spec.write(folder)
    made_oof().write(folder)
    return spec


def with_weights(members: tuple[Member, ...], *weights: float) -> tuple[Member, ...]:
    """Returns the members with other weights."""
    return tuple(replace(m, weight=w) for m, w in zip(members, weights, strict=True))


def made_photos(count: int = 7, size: tuple[int, int] = SIZE, seed: int = 5) -> np.ndarray:
    """Returns photos of noise, uint8 [count, H, W, 3]."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)


def made_files(folder: Path, images: np.ndarray) -> list[Path]:
    """Writes photos to a folder, without loss, and returns their paths in order."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, pixels in zip(paths, images, strict=True):
        Image.fromarray(pixels).save(path)
    return paths
