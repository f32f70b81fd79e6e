"""What can be checked before anything runs: every space against data, timm and weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from search.errors import UsageError
from search.prepare.prepared import max_epochs
from search.tuning.journal import sample_configs
from search.tuning.known_configs import check_warm_starts
from spaces.errors import SpaceError
from spaces.scale import IMAGENET_BACKBONES, SMALL_BACKBONES, Scale
from spaces.space import Space
from trainables.backbone import check_backbone, check_shape
from trainables.config import Backbone, TrialConfig
from trainables.data.schema import LabelSchema
from trainables.errors import in_short

_NUM_SAMPLES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the spaces of a run offer together.

    Attributes:
        largest_input: side of the largest network input in pixels.
        backbones: timm names, sorted.
    """

    largest_input: int
    backbones: tuple[str, ...]


def check_gpu() -> None:
    """Makes sure that PyTorch can use the GPU that Ray counts on this machine.

    Raises:
        UsageError: it cannot, as with a driver that is too old for it; says why.
    """
    if torch.cuda.is_available():
        return
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        why = in_short(error)
    else:
        why = "it finds none"
    raise UsageError(
        f"PyTorch must be able to use the GPU that this machine has, got: {why}; update the "
        "NVIDIA driver, install the PyTorch that fits it, or train on CPUs with an empty "
        "CUDA_VISIBLE_DEVICES before the command (CUDA_VISIBLE_DEVICES= headrace run ...)"
    )


def check_spaces(
    spaces: Iterable[Space], schema: LabelSchema, scale: Scale, weights_dir: Path | None
) -> Offer:
    """Checks a sample of every space and returns what they offer.

    Raises:
        SpaceError: a space searches the number of epochs, or a warm start is not in it.
        ConfigError: a space offers a config that is not valid, or a model that timm lacks.
        WeightsError: pretrained weights are wanted and cannot be had.
    """
    sizes, backbones = set(), set()
    odd: dict[str, set[tuple[int, int, float]]] = {}
    for space in spaces:
        epochs = max_epochs(space, schema, scale)
        check_warm_starts(space, schema, scale)
        for flat in sample_configs(space, schema, scale, _NUM_SAMPLES, seed=0):
            config = TrialConfig.from_flat(flat)
            if config.schedule.epochs != epochs:
                raise SpaceError(
                    f"schedule.epochs must be the same for all trials of space {space.name!r} "
                    f"(early stopping compares them by epoch), got {epochs} and "
                    f"{config.schedule.epochs}; leave it to --max-epochs"
                )
            sizes.add(config.input.size)
            backbones.add((config.backbone.name, config.backbone.pretrained))
            if config.backbone.name not in (*SMALL_BACKBONES, *IMAGENET_BACKBONES):
                used = (
                    config.input.size,
                    config.backbone.frozen_stages,
                    config.backbone.drop_path,
                )
                odd.setdefault(config.backbone.name, set()).add(used)
    for name, pretrained in sorted(backbones):
        check_backbone(
            Backbone(name=name, pretrained=pretrained, frozen_stages=0, drop_path=0.0), weights_dir
        )
    for name, used_so in sorted(odd.items()):
        frozen, drop_path = (max(each[place] for each in used_so) for place in (1, 2))
        for size in sorted({each[0] for each in used_so}):
            check_shape(name, size, int(frozen), drop_path)
    names = tuple(sorted({name for name, _ in backbones}))
    return Offer(largest_input=max(sizes), backbones=names)
