"""The files of a finished refit, as a run would leave them, without a search or a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.store.run_store import RunStore
from spaces import load
from spaces.scale import choose_scale
from trainables.blocks import Block, Form
from trainables.data.schema import JOINT, Attribute, LabelSchema

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), ordered=True),
    ),
)
LINEUP = Lineup(
    schema=SCHEMA,
    blocks={
        "gender": Block(("gender",), Form.SOFTMAX),
        "age": Block(("age",), Form.SOFTMAX),
        "joint": Block(SCHEMA.names, Form.SOFTMAX),
        "multihead": Block(SCHEMA.names, Form.HEADS),
    },
)
CONFIG_IDS = ("default", "1")
SEEDS, FOLDS, PEOPLE, PHOTOS = 2, 3, 60, 3
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)

Probs = NDArray[np.float32]


def made_labels() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the joint class and the person of every photo; photos of a person share a class."""
    label = np.arange(PEOPLE) % SCHEMA.num_joint
    return np.repeat(label, PHOTOS), np.repeat(np.arange(PEOPLE), PHOTOS)


def noisy(label: NDArray[np.int64], head: str, accuracy: float, *key: int) -> Probs:
    """Returns probabilities [N, K] whose largest is the true class in a share of the photos."""
    rng = np.random.default_rng([len(head), *key])
    num = SCHEMA.num_joint if head == JOINT else SCHEMA.num_classes(head)
    codes = SCHEMA.attribute_codes(label)
    true = label if head == JOINT else codes[:, SCHEMA.names.index(head)]
    wrong = (true + rng.integers(1, num, len(true))) % num
    guess = np.where(rng.random(len(true)) < accuracy, true, wrong)
    return (0.4 / num + 0.6 * np.eye(num)[guess]).astype(np.float32)


def flat_config(space: str, **changes: object) -> dict[str, object]:
    """Returns a complete config of a space for a tiny network."""
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
    config = load(space, SCHEMA).default_config(SCHEMA, scale)
    return {**config, "input.size": 32, "backbone.name": "test_efficientnet", **changes}


def write_refit(
    root: Path,
    accuracy: Mapping[str, float],
    *,
    spaces: Sequence[str] = tuple(LINEUP.blocks),
    config_ids: Sequence[str] = CONFIG_IDS,
    label: NDArray[np.int64] | None = None,
) -> RunStore:
    """Writes study.json and the predictions, notes and (made-up) models of a refit.

    Args:
        root: folder of the run.
        accuracy: of the heads of every space.
        spaces: those that were refitted.
        config_ids: of the configs.
        label: joint class of every photo where it differs from `made_labels`; the predictions
            are those of the original labels.
    """
    store = RunStore(root)
    store.predictions.mkdir(parents=True)
    (root / "models").mkdir()
    (store.predictions / "parts").mkdir()
    store.write_study(
        {
            "config": {"seed": 0, "margin": 0.005},
            "data": {
                "schema": SCHEMA.to_dict(),
                "photos": PEOPLE * PHOTOS,
                "people": PEOPLE,
                "fingerprint": "abc",
                "stored_size": [48, 40],
            },
            "blocks": {space: LINEUP.to_dict()[space] for space in spaces},
            "versions": {"headrace": "0.1.0"},
        }
    )
    RefitNote(
        shape=Shape(folds=FOLDS, seeds=SEEDS, configs=len(config_ids) - 1),
        notes=(),
        configs={f"{s}.{config_id}": flat_config(s) for s in spaces for config_id in config_ids},
    ).write(store)
    _write_truth(store, made_labels()[0] if label is None else label)
    for number, space in enumerate(spaces):
        for position, config_id in enumerate(config_ids):
            for seed in range(SEEDS):
                _write_config(
                    store, f"{space}.{config_id}.{seed}", accuracy[space], number, position
                )
    return store


def fold_of_photo() -> NDArray[np.int64]:
    """Returns the fold of every photo."""
    return made_labels()[1] // SCHEMA.num_joint % FOLDS


def attribute_columns(schema: LabelSchema, label: NDArray[np.int64]) -> dict[str, list[str]]:
    """Returns the columns of `truth.csv` that joint labels [N] mean."""
    codes = schema.attribute_codes(label)
    return {
        f"attribute:{each.name}": [each.classes[code] for code in codes[:, axis]]
        for axis, each in enumerate(schema.attributes)
    }


def write_parts(folder: Path, name: str, heads: Mapping[str, Probs]) -> None:
    """Writes what the trainings of a config and seed left of these predictions."""
    fold, note = fold_of_photo(), json.dumps({"mean": MEAN, "std": STD})
    for number in range(FOLDS):
        rows = np.flatnonzero(fold == number)
        own = {head: probs[rows] for head, probs in heads.items()}
        path = folder / "parts" / f"{name}.{number}.npz"
        np.savez(path, indices=rows, seconds=1.0, note=note, **own)


def _write_truth(store: RunStore, label: NDArray[np.int64]) -> None:
    person = made_labels()[1]
    columns = {
        "sample": [f"{n}.jpg" for n in range(len(label))],
        "group": [f"p{n:02}" for n in person],
        "label": label,
        "fold": fold_of_photo(),
        "held_out": (person // SCHEMA.num_joint == PEOPLE // SCHEMA.num_joint - 1).astype(int),
        **attribute_columns(SCHEMA, label),
    }
    pd.DataFrame(columns).to_csv(store.predictions / "truth.csv", index=False)


def _write_config(store: RunStore, name: str, accuracy: float, *key: int) -> None:
    label, seed = made_labels()[0], int(name.rsplit(".", 1)[1])
    heads = {
        prefix + head: noisy(label, head, accuracy, *key, seed, mirrored, n)
        for n, head in enumerate(LINEUP.heads(name.rsplit(".", 2)[0]))
        for mirrored, prefix in enumerate(("", "mirrored."))
    }
    np.savez(store.predictions / f"{name}.npz", **heads)
    write_parts(store.predictions, name, heads)
    for fold in range(FOLDS):
        model = store.root / "models" / f"{name}.{fold}.safetensors"
        model.write_text(f"weights of {name}.{fold}", encoding="utf-8")
