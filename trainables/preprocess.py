"""From stored images to the network's input: one object for training, evaluation, prediction.

Shapes: stored images uint8 [B, H, W, 3], resized ones float32 [B, S, S, 3] in [0, 1], network
input float32 [B, 3, S, S]. Everything is a batched operation on the images' device with a passed
generator.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

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
            images: stored or resized ones.
            mirrored: left and right exchanged, as flip test-time augmentation wants it.
        """
        x = self._normalise(self._resized(images))
        return x.flip(3) if mirrored else x

    def train(
        self, images: Tensor, generator: torch.Generator, scalars: np.random.Generator
    ) -> tuple[Tensor, Mix | None]:
        """Returns the augmented network input and how samples were mixed, if they were.

        Args:
            images: stored or resized ones.
            generator: on the device of the images; draws per-sample numbers.
            scalars: draws what a batch shares (mixing share, split position).
        """
        x = self._resized(images)
        x = self._move(x, generator)
        x = self._recolour(x, generator)
        x = self._erase(x, generator)
        x, mix = self._mix(x, generator, scalars)
        return self._normalise(x), mix

    def _resized(self, images: Tensor) -> Tensor:
        if images.is_floating_point():
            return images.permute(0, 3, 1, 2)
        return resized(images, self.input)

    def _normalise(self, x: Tensor) -> Tensor:
        mean, std = (_constants(x.device, of)[:, None, None] for of in (self.mean, self.std))
        return (x - mean).div_(std).contiguous(memory_format=torch.channels_last)

    def _move(self, x: Tensor, generator: torch.Generator) -> Tensor:
        options = self.augment
        flip = _uniform(x, generator, 0, 1) < options.flip
        if not (options.rotate or options.shift or options.scale):
            return torch.where(flip[:, None, None, None], x.flip(3), x) if options.flip else x
        angle = _uniform(x, generator, -1, 1) * math.radians(options.rotate)
        zoom = 1 + _uniform(x, generator, -1, 1) * options.scale
        # Half a side is the unit of the grid, hence the factor of two on the shift.
        across, down = (_uniform(x, generator, -2, 2) * options.shift for _ in range(2))
        # Where every pixel is taken from, as complex numbers: twenty times faster on a CPU than
        # affine_grid, which multiplies a matrix by every pixel.
        side = x.shape[-1]
        ticks = (2 * torch.arange(side, device=x.device) + 1) / side - 1
        turn = torch.polar(zoom, angle)[:, None]
        columns = turn * torch.where(flip, -1.0, 1.0)[:, None] * ticks
        rows = turn * 1j * ticks + torch.complex(across, down)[:, None]
        grid = torch.view_as_real(columns[:, None, :] + rows[:, :, None])
        # Planes of one colour each: from 96 px on a CPU samples them a quarter faster.
        return functional.grid_sample(
            x.contiguous(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )

    def _recolour(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Returns all photos in other colours: a matrix over the channels and an offset each."""
        strength, gray_probability = self.augment.colour, self.augment.grayscale
        if not (strength or gray_probability):
            return x
        count, device = len(x), x.device
        own = torch.eye(3, device=device).expand(count, 3, 3)
        gray = _constants(device, _LUMINANCE).expand(3, 3)
        if gray_probability:
            chosen = _uniform(x, generator, 0, 1) < gray_probability
            own = torch.where(chosen[:, None, None], gray, own)
        offset = x.new_zeros(count, 1, 1)
        if strength:
            brightness, contrast, saturation = (
                (1 + strength * _uniform(x, generator, -1, 1))[:, None, None] for _ in range(3)
            )
            own = gray + (own - gray) * saturation
            middle = gray[:1] @ x.mean(dim=(2, 3))[:, :, None]
            own, offset = own * contrast * brightness, middle * (1 - contrast) * brightness
        pixels = x.reshape(count, 3, -1)
        return torch.baddbmm(offset, own, pixels).clamp_(0, 1).reshape(x.shape)

    def _erase(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if not self.augment.erase:
            return x
        side = x.shape[-1]
        chosen = _uniform(x, generator, 0, 1) < self.augment.erase
        area = _uniform(x, generator, *_ERASE_AREA)
        ratio = torch.exp(_uniform(x, generator, -1, 1) * math.log(2))
        half_h, half_w = (area * ratio).sqrt() / 2, (area / ratio).sqrt() / 2
        centre_y, centre_x = (_uniform(x, generator, 0, 1) for _ in range(2))
        position = (torch.arange(side, device=x.device) + 0.5) / side
        rows = (position[None] - centre_y[:, None]).abs() < half_h[:, None]
        columns = (position[None] - centre_x[:, None]).abs() < half_w[:, None]
        hole = rows[:, None, :, None] & columns[:, None, None, :] & chosen[:, None, None, None]
        return torch.where(hole, _constants(x.device, self.mean)[:, None, None], x)

    def _mix(
        self, x: Tensor, generator: torch.Generator, scalars: np.random.Generator
    ) -> tuple[Tensor, Mix | None]:
        halves = self.augment.half_cutmix > 0 and scalars.random() < self.augment.half_cutmix
        if not halves and not self.augment.mixup:
            return x, None
        partner = torch.randperm(len(x), generator=generator, device=generator.device)
        partner = partner.to(x.device)
        if not halves:
            share = float(scalars.beta(self.augment.mixup, self.augment.mixup))
            return share * x + (1 - share) * x[partner], Mix(partner=partner, share=share)
        side = x.shape[-1]
        split = round(float(scalars.uniform(*_HALF_SPLIT)) * side)
        own_left = scalars.random() < 0.5
        left = torch.arange(side, device=x.device) < split
        own = left if own_left else ~left
        # Counted without asking the device, which would wait for all that it has been told to do.
        share = float(split if own_left else side - split) / side
        return torch.where(own, x, x[partner]), Mix(partner=partner, share=share)


def resized(images: Tensor, wanted: Input) -> Tensor:
    """Returns a crop of stored images at a size, float32 [B, 3, S, S] in [0, 1].

    The numbers of an image do not depend on the others of its batch, nor on the threads.
    """
    height, width = images.shape[1:3]
    centre_y, centre_x, share_y, share_x = CROPS[wanted.crop]
    crop_h, crop_w = max(1, round(share_y * height)), max(1, round(share_x * width))
    top = min(max(0, round(centre_y * height - crop_h / 2)), height - crop_h)
    left = min(max(0, round(centre_x * width - crop_w / 2)), width - crop_w)
    x = images[:, top : top + crop_h, left : left + crop_w].permute(0, 3, 1, 2)
    x = x.to(torch.float32).div_(255)
    side = wanted.size
    if (crop_h, crop_w) == (side, side):
        return x
    return functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)


def _constants(device: torch.device, values: tuple[float, ...]) -> Tensor:
    # To a GPU they are copied once: a copy waits for all that the device has been told to do.
    if device.type == "cuda":
        return _on_gpu(device, values)
    return torch.tensor(values, dtype=torch.float32, device=device)


@cache
def _on_gpu(device: torch.device, values: tuple[float, ...]) -> Tensor:
    with torch.inference_mode(mode=False):
        return torch.tensor(values, dtype=torch.float32, device=device)


def _uniform(x: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """Returns a number for every photo, where these are; drawn where the generator is."""
    draw = torch.rand(len(x), generator=generator, device=generator.device).to(x.device)
    return low + (high - low) * draw
