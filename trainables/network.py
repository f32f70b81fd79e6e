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
from trainables.targets import HeadShape


class Network(nn.Module):
    """One backbone, one head per output name; every head reads the same features."""

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

    def weights(self) -> dict[str, Tensor]:
        """Returns all that decides the predictions, not copied.

        Beside the state there are the constants of heads, such as class boundaries in units of
        the training data, which a network built without that data cannot know.
        """
        return {**self.state_dict(), **self._constants()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Makes this network predict as the one with the same config whose `weights()` they are.

        Raises:
            RuntimeError: they are of a network with other layers.
        """
        constants = self._constants()
        for name, value in constants.items():
            if name not in weights or weights[name].shape != value.shape:
                raise RuntimeError(f"no {name!r} of shape {tuple(value.shape)}")
        self.load_state_dict({n: v for n, v in weights.items() if n not in constants})
        for name, value in constants.items():
            value.copy_(weights[name])

    def _constants(self) -> dict[str, Tensor]:
        state = self.state_dict()
        named = {f"heads.{name}": value for name, value in self.heads.named_buffers()}
        return {name: value for name, value in named.items() if name not in state}

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
    config: TrialConfig, backbone: LoadedBackbone, shapes: Mapping[str, HeadShape]
) -> Network:
    """Builds the heads of these shapes on the backbone.

    Raises:
        ConfigError: an attribute lacks what its head needs.
    """
    specs = {}
    for name, shape in shapes.items():
        spec = HeadSpec(
            num_features=backbone.num_features,
            num_classes=shape.num_classes,
            hidden=config.head.hidden,
            dropout=config.head.dropout,
            loss=config.loss,
            edges=shape.edges,
            raw_mean=shape.raw_mean,
            raw_std=shape.raw_std,
        )
        specs[name] = (shape.kind, spec)
    return Network(backbone, specs)


def _module_name(name: str) -> str:
    # The prefix keeps attributes such as "type" from hiding a member of ModuleDict; torch forbids
    # dots.
    return "head_" + name.replace("%", "%25").replace(".", "%2E")
