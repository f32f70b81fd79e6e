"""How a mask is worn: learnt in an epoch or two, colours matter, distortions do not help."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import default_config
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "separate"
ATTRIBUTE = "mask"


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config."""
    return default_config(schema, scale, with_age=False)


def suggest(trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:  # noqa: ARG001
    """Suggests one config."""
    return {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale),
        **groups.augment(trial, colour=0.3, erase=0.3, mixup=0.0, half_cutmix=0.0),
        **groups.optimizer(trial, scale),
        **groups.loss(trial, ("ce", "focal")),
        **groups.sampler(trial, high=1.0),
        **groups.head(trial),
    }
