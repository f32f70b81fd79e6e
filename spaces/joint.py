"""One model with one softmax over the joint label of all attributes."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import age_cuts, default_config
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "joint"


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config."""
    return default_config(schema, scale, with_age=True)


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
    if cuts := age_cuts(schema):
        config |= groups.age(trial, cuts, auxiliary=True)
    return config
