"""From stored images to the network's input: one object for training, evaluation, prediction.

Shapes: stored images uint8 [B, H, W, 3], network input float32 [B, 3, S, S]. Everything is a
batched operation on the images' device with a passed generator.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.config import Augment, Input

# Centre and extent as shares of height and width; the photos are 3:4 portraits with a centred
# face.
CROPS: Mapping[str, tuple[float, float, float, float]] = {
    "full": (0.5, 0.5, 1.0, 1.0),
    "centre": (0.5, 0.5, 0.8, 0.8),
    "face": (0.47, 0.5, 0.68, 0.75),
    "lower": (0.57, 0.5, 0.8, 0.9),
    "narrow": (0.5, 0.5, 0.78, 0.55),
}
_LUMINANCE = (0.299, 0.587, 0.114)
_ERASE_AREA = (0.02, 0.1)
_HALF_SPLIT = (0.46, 0.54)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How a batch was mixed: row i is `share` of itself and the rest of `partner[i]`."""

    partner: Tensor
    share: float

    def labels(self, target: Tensor) -> Tensor:
        """Returns the mixed target, any shape [B, ...]."""
        return self.share * target + (1 - self.share) * target[self.partner]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Crop, resize and normalise; in training also augment.

    Attributes:
        input: crop and network input size.
        augment: strengths of the training augmentation.
        mean: of each channel in [0, 1].
        std: of each channel in [0, 1].
    """

    input: Input
    augment: Augment
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def evaluate(self, images: Tensor, *, mirrored: bool = False) -> Tensor:
        """Returns the network input [B, 3, S, S] of stored images, without randomness.

        Args:
            images: uint8 [B, H, W, 3].
            mirrored: left and right exchanged, as flip test-time augmentation wants it.
        """
        x = self._normalise(self._resize(images))
        return x.flip(3) if mirrored else x

    def train(
        self, images: Tensor, generator: torch.Generator, scalars: np.random.Generator
    ) -> tuple[Tensor, Mix | None]:
        """Returns the augmented network input and how samples were mixed, if they were.

        Args:
            images: uint8 [B, H, W, 3].
            generator: on the device of the images; draws per-sample numbers.
            scalars: draws what a batch shares (mixing share, split position).
        """
        x = self._resize(images)
        x = self._move(x, generator)
        x = self._recolour(x, generator)
        x = self._erase(x, generator)
        x, mix = self._mix(x, generator, scalars)
        return self._normalise(x), mix

    def _resize(self, images: Tensor) -> Tensor:
        height, width = images.shape[1:3]
        centre_y, centre_x, share_y, share_x = CROPS[self.input.crop]
        crop_h, crop_w = max(1, round(share_y * height)), max(1, round(share_x * width))
        top = min(max(0, round(centre_y * height - crop_h / 2)), height - crop_h)
        left = min(max(0, round(centre_x * width - crop_w / 2)), width - crop_w)
        x = images[:, top : top + crop_h, left : left + crop_w].permute(0, 3, 1, 2)
        x = x.to(torch.float32).div_(255)
        side = self.input.size
        if (crop_h, crop_w) == (side, side):
            return x.contiguous()
        return functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)

    def _normalise(self, x: Tensor) -> Tensor:
        mean = x.new_tensor(self.mean)[:, None, None]
        std = x.new_tensor(self.std)[:, None, None]
        return ((x - mean) / std).contiguous(memory_format=torch.channels_last)

    def _move(self, x: Tensor, generator: torch.Generator) -> Tensor:
        options = self.augment
        flip = _uniform(len(x), generator, 0, 1) < options.flip
        if not (options.rotate or options.shift or options.scale):
            return torch.where(flip[:, None, None, None], x.flip(3), x) if options.flip else x
        angle = _uniform(len(x), generator, -1, 1) * math.radians(options.rotate)
        zoom = 1 + _uniform(len(x), generator, -1, 1) * options.scale
        mirror = torch.where(flip, -1.0, 1.0)
        # The unit of affine_grid is half a side, hence the factor of two on the shift.
        shift_x, shift_y = (_uniform(len(x), generator, -2, 2) * options.shift for _ in range(2))
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        rows = [cos * mirror, -sin, shift_x, sin * mirror, cos, shift_y]
        theta = torch.stack(rows, dim=1).reshape(-1, 2, 3)
        grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
        return functional.grid_sample(
            x, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )

    def _recolour(self, x: Tensor, generator: torch.Generator) -> Tensor:
        strength, gray_probability = self.augment.colour, self.augment.grayscale
        if not (strength or gray_probability):
            return x
        gray = (x * x.new_tensor(_LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)
        if gray_probability:
            chosen = _uniform(len(x), generator, 0, 1) < gray_probability
            x = torch.where(chosen[:, None, None, None], gray.expand_as(x), x)
        if strength:
            brightness, contrast, saturation = (
                (1 + strength * _uniform(len(x), generator, -1, 1))[:, None, None, None]
                for _ in range(3)
            )
            x = gray + (x - gray) * saturation
            middle = gray.mean(dim=(2, 3), keepdim=True)
            x = ((x - middle) * contrast + middle) * brightness
        return x.clamp(0, 1)

    def _erase(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if not self.augment.erase:
            return x
        count, side = len(x), x.shape[-1]
        chosen = _uniform(count, generator, 0, 1) < self.augment.erase
        area = _uniform(count, generator, *_ERASE_AREA)
        ratio = torch.exp(_uniform(count, generator, -1, 1) * math.log(2))
        half_h, half_w = (area * ratio).sqrt() / 2, (area / ratio).sqrt() / 2
        centre_y, centre_x = (_uniform(count, generator, 0, 1) for _ in range(2))
        position = (torch.arange(side, device=x.device) + 0.5) / side
        rows = (position[None] - centre_y[:, None]).abs() < half_h[:, None]
        columns = (position[None] - centre_x[:, None]).abs() < half_w[:, None]
        hole = rows[:, None, :, None] & columns[:, None, None, :] & chosen[:, None, None, None]
        return torch.where(hole, x.new_tensor(self.mean)[:, None, None], x)

    def _mix(
        self, x: Tensor, generator: torch.Generator, scalars: np.random.Generator
    ) -> tuple[Tensor, Mix | None]:
        halves = self.augment.half_cutmix > 0 and scalars.random() < self.augment.half_cutmix
        if not halves and not self.augment.mixup:
            return x, None
        partner = torch.randperm(len(x), generator=generator, device=generator.device)
        if not halves:
            share = float(scalars.beta(self.augment.mixup, self.augment.mixup))
            return share * x + (1 - share) * x[partner], Mix(partner=partner, share=share)
        split = round(float(scalars.uniform(*_HALF_SPLIT)) * x.shape[-1])
        own_left = scalars.random() < 0.5
        left = torch.arange(x.shape[-1], device=x.device) < split
        own = left if own_left else ~left
        share = float(own.sum()) / x.shape[-1]
        return torch.where(own, x, x[partner]), Mix(partner=partner, share=share)


def _uniform(count: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    draw = torch.rand(count, generator=generator, device=generator.device)
    return low + (high - low) * draw
