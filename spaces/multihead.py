"""One backbone with one head an attribute; the loss weights are searched."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import AGE, age_cuts, default_config
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "multihead"


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config: equal loss weights."""
    weights: Flat = {f"task_weight.{name}": 1.0 for name in schema.names}
    return {**default_config(schema, scale, with_age=True), **weights}


def suggest(trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:
    """Suggests one config."""
    config = {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale, ("full", "centre", "face", "narrow")),
        **groups.augment(trial, colour=0.2, erase=0.5, mixup=0.4, half_cutmix=0.6),
        **groups.optimizer(trial, scale, decay=1e-1),
        **groups.loss(trial),
        **groups.sampler(trial, high=0.5),
        **groups.head(trial, hidden=(0, 128, 256), dropout=0.7),
    }
    for name in schema.names:
        # Age is the hard attribute: finishers gave it up to twice the weight of the others.
        low, high = (0.5, 2.0) if name == AGE else (0.25, 1.0)
        trial.suggest_float(f"task_weight.{name}", low, high)
    if cuts := age_cuts(schema):
        config |= groups.age(trial, cuts, auxiliary=True)
    return config
