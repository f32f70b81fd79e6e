"""Cumulative logits: K-1 binary questions "is the class above k?" with one shared direction.

The CORAL head of Cao, Mirjalili and Raschka (2020): one weight vector and ordered biases make the
K-1 probabilities fall with k, so that their differences are class probabilities.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.heads import HeadSpec, HeadTarget, layers


class OrdinalHead(nn.Module):
    """Ordered classes through cumulative probabilities."""

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        self.layers = layers(spec, 1)
        start = torch.linspace(1.0, -1.0, spec.num_classes - 1)
        self.first = nn.Parameter(start[:1].clone())
        # Steps go through softplus: the biases stay ordered whatever the optimizer does.
        step = 2.0 / max(1, spec.num_classes - 2)
        self.steps = nn.Parameter(
            torch.full((spec.num_classes - 2,), step).expm1().clamp_min(1e-3).log()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Returns cumulative logits [B, K-1], falling along the classes."""
        falls = functional.softplus(self.steps).cumsum(dim=0)
        biases = torch.cat([self.first, self.first - falls])
        logits: Tensor = self.layers(features) + biases
        return logits

    def loss(self, outputs: Tensor, target: HeadTarget) -> Tensor:
        """Returns the mean binary cross-entropy of the K-1 questions."""
        above = target.classes.flip(1).cumsum(dim=1).flip(1)[:, 1:].clamp(0, 1)
        return functional.binary_cross_entropy_with_logits(outputs.to(torch.float32), above)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Returns differences of the cumulative probabilities [B, K]."""
        # Logits fall along the classes; rounding, in half precision above all, must not undo it.
        above = outputs.to(torch.float32).sigmoid().cummin(dim=1).values
        one, zero = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
        return torch.cat([one, above], dim=1) - torch.cat([above, zero], dim=1)


def build(spec: HeadSpec) -> nn.Module:
    """Builds the head; two classes make it logistic regression."""
    return OrdinalHead(spec)
