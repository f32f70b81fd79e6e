"""Optimizer and learning-rate schedule of a config."""

import math
from collections.abc import Collection

import torch
from timm.optim._param_groups import param_groups_layer_decay
from torch import nn

from trainables.config import SGD, AdamW


def build_optimizer(
    config: AdamW | SGD, backbone: nn.Module, heads: nn.Module
) -> torch.optim.Optimizer:
    """Builds the optimizer; each group's `lr_scale` is its share of the base learning rate.

    Biases and normalisation weights of the backbone are not decayed, nor what its model in timm
    says must not be, such as the embeddings of positions in a transformer; layer decay follows
    timm's layer groups; the heads have `head_lr_ratio` times the base learning rate.
    """
    groups = []
    exempt: Collection[str] = getattr(backbone, "no_weight_decay", tuple)()
    trainable = {id(p) for p in backbone.parameters() if p.requires_grad}
    for group in param_groups_layer_decay(
        backbone,
        weight_decay=config.weight_decay,
        no_weight_decay_list=exempt,
        layer_decay=config.layer_decay,
    ):
        params = [p for p in group["params"] if id(p) in trainable]
        if params:
            groups.append({**group, "params": params})
    groups.append(
        {
            "params": list(heads.parameters()),
            "weight_decay": config.weight_decay,
            "lr_scale": config.head_lr_ratio,
        }
    )
    if isinstance(config, AdamW):
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    # On the CPU the fused one rounds otherwise, and a score of before could not be replayed.
    fused = next(heads.parameters()).is_cuda
    return torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, nesterov=True, fused=fused
    )


def lr_factor(config: AdamW | SGD, step: int, num_steps: int) -> float:
    """Returns the share of the base learning rate at optimizer step `step` of `num_steps`."""
    warm = config.warmup * num_steps
    if step < warm:
        return (step + 1) / (warm + 1)
    if config.schedule == "constant":
        return 1.0
    progress = (step - warm) / max(1.0, num_steps - warm)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Sets the base learning rate; every group keeps its own share."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
