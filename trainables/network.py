"""Backbone and heads as one module, and the moving average of its weights."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainables import heads
from trainables.backbone import LoadedBackbone, set_training
from trainables.config import TrialConfig
from trainables.heads import HeadSpec
from trainables.targets import HeadTargets


class Network(nn.Module):
    """One backbone, one head an output name; every head reads the same features."""

    def __init__(self, backbone: LoadedBackbone, specs: dict[str, tuple[str, HeadSpec]]) -> None:
        super().__init__()
        self.backbone = backbone.module
        self.heads = nn.ModuleDict(
            {_module_name(name): heads.build(kind, spec) for name, (kind, spec) in specs.items()}
        )
        self._names = tuple(specs)

    def head(self, name: str) -> Any:
        """Returns the head (see `trainables.heads.Head`) of an output name."""
        return self.heads[_module_name(name)]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Returns the outputs of every head by name, for network input [B, 3, S, S]."""
        return self.read(self.backbone(x))

    def read(self, features: Tensor) -> dict[str, Tensor]:
        """Returns the outputs of every head by name, for features [B, F]."""
        return {name: self.head(name)(features) for name in self._names}

    def start_training(self) -> None:
        """Switches to training mode; frozen normalisation layers stay as loaded."""
        self.train()
        set_training(self.backbone)


class MovingAverage:
    """Exponential moving average of a network's weights (Polyak and Juditsky 1992).

    The decay rises with the number of steps (as `min(decay, (1 + t) / (10 + t))`), so that a short
    training is not an average with its random start.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Moves the average towards the weights after step `step`; buffers are copied."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.network.parameters()), list(network.parameters()), 1 - decay
        )
        for mine, theirs in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(theirs)


def build_network(
    config: TrialConfig, backbone: LoadedBackbone, targets: Mapping[str, HeadTargets]
) -> Network:
    """Builds the heads of all targets on the backbone.

    Raises:
        ConfigError: an attribute lacks what its head needs.
    """
    specs = {}
    for name, target in targets.items():
        spec = HeadSpec(
            num_features=backbone.num_features,
            num_classes=target.num_classes,
            hidden=config.head.hidden,
            dropout=config.head.dropout,
            loss=config.loss,
            edges=target.edges,
            raw_mean=target.raw_mean,
            raw_std=target.raw_std,
        )
        specs[name] = (target.kind, spec)
    return Network(backbone, specs)


def _module_name(name: str) -> str:
    # The prefix keeps attributes such as "type" from hiding a member of ModuleDict; torch forbids
    # dots.
    return "head_" + name.replace("%", "%25").replace(".", "%2E")
