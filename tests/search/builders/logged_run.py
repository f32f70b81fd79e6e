"""A finished run of two attributes as its files would have it, without a single training."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from search.prepare.saved_run import SavedRun
from search.prepare.space_result import SpaceResult
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.store.run_store import RunStore
from search.verdict.logged_reasons import Logged
from tests.search.builders.made import made_record
from trainables.blocks import Block, FlatValue, Form
from trainables.data.schema import Attribute, LabelSchema

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="mask", classes=("normal", "wear")),
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
NUM_FOLDS, NUM_SEEDS = 2, 3
DEFAULT = {"optim.lr": 0.1, "schedule.epochs": 3}
BEST = {"optim.lr": 0.2, "schedule.epochs": 3}


def made_truth(num_people: int = 60) -> Truth:
    """Returns two photos a person, every fifth held out; the search chose by the first others."""
    person = np.repeat(np.arange(num_people), 2)
    return Truth(
        label=2 * (person % 2) + np.tile([0, 1], num_people),
        group=person.astype(str),
        fold=(person // 2) % NUM_FOLDS,
        held_out=person % 5 == 0,
        chose=(person % 5 != 0) & (person < 25),
        raw={},
    )


def made_probabilities(classes, num_classes, accuracy, seed):
    """Returns probabilities [S, N, K] that point at the true class with the given probability."""
    rng = np.random.default_rng(seed)
    right = rng.random((NUM_SEEDS, len(classes))) < accuracy
    guess = np.where(right, classes, (classes + 1) % num_classes)
    # No two trainings predict the very same.
    sure = (0.9 - 1e-6 * np.arange(NUM_SEEDS))[:, None, None]
    return (1 - sure) / num_classes + sure * np.eye(num_classes)[guess]


def made_run(root: Path, *, best=BEST, configs=True, searched=1.0, fresh=0.6) -> Logged:
    """Returns a run whose search scored `searched` and whose refit `fresh` of the photos right.

    Args:
        root: folder of the run; validation predictions and parts are written to it.
        best: config of trial 1, the best; trial 0 is the default config.
        configs: whether the refit wrote its configs.
        searched: share of photos right, a space, in the search.
        fresh: the same in the refit, of the config_id "1"; the default is always right.
    """
    store, truth = RunStore(root), made_truth()
    (store.predictions / "parts").mkdir(parents=True)
    codes = SCHEMA.attribute_codes(truth.label)
    classes = {"gender": codes[:, 0], "mask": codes[:, 1], "joint": truth.label}
    predictions = {
        space: {
            config_id: {
                head: made_probabilities(
                    classes[head], SCHEMA.num_classes(head), accuracy, seed=number
                )
                for number, head in enumerate(LINEUP.heads(space))
            }
            for config_id, accuracy in (("1", fresh), ("default", 1.0))
        }
        for space in SPACES
    }
    results = tuple(_result(space, best) for space in SPACES)
    validation = np.flatnonzero(truth.chose)
    for result in results:
        target = "joint" if result.name == "multihead" else result.name
        probs = made_probabilities(classes[target], SCHEMA.num_classes(target), searched, seed=9)
        path = store.validation_path(result.name, result.best.number)
        np.savez(path, indices=validation, probabilities=probs[0][validation])
    config_ids = {"1": best, "default": DEFAULT}
    named = {f"{space}.{i}": c for space in SPACES for i, c in config_ids.items()}
    note = RefitNote(
        shape=Shape(folds=NUM_FOLDS, seeds=NUM_SEEDS, configs=1),
        notes=(),
        configs=named if configs else {},
    )
    refitted = Refitted(
        store=store,
        lineup=LINEUP,
        truth=truth,
        note=note,
        seeds=tuple(range(NUM_SEEDS)),
        predictions=predictions,
    )
    return Logged(run=SavedRun(study={}, schema=SCHEMA, results=results), refitted=refitted)


def with_configs(
    logged: Logged, configs: Mapping[str, Mapping[str, FlatValue]], **shape: float
) -> Logged:
    """Returns a run whose refit noted these configs, and another shape where given."""
    note = logged.refitted.note
    changed = replace(note, configs=configs, shape=replace(note.shape, **shape))
    return replace(logged, refitted=replace(logged.refitted, note=changed))


def built_of(logged: Logged):
    """Returns the approaches of a run by name, as the verdict builds them."""
    return {part.name: part for part in logged.refitted.build()}


def write_part(logged: Logged, space: str, config_id: str, seed: int, fold: int, **note: object):
    """Writes what one training of the refit left: its seconds and, where given, its note."""
    extra = {"note": json.dumps(note)} if note else {}
    refitted = logged.refitted
    rows = refitted.truth.folds.out(fold)
    for head, probs in refitted.predictions[space].get(config_id, {}).items():
        extra[f"head:{head}"] = probs[min(seed, NUM_SEEDS - 1)][rows]
    path = logged.refitted.store.predictions / "parts" / f"{space}.{config_id}.{seed}.{fold}.npz"
    np.savez(path, indices=rows, seconds=2.5, **extra)


def _result(space: str, best) -> SpaceResult:
    records = (
        made_record(0, {1: 0.2}, space=space, config=DEFAULT, device_seconds=10.0),
        made_record(1, {1: 0.8}, space=space, config=dict(best), device_seconds=5.0),
    )
    return SpaceResult(name=space, records=records, best=records[1], interval=None)
