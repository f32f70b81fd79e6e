"""What of a config timm's training script has no option for."""

from collections.abc import Callable
from typing import TypeAlias

from trainables.config import TrialConfig

_Loss: TypeAlias = tuple[Callable[[TrialConfig], object], str]

# When it applies, and what is said then; c is the config.
_OF_THE_MODEL: tuple[_Loss, ...] = (
    (
        lambda c: c.target.kind == "multihead",
        "target.kind=multihead: a head an attribute becomes one softmax over the joint label; "
        "task_weight.* has no meaning then",
    ),
    (
        lambda c: c.head.kind != "softmax",
        "head.kind={c.head.kind}: becomes a softmax over the classes, trained by cross-entropy",
    ),
    (lambda c: c.head.hidden, "head.hidden={c.head.hidden}: becomes a linear classifier"),
    (
        lambda c: c.backbone.frozen_stages,
        "backbone.frozen_stages={c.backbone.frozen_stages}: every layer is trained",
    ),
    (
        lambda c: c.loss.name in ("focal", "f1", "ce_f1"),
        "loss.name={c.loss.name}: becomes cross-entropy",
    ),
    (
        lambda c: c.age and c.age.aux_weight,
        "age.aux_weight={c.age.aux_weight:.3g}: there is no second head for the raw age",
    ),
)
_OF_THE_OPTIMIZER: tuple[_Loss, ...] = (
    (
        lambda c: c.optim.head_lr_ratio != 1,
        "optim.head_lr_ratio={c.optim.head_lr_ratio:.3g}: the classifier learns at lr",
    ),
    (
        lambda c: c.optim.ema,
        "optim.ema={c.optim.ema}: the decay is the same, its warm-up another formula",
    ),
    (
        lambda c: c.optim.warmup,
        "optim.warmup={c.optim.warmup:.3g}: timm's cosine runs from the first step, headrace's "
        "from the end of the warm-up",
    ),
    (
        lambda _: True,
        "batches: an epoch's last incomplete batch is dropped, where headrace evens sizes out",
    ),
    (
        lambda _: True,
        "score: timm keeps the checkpoint of the best top-1 accuracy, headrace scores the "
        "macro-F1 after the last epoch",
    ),
    (lambda _: True, "seed: the same number would draw other weights and batches"),
)
_OF_THE_DATA: tuple[_Loss, ...] = (
    (
        lambda c: c.sampler.power,
        "sampler.power={c.sampler.power:.3g}: photos are drawn once an epoch, whatever the class",
    ),
    (
        lambda c: c.age,
        "age.old_from={c.age.old_from}: sort the training photos into the folders by that age",
    ),
    (
        lambda c: c.age and c.age.drop != "none",
        "age.drop={c.age.drop}: leave people of those ages out of FOLDER/train",
    ),
    (
        lambda c: c.input.crop != "full",
        "input.crop={c.input.crop}: a window of that size and shape lies anywhere in the photo "
        "in training",
    ),
    (
        lambda _: True,
        "evaluation: a central square, crop_pct of the shorter side, where headrace squashes "
        "its crop to a square",
    ),
    (lambda c: c.augment.rotate, "augment.rotate={c.augment.rotate:.3g} degrees: no rotation"),
    (lambda c: c.augment.shift, "augment.shift={c.augment.shift:.3g}: no shift of the window"),
    (
        lambda c: c.augment.scale and c.input.crop == "full",
        "augment.scale={c.augment.scale:.3g}: it only zooms in",
    ),
    (
        lambda c: c.augment.erase,
        "augment.erase={c.augment.erase:.3g}: the rectangle may cover a third of the photo, "
        "headrace's a tenth",
    ),
    (
        lambda c: c.augment.half_cutmix,
        "augment.half_cutmix={c.augment.half_cutmix:.3g}: becomes a box of half the area "
        "(cutmix) in place of the left or right half",
    ),
)


def losses(config: TrialConfig) -> tuple[str, ...]:
    """Returns a sentence for everything of a config that timm's train.py cannot do."""
    tables = (*_OF_THE_MODEL, *_OF_THE_OPTIMIZER, *_OF_THE_DATA)
    return tuple(text.format(c=config) for applies, text in tables if applies(config))
