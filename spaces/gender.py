"""Gender: hair and neck carry it, so wider and lower crops compete with the face."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import default_config
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "separate"
ATTRIBUTE = "gender"


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config."""
    return default_config(schema, scale, with_age=False)


def suggest(trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:  # noqa: ARG001
    """Suggests one config."""
    return {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale, ("full", "centre", "lower")),
        **groups.augment(trial, colour=0.3, erase=0.3, mixup=0.2, half_cutmix=0.3),
        **groups.optimizer(trial, scale),
        **groups.loss(trial, ("ce", "focal", "ce_f1")),
        **groups.sampler(trial, high=0.5),
        **groups.head(trial),
    }
