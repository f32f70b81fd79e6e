"""Heads: features become class probabilities. One file per head; the file name is its `head.kind`.

A head module has `build(spec: HeadSpec) -> Head`. Shapes: features [B, F], outputs [B, O], targets
as in
`HeadTarget`, probabilities [B, K] with rows that sum to 1.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from trainables.config import CrossEntropy, CrossEntropyF1, Focal, HeadsOwn, SoftF1
from trainables.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """What a head is built from."""

    num_features: int
    num_classes: int
    hidden: int
    dropout: float
    loss: CrossEntropy | Focal | SoftF1 | CrossEntropyF1 | HeadsOwn
    edges: tuple[float, ...] = ()
    """Boundaries of a numeric attribute between its classes, in raw units; empty without one."""
    raw_mean: float = 0.0
    raw_std: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTarget:
    """Training target of a batch."""

    classes: Tensor
    """Soft labels float [B, K], rows sum to 1; to less where the label is unknown."""
    raw: Tensor | None = None
    """Standardised raw number float [B], for numeric attributes."""


class Head(Protocol):
    """What the classifier needs of a head (an `nn.Module`)."""

    def __call__(self, features: Tensor) -> Tensor:
        """Returns outputs [B, O] of features [B, F]."""
        ...

    def loss(self, outputs: Tensor, target: HeadTarget) -> Tensor:
        """Returns the scalar training loss."""
        ...

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Returns class probabilities float32 [B, K], rows sum to 1."""
        ...


def names() -> tuple[str, ...]:
    """Returns every head kind: the files of this package."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def build(kind: str, spec: HeadSpec) -> nn.Module:
    """Builds the head `kind`.

    Raises:
        ConfigError: no such head, or the attribute lacks what the head needs.
    """
    if kind not in names():
        raise ConfigError(f"unknown head.kind {kind!r}; available: {', '.join(names())}")
    module: nn.Module = importlib.import_module(f"trainables.heads.{kind}").build(spec)
    return module


def layers(spec: HeadSpec, num_outputs: int) -> nn.Sequential:
    """Returns dropout, an optional hidden layer and the output layer."""
    parts: list[nn.Module] = [nn.Dropout(spec.dropout)] if spec.dropout else []
    width = spec.num_features
    if spec.hidden:
        parts += [nn.Linear(width, spec.hidden), nn.GELU()]
        width = spec.hidden
    return nn.Sequential(*parts, nn.Linear(width, num_outputs))
