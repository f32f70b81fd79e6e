"""A finished refit with controlled trainings as files, made up: how well each does is given."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from search.refit.files import DEFAULT_CONFIG, read_truth
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from search.why.controls import Refitted, Training
from trainables.data.schema import Attribute, LabelSchema

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="mask", classes=("wear", "none")),
    ),
)
SPACES = ("gender", "mask", "joint", "multihead")
PHOTOS, PEOPLE, FOLDS = 3, 240, 4

Accuracy = Callable[[str, str], float]
"""How often a model of (space, config_id) is right."""


def config_of(space: str, **changes: object) -> dict[str, object]:
    """A config that differs between spaces, and holds what controls change."""
    own = {"gender": 0.01, "mask": 0.02, "joint": 0.03, "multihead": 0.04}
    kind = space if space in ("joint", "multihead") else "attribute"
    target = {"target.kind": kind, **({"target.attribute": space} if kind == "attribute" else {})}
    return {**target, "optim.lr": own[space], "sampler.power": 0.25, **changes}


def made_refitted(num_seeds: int = 2, num_folds: int = FOLDS) -> Refitted:
    """What a refit of four spaces left."""
    return Refitted(
        attributes=SCHEMA.names,
        approaches=("separate", "joint", "multihead"),
        winners={name: Training(config_id="1", config=config_of(name)) for name in SPACES},
        defaults={name: config_of(name, **{"optim.lr": 0.1}) for name in SPACES},
        seeds=tuple(range(num_seeds)),
        num_folds=num_folds,
        noisy="gender",
        seed=0,
    )


def made_store(root: Path, refitted: Refitted, accuracy: Accuracy) -> RunStore:
    """Writes truth, notes and the winners' predictions of a refit."""
    store = RunStore(root)
    store.predictions.mkdir(parents=True)
    labels = np.repeat(np.random.default_rng(0).integers(0, 4, PEOPLE), PHOTOS)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    rows = zip(person, labels, person % FOLDS, person % 5 == 0, strict=True)
    lines = [f"{n}.png,p{p:03},{y},{f},{int(h)}" for n, (p, y, f, h) in enumerate(rows)]
    text = "\n".join(["sample,group,label,fold,held_out", *lines])
    (store.predictions / "truth.csv").write_text(text + "\n", encoding="utf-8")
    configs = {f"{name}.1": dict(refitted.winners[name].config) for name in SPACES}
    configs |= {f"{name}.{DEFAULT_CONFIG}": dict(refitted.defaults[name]) for name in SPACES}
    note = {"schema": 1, "configs": configs, "notes": []}
    (store.predictions / "refit.json").write_text(json.dumps(note), encoding="utf-8")
    for space, winner in refitted.winners.items():
        for seed in refitted.seeds:
            heads = made_heads(labels, space, winner.config_id, seed, accuracy)
            path = store.predictions / f"{space}.{winner.config_id}.{seed}.npz"
            np.savez(path, **heads, **mirrored(heads))
    return store


def folds_of(store: RunStore) -> Folds:
    """The folds of such a refit."""
    return Folds(of_sample=read_truth(store.predictions / "truth.csv").fold, num_folds=FOLDS)


def write_units(store: RunStore, units: Iterable[Unit], accuracy: Accuracy) -> None:
    """Writes the parts of units as if they had been trained."""
    folds = folds_of(store)
    labels = read_truth(store.predictions / "truth.csv").label
    parts = store.predictions / "why" / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    for unit in units:
        heads = made_heads(labels, unit.space, unit.config_id, unit.seed, accuracy)
        out = folds.out(unit.fold)
        extra = {"indices": out, "seconds": 1.0, "key": folds.key(unit), "note": "{}"}
        found = {head: probs[out] for head, probs in heads.items()}
        np.savez(parts / f"{unit.name}.npz", **extra, **found, **mirrored(found))


def mirrored(heads: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same probabilities as if they were those of the mirrored photos."""
    return {f"mirrored.{head}": probs for head, probs in heads.items()}


def made_heads(
    labels: np.ndarray, space: str, config_id: str, seed: int, accuracy: Accuracy
) -> dict[str, np.ndarray]:
    """Probabilities of every head of a model that is right as often as told."""
    key = sum(ord(letter) * place for place, letter in enumerate(f"{space}.{config_id}.{seed}", 1))
    rng = np.random.default_rng(key)
    codes = SCHEMA.attribute_codes(labels)
    truths = {"joint": (labels, 4)} if space == "joint" else {}
    for column, name in enumerate(SCHEMA.names):
        if space in (name, "multihead"):
            truths[name] = (codes[:, column], 2)
    found = {}
    for head, (true, size) in truths.items():
        right = rng.random(len(true)) < accuracy(space, config_id)
        other = (true + rng.integers(1, size, len(true))) % size
        sure = np.where(right, true, other)
        found[head] = (0.1 / size + 0.9 * np.eye(size)[sure]).astype(np.float32)
    return found
