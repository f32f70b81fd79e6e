"""One logit per class; the loss is the config's."""

import torch
from torch import Tensor, nn

from trainables.heads import HeadSpec, HeadTarget, layers
from trainables.losses import softmax_loss


class SoftmaxHead(nn.Module):
    """Softmax over the classes."""

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        self.layers = layers(spec, spec.num_classes)
        self._loss = spec.loss

    def forward(self, features: Tensor) -> Tensor:
        """Returns logits [B, K]."""
        logits: Tensor = self.layers(features)
        return logits

    def loss(self, outputs: Tensor, target: HeadTarget) -> Tensor:
        """Returns the config's loss on soft labels."""
        return softmax_loss(outputs, target.classes, self._loss)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Returns softmax probabilities [B, K]."""
        return outputs.to(torch.float32).softmax(dim=1)


def build(spec: HeadSpec) -> nn.Module:
    """Builds the head for any attribute or the joint label."""
    return SoftmaxHead(spec)
