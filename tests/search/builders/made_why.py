"""A finished refit with controlled trainings as files, made up: how well each does is given."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.unit_file import TrainedUnit
from search.refit.units import DEFAULT_CONFIG, Unit
from search.store.run_store import RunStore
from search.why.controls import ControlDesign, Training
from search.why.record import why_files
from trainables.blocks import Block, Form
from trainables.data.schema import Attribute, LabelSchema

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="mask", classes=("wear", "none")),
    ),
)
LINEUP = Lineup(
    schema=SCHEMA,
    blocks={
        "gender": Block(("gender",), Form.SOFTMAX),
        "mask": Block(("mask",), Form.SOFTMAX),
        "joint": Block(SCHEMA.names, Form.SOFTMAX),
        "multihead": Block(SCHEMA.names, Form.HEADS),
    },
)
SPACES = tuple(LINEUP.blocks)
PHOTOS, PEOPLE, FOLDS = 3, 240, 4

Accuracy = Callable[[str, str], float]
"""How often a model of (space, config_id) is right."""


def config_of(space: str, **changes: object) -> dict[str, object]:
    """A config that differs between spaces, and holds what controls change."""
    own = {"gender": 0.01, "mask": 0.02, "joint": 0.03, "multihead": 0.04}
    block = LINEUP.blocks[space]
    target = {"target.attributes": block.attributes, "target.form": block.form.value}
    return {**target, "optim.lr": own[space], "sampler.power": 0.25, **changes}


def made_design(num_seeds: int = 2, num_folds: int = FOLDS) -> ControlDesign:
    """What controls of a refit of four spaces change."""
    return ControlDesign(
        lineup=LINEUP,
        winners={name: Training(config_id="1", config=config_of(name)) for name in SPACES},
        defaults={name: config_of(name, **{"optim.lr": 0.1}) for name in SPACES},
        seeds=tuple(range(num_seeds)),
        num_folds=num_folds,
        noisy="gender",
        seed=0,
    )


def made_refitted(root: Path, design: ControlDesign, accuracy: Accuracy) -> Refitted:
    """Writes truth, notes and the winners' predictions of a refit, and reads it."""
    store = RunStore(root)
    store.predictions.mkdir(parents=True)
    labels = np.repeat(np.random.default_rng(0).integers(0, 4, PEOPLE), PHOTOS)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    rows = zip(person, labels, person % FOLDS, person % 5 == 0, strict=True)
    names = [
        ",".join(each.classes[code] for each, code in zip(SCHEMA.attributes, codes, strict=True))
        for codes in SCHEMA.attribute_codes(labels)
    ]
    lines = [f"{n}.png,p{p:03},{y},{f},{int(h)},{names[n]}" for n, (p, y, f, h) in enumerate(rows)]
    text = "\n".join(["sample,group,label,fold,held_out,gender,mask", *lines])
    (store.predictions / "truth.csv").write_text(text + "\n", encoding="utf-8")
    store.write_study({"blocks": LINEUP.to_dict()})
    configs = {f"{name}.1": dict(design.winners[name].config) for name in SPACES}
    configs |= {f"{name}.{DEFAULT_CONFIG}": dict(design.defaults[name]) for name in SPACES}
    shape = Shape(folds=design.num_folds, seeds=len(design.seeds), configs=1)
    RefitNote(shape=shape, notes=(), configs=configs).write(store)
    refitted = itertools.product(SPACES, ("1", DEFAULT_CONFIG))
    for space, config_id in refitted:
        for seed in design.seeds:
            heads = made_heads(labels, space, config_id, seed, accuracy)
            path = store.predictions / f"{space}.{config_id}.{seed}.npz"
            np.savez(path, **heads, **mirrored(heads))
    return Refitted.read(store, LINEUP)


def write_units(refitted: Refitted, units: Iterable[Unit], accuracy: Accuracy) -> None:
    """Writes the parts of units as if they had been trained."""
    folds, labels = refitted.truth.folds, refitted.truth.label
    files = why_files(refitted.store)
    for unit in units:
        heads = made_heads(labels, unit.space, unit.config_id, unit.seed, accuracy)
        out = folds.out(unit.fold)
        found = {head: probs[out] for head, probs in heads.items()}
        trained = TrainedUnit(
            indices=out,
            seconds=1.0,
            key=folds.key(unit),
            note={},
            heads=found,
            mirrored=found,
        )
        files.write_unit(unit, trained)


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
    truths = {
        head: (SCHEMA.codes(codes, names), SCHEMA.only(names).num_joint)
        for head, names in LINEUP.heads(space).items()
    }
    found = {}
    for head, (true, size) in truths.items():
        right = rng.random(len(true)) < accuracy(space, config_id)
        other = (true + rng.integers(1, size, len(true))) % size
        sure = np.where(right, true, other)
        found[head] = (0.1 / size + 0.9 * np.eye(size)[sure]).astype(np.float32)
    return found
