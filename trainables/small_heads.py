"""Small heads on fixed features: one hidden layer, trained for many folds at once.

Notation:
    R folds trained side by side, n samples of each, k coordinates, h hidden units, H heads with
    K_1..K_H classes.

Every fold has weights of its own and sees samples of its own; that all are one batched product
saves the time that small products lose. Their gradients do not meet, nor does Adam let them.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainables.errors import ConfigError
from trainables.seeding import derive_seed

HIDDEN = 64
_EPOCHS = 20
_BATCH = 256
_LR = 5e-3
_WEIGHT_DECAY = 1e-2
_DROPOUT = 0.3
_WARMUP = 0.1


class SmallHeads:
    """One shared hidden layer with a softmax per head, for R folds.

    Args:
        num_folds: R.
        num_coordinates: k.
        sizes: K of every head.
        seed: of weights, order and dropout.
    """

    def __init__(
        self, num_folds: int, num_coordinates: int, sizes: Sequence[int], seed: int
    ) -> None:
        self.sizes = tuple(sizes)
        self._generator = torch.Generator().manual_seed(derive_seed(seed, "small heads"))
        self._weights = [
            self._drawn(num_folds, num_coordinates, HIDDEN, gain=math.sqrt(2)),
            torch.zeros(num_folds, 1, HIDDEN),
            self._drawn(num_folds, HIDDEN, sum(self.sizes), gain=1.0),
            torch.zeros(num_folds, 1, sum(self.sizes)),
        ]

    def _drawn(self, *shape: int, gain: float) -> Tensor:
        return torch.randn(*shape, generator=self._generator) * (gain / math.sqrt(shape[1]))

    def fit(self, x: Tensor, labels: Sequence[Tensor]) -> None:
        """Trains every fold with AdamW on a cosine schedule.

        Args:
            x: float32 [R, n, k], with a variance of about 1 in every coordinate.
            labels: int64 [R, n] of every head.

        Raises:
            ConfigError: not one label per head, or shapes that do not fit.
        """
        shapes = [tuple(each.shape) for each in labels]
        if shapes != [tuple(x.shape[:2])] * len(self.sizes):
            raise ConfigError(
                f"{len(self.sizes)} heads need as many labels of shape {tuple(x.shape[:2])}, got "
                f"{shapes}"
            )
        for weight in self._weights:
            weight.requires_grad_(True)
        optimizer = torch.optim.AdamW(self._weights, lr=_LR, weight_decay=_WEIGHT_DECAY)
        num_folds, num = x.shape[:2]
        batches = max(1, num // _BATCH)
        total, done = _EPOCHS * batches, 0
        rows = torch.arange(num_folds)[:, None]
        for _ in range(_EPOCHS):
            order = torch.rand(num_folds, num, generator=self._generator).argsort(dim=1)
            for part in order.chunk(batches, dim=1):
                for group in optimizer.param_groups:
                    group["lr"] = _LR * _schedule(done / total)
                logits = self._logits(x[rows, part], self._weights, _DROPOUT)
                losses = [
                    functional.cross_entropy(found.flatten(0, 1), label[rows, part].flatten())
                    for found, label in zip(logits, labels, strict=True)
                ]
                optimizer.zero_grad()
                # The mean over folds would divide every fold's gradient by R.
                (torch.stack(losses).mean() * num_folds).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                done += 1
        for weight in self._weights:
            weight.requires_grad_(False)

    @torch.inference_mode()
    def probabilities(self, x: Tensor, fold: int) -> list[NDArray[np.float32]]:
        """Returns class probabilities float32 [m, K] of every head of a fold, for x [m, k]."""
        own = [weight[fold : fold + 1] for weight in self._weights]
        return [found[0].softmax(dim=-1).numpy() for found in self._logits(x[None], own)]

    def _logits(
        self, x: Tensor, weights: Sequence[Tensor], dropout: float = 0.0
    ) -> tuple[Tensor, ...]:
        first, bias, last, offset = weights
        hidden = functional.relu(torch.baddbmm(bias, x, first))
        if dropout:
            kept = torch.rand(hidden.shape, generator=self._generator) >= dropout
            hidden = hidden * kept / (1 - dropout)
        return torch.split(torch.baddbmm(offset, hidden, last), list(self.sizes), dim=-1)


def _schedule(share: float) -> float:
    """Returns the part of the learning rate after a share of the steps, in [0, 1)."""
    if share < _WARMUP:
        return (share + 0.01) / (_WARMUP + 0.01)
    return 0.5 * (1 + math.cos(math.pi * (share - _WARMUP) / (1 - _WARMUP)))
