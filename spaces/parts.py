"""The default config of every built-in space, by section."""

from spaces.groups import Flat
from spaces.scale import Scale
from spaces.space import Schema

AGE = "age"
_OLDEST = 120


def has_raw_age(schema: Schema) -> bool:
    """Returns whether the data has an attribute age with the raw number."""
    return AGE in schema and schema[AGE].has_raw


def age_cuts(schema: Schema) -> tuple[int, ...]:
    """Returns the ages from which training may call a person old, the true one first.

    Empty where the data has no raw ages, or bins that are not cut at a whole year.
    """
    if not has_raw_age(schema):
        return ()
    below, last = (0.0, *schema[AGE].edges)[-2:]
    if last != int(last) or last > _OLDEST:
        return ()
    return tuple(age for age in range(int(last), int(last) - 4, -1) if age > below)


def default_config(schema: Schema, scale: Scale, *, with_age: bool) -> Flat:
    """Returns the default config without its target: plain cross-entropy, mild augmentation.

    Args:
        schema: of the data; decides whether age options exist.
        scale: names the first backbone, input size and batch size.
        with_age: whether the space predicts age, alone or among others.
    """
    config: Flat = {
        "backbone.name": scale.backbones[0],
        "backbone.pretrained": scale.pretrained,
        "backbone.frozen_stages": 0,
        "backbone.drop_path": 0.0,
        "input.size": scale.input_sizes[0],
        "input.crop": "full",
        "augment.flip": 0.5,
        "augment.rotate": 5.0,
        "augment.shift": 0.02,
        "augment.scale": 0.05,
        "augment.colour": 0.1,
        "augment.grayscale": 0.0,
        "augment.erase": 0.0,
        "augment.mixup": 0.0,
        "augment.half_cutmix": 0.0,
        "optim.name": "adamw",
        "optim.lr": scale.default_lr,
        "optim.weight_decay": 1e-3,
        "optim.layer_decay": 1.0,
        "optim.head_lr_ratio": 1.0,
        "optim.batch_size": scale.batch_sizes[0],
        "optim.warmup": 0.1,
        "optim.schedule": "cosine",
        "optim.ema": 0.0,
        "optim.clip_norm": 1.0,
        "head.kind": "softmax",
        "head.hidden": 0,
        "head.dropout": 0.0,
        "loss.name": "ce",
        "loss.smoothing": 0.05,
        "sampler.power": 0.0,
        "schedule.epochs": scale.max_epochs,
    }
    cuts = age_cuts(schema)
    if with_age and cuts:
        config |= {"age.old_from": cuts[0], "age.drop": "none", "age.aux_weight": 0.0}
    return config
