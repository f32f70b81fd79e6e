"""A Gaussian over the raw number, integrated between the class boundaries.

Mean and variance are both learned (Nix and Weigend 1994); the class probability is the mass of the
Gaussian between the boundaries, so that a regression competes with the other heads on the same
scale.
"""

import math

import torch
from torch import Tensor, nn

from trainables.errors import ConfigError
from trainables.heads import HeadSpec, HeadTarget, layers


class RegressionHead(nn.Module):
    """Mean and log standard deviation of the standardised raw number."""

    edges: Tensor

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        self.layers = layers(spec, 2)
        edges = [(edge - spec.raw_mean) / spec.raw_std for edge in spec.edges]
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float32), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Returns mean and log standard deviation [B, 2]."""
        outputs: Tensor = self.layers(features)
        return outputs

    def loss(self, outputs: Tensor, target: HeadTarget) -> Tensor:
        """Returns the Gaussian negative log-likelihood of the raw numbers.

        Raises:
            ConfigError: the batch carries no raw number.
        """
        if target.raw is None:
            raise ConfigError("head.kind 'regression' needs the raw number of the attribute")
        mean, log_std = self._moments(outputs)
        return (log_std + 0.5 * ((target.raw - mean) * torch.exp(-log_std)).square()).mean()

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Returns the mass of the Gaussian in each class [B, K]."""
        mean, log_std = self._moments(outputs)
        z = (self.edges[None, :] - mean[:, None]) * torch.exp(-log_std)[:, None]
        below = 0.5 * (1 + torch.erf(z / math.sqrt(2)))
        one, zero = torch.ones_like(below[:, :1]), torch.zeros_like(below[:, :1])
        return torch.cat([below, one], dim=1) - torch.cat([zero, below], dim=1)

    def _moments(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = outputs.to(torch.float32).unbind(dim=1)
        # A standard deviation between 0.02 and 7 of the training spread keeps the likelihood
        # finite.
        return mean, log_std.clamp(-4, 2)


def build(spec: HeadSpec) -> nn.Module:
    """Builds the head.

    Raises:
        ConfigError: the attribute has no raw number to regress.
    """
    if not spec.edges:
        raise ConfigError(
            "head.kind 'regression' needs an attribute with raw numbers (bins in dataset.yaml); "
            "use 'softmax' or 'ordinal'"
        )
    return RegressionHead(spec)
