"""Suggestion groups that several spaces share. Ranges follow what good finishers used, widened.

Every function suggests its parameters on the trial and returns the constants that complete its
section; parameter names are config paths.
"""

from collections.abc import Sequence

import optuna

from spaces.scale import Scale

# The ages that may be left out are those just below this boundary; other bins have other ages.
_DROPS_BELOW = 60

Flat = dict[str, str | int | float | bool]


def backbone(trial: optuna.Trial, scale: Scale, names: Sequence[str] = ()) -> Flat:
    """Which timm model, and how many of its first layer groups stay as loaded."""
    trial.suggest_categorical("backbone.name", tuple(names) or scale.backbones)
    if not scale.pretrained:
        return {"backbone.pretrained": False, "backbone.frozen_stages": 0}
    trial.suggest_int("backbone.frozen_stages", 0, 2)
    return {"backbone.pretrained": True}


def crop(
    trial: optuna.Trial,
    scale: Scale,
    crops: Sequence[str] = ("full", "centre", "face"),
    sizes: Sequence[int] = (),
) -> Flat:
    """What part of the photo the model sees, at which size."""
    trial.suggest_categorical("input.size", tuple(sizes) or scale.input_sizes)
    trial.suggest_categorical("input.crop", tuple(crops))
    return {}


def augment(
    trial: optuna.Trial, *, colour: float, erase: float, mixup: float, half_cutmix: float
) -> Flat:
    """Mild geometry always; the rest up to the given strengths (0 leaves it out of the space)."""
    trial.suggest_float("augment.rotate", 0.0, 10.0)
    trial.suggest_float("augment.shift", 0.0, 0.05)
    constants: Flat = {"augment.flip": 0.5, "augment.scale": 0.05, "augment.grayscale": 0.0}
    for name, high in (("colour", colour), ("erase", erase), ("mixup", mixup)):
        if high:
            trial.suggest_float(f"augment.{name}", 0.0, high)
        else:
            constants[f"augment.{name}"] = 0.0
    # A few values, not a range: exactly 0 would have no mass in a range.
    if half_cutmix:
        trial.suggest_categorical("augment.half_cutmix", (0.0, half_cutmix / 2, half_cutmix))
    else:
        constants["augment.half_cutmix"] = 0.0
    return constants


def optimizer(
    trial: optuna.Trial, scale: Scale, *, decay: float = 1e-2, head_ratio: float = 10.0
) -> Flat:
    """AdamW with its learning rates, weight decay and averaging of weights."""
    low, high = scale.lr
    constants: Flat = {
        "optim.name": "adamw",
        "optim.schedule": "cosine",
        "optim.clip_norm": 1.0,
        "optim.layer_decay": 1.0,
    }
    trial.suggest_float("optim.lr", low, high, log=True)
    trial.suggest_float("optim.weight_decay", 1e-6, decay, log=True)
    trial.suggest_categorical("optim.batch_size", scale.batch_sizes)
    trial.suggest_float("optim.warmup", 0.0, 0.2)
    trial.suggest_categorical("optim.ema", (0.0, 0.95, 0.99))
    trial.suggest_float("optim.head_lr_ratio", 1.0, head_ratio, log=True)
    if scale.pretrained:
        del constants["optim.layer_decay"]
        trial.suggest_float("optim.layer_decay", 0.65, 1.0)
    return constants


def loss(
    trial: optuna.Trial,
    choices: Sequence[str] = ("ce", "focal", "ce_f1", "f1"),
    *,
    smoothing: float = 0.1,
) -> Flat:
    """The loss of softmax heads and its parameters."""
    name = trial.suggest_categorical("loss.name", tuple(choices))
    if name == "focal":
        trial.suggest_float("loss.gamma", 0.5, 5.0)
    if name in ("ce", "ce_f1"):
        trial.suggest_float("loss.smoothing", 0.0, smoothing)
    if name == "ce_f1":
        trial.suggest_float("loss.f1_weight", 0.1, 0.9)
    return {}


def sampler(trial: optuna.Trial, high: float) -> Flat:
    """From every sample once an epoch (0) towards balanced classes (1)."""
    trial.suggest_float("sampler.power", 0.0, high)
    return {}


def head(trial: optuna.Trial, hidden: Sequence[int] = (0,), dropout: float = 0.5) -> Flat:
    """A linear head or one hidden layer, with dropout."""
    trial.suggest_float("head.dropout", 0.0, dropout)
    if len(hidden) == 1:
        return {"head.hidden": hidden[0]}
    trial.suggest_categorical("head.hidden", tuple(hidden))
    return {}


def age(trial: optuna.Trial, cuts: Sequence[int], *, auxiliary: bool) -> Flat:
    """Training-label cut, ages left out, auxiliary regression; scores keep the true labels."""
    constants: Flat = {}
    trial.suggest_categorical("age.old_from", tuple(cuts))
    if cuts[0] == _DROPS_BELOW:
        trial.suggest_categorical("age.drop", ("none", "57-59", "55-59", "57-59,27-29"))
    else:
        constants["age.drop"] = "none"
    if auxiliary:
        trial.suggest_categorical("age.aux_weight", (0.0, 0.05, 0.1, 0.2))
    else:
        constants["age.aux_weight"] = 0.0
    return constants
