"""Losses of a softmax head on soft labels, so that mixup and CutMix need no second code path.

Shapes: logits [B, K], target [B, K] (rows sum to 1), every loss a scalar.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainables.config import CrossEntropy, CrossEntropyF1, Focal, HeadsOwn, SoftF1
from trainables.errors import ConfigError


def cross_entropy(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Mean cross-entropy; label smoothing mixes the target with the uniform distribution."""
    return functional.cross_entropy(logits, target, label_smoothing=smoothing)


def focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Focal loss -sum t (1-p)^gamma log p (Lin et al. 2017, eq. 4), t a soft label."""
    log_probs = logits.log_softmax(dim=1)
    # Below gamma 1 the slope of x^gamma at 0 is infinite, and at p = 1 the gradient would be NaN.
    rest = (1 - log_probs.exp()).clamp_min(torch.finfo(log_probs.dtype).eps)
    return -(target * rest.pow(gamma) * log_probs).sum(dim=1).mean()


def soft_f1(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the macro-F1 of soft counts over the classes the batch has."""
    probs = logits.softmax(dim=1)
    hits = (probs * target).sum(dim=0)
    f1 = 2 * hits / (probs.sum(dim=0) + target.sum(dim=0)).clamp_min(1e-8)
    present = (target.sum(dim=0) > 0).to(f1.dtype)
    return 1 - (f1 * present).sum() / present.sum().clamp_min(1)


def softmax_loss(
    logits: Tensor,
    target: Tensor,
    loss: CrossEntropy | Focal | SoftF1 | CrossEntropyF1 | HeadsOwn,
) -> Tensor:
    """Returns the loss that the config names.

    Raises:
        ConfigError: the loss belongs to another kind of head.
    """
    logits = logits.to(torch.float32)
    match loss:
        case CrossEntropy():
            return cross_entropy(logits, target, loss.smoothing)
        case Focal():
            return focal(logits, target, loss.gamma)
        case SoftF1():
            return soft_f1(logits, target)
        case CrossEntropyF1():
            plain = cross_entropy(logits, target, loss.smoothing)
            return (1 - loss.f1_weight) * plain + loss.f1_weight * soft_f1(logits, target)
        case HeadsOwn():
            raise ConfigError("loss.name 'own' belongs to ordinal and regression heads")
