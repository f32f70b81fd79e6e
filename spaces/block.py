"""Some attributes together that have no space file of their own: one softmax, or a head each."""

import optuna

from spaces import groups
from spaces.groups import Flat
from spaces.parts import AGE, age_cuts
from spaces.scale import Scale
from spaces.space import Schema


def suggest_for(
    attributes: tuple[str, ...], form: str, trial: optuna.Trial, schema: Schema, scale: Scale
) -> Flat:
    """Suggests one config for the block."""
    config = {
        **groups.backbone(trial, scale),
        **groups.crop(trial, scale, ("full", "centre", "face", "narrow")),
        **groups.augment(trial, colour=0.2, erase=0.5, mixup=0.4, half_cutmix=0.6),
        **groups.optimizer(trial, scale, decay=1e-1),
        **groups.loss(trial),
        **groups.sampler(trial, high=0.5),
        **groups.head(trial, hidden=(0, 128, 256), dropout=0.7),
    }
    if form == "heads":
        for name in attributes:
            trial.suggest_float(f"task_weight.{name}", 0.25, 2.0)
    if AGE in attributes and (cuts := age_cuts(schema)):
        config |= groups.age(trial, cuts, auxiliary=True)
    return config
