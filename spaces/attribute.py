"""Any attribute without a space file of its own; ordered classes may have an ordinal head."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import default_config
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "separate"


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config."""
    return default_config(schema, scale, with_age=False)


def suggest_for(attribute: str, trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:
    """Suggests one config for the attribute."""
    config = {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale),
        **groups.augment(trial, colour=0.3, erase=0.3, mixup=0.2, half_cutmix=0.3),
        **groups.optimizer(trial, scale),
        **groups.sampler(trial, high=0.7),
        **groups.head(trial, hidden=(0, 128)),
    }
    ordered = schema[attribute].ordered and len(schema[attribute].classes) > 2
    kind = "softmax"
    if ordered:
        kind = trial.suggest_categorical("head.kind", ("softmax", "ordinal"))
    if kind == "softmax":
        config |= groups.loss(trial)
    else:
        config["loss.name"] = "own"
    return config
