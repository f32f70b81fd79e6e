"""Age: the hard attribute. Cuts, dropped ages, balanced sampling and regression compete.

Moving the training cut below 60, leaving 57-59 out, sampling old people more often and regressing
the raw age all act on the same thing, where the boundary to old lies; the search finds which of
them this data wants.
"""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import age_cuts, default_config, has_raw_age
from spaces.scale import Scale
from spaces.space import Schema

APPROACH = "separate"
ATTRIBUTE = "age"
# The cut that most high finishers used; a no-op on data without raw ages.
WARM_START = ({"age.old_from": 59},)


def default(schema: Schema, scale: Scale) -> Flat:
    """Returns the complete default config."""
    return default_config(schema, scale, with_age=True)


def suggest(trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:
    """Suggests one config."""
    config = {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale, ("full", "centre", "face", "narrow")),
        **groups.augment(trial, colour=0.2, erase=0.5, mixup=0.4, half_cutmix=0.6),
        **groups.optimizer(trial, scale, decay=5e-2),
        **groups.sampler(trial, high=0.7),
        **groups.head(trial, hidden=(0, 128, 256), dropout=0.7),
    }
    kinds = ("softmax", "ordinal", "regression") if has_raw_age(schema) else ("softmax", "ordinal")
    if trial.suggest_categorical("head.kind", kinds) == "softmax":
        config |= groups.loss(trial, smoothing=0.15)
    else:
        config["loss.name"] = "own"
    if cuts := age_cuts(schema):
        config |= groups.age(trial, cuts, auxiliary=False)
    return config
