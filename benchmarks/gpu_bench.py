"""What the checks of a device train: a network and random photos, and the plain loop beside it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm
import torch

from trainables.classifier import ImageClassifier, TrainingData
from trainables.config import FlatValue, TrialConfig
from trainables.data.layouts.profiles import SCHEMA
from trainables.data.training_images import TrainingImages
from trainables.seeding import global_torch_seed

CPU = torch.device("cpu")

_PLAIN: dict[str, FlatValue] = {
    "target.attributes": ("mask",),
    "target.form": "softmax",
    "backbone.pretrained": False,
    "backbone.frozen_stages": 0,
    "backbone.drop_path": 0.0,
    "input.crop": "full",
    "augment.flip": 0.5,
    "augment.rotate": 5.0,
    "augment.shift": 0.02,
    "augment.scale": 0.05,
    "augment.colour": 0.1,
    "augment.grayscale": 0.0,
    "augment.erase": 0.0,
    "augment.mixup": 0.0,
    "augment.half_cutmix": 0.0,
    "optim.name": "adamw",
    "optim.lr": 1e-3,
    "optim.weight_decay": 1e-3,
    "optim.layer_decay": 1.0,
    "optim.head_lr_ratio": 1.0,
    "optim.warmup": 0.1,
    "optim.schedule": "cosine",
    "optim.ema": 0.0,
    "optim.clip_norm": 1.0,
    "head.kind": "softmax",
    "head.hidden": 0,
    "head.dropout": 0.0,
    "loss.name": "ce",
    "loss.smoothing": 0.05,
    "sampler.power": 0.0,
    "schedule.epochs": 100,
}
"""The default config of the built-in spaces, which import Optuna."""

_NO_CHANGES: Mapping[str, FlatValue] = {}
STILL: dict[str, FlatValue] = {
    f"augment.{name}": 0.0 for name in ("flip", "rotate", "shift", "scale", "colour")
}
"""Changes after which nothing in training depends on the device's random numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the checks train: a network, photos and a device."""

    device: torch.device
    model: str
    size: int
    batch: int
    stored: tuple[int, int]
    photos: int
    steps: int
    packed: tuple[int, ...]
    """Trainings at once to try."""
    until: float = math.inf
    """When checks end, of `time.monotonic()`."""

    @classmethod
    def of(cls, device: torch.device, *, small: bool) -> "Bench":
        """Returns a small or a usual training of the device."""
        if small:
            return cls(
                device=device,
                model="test_resnet",
                size=32,
                batch=8,
                stored=(40, 32),
                photos=32,
                steps=4,
                packed=(1, 2),
            )
        return cls(
            device=device,
            model="tf_efficientnet_b0",
            size=224,
            batch=64,
            stored=(320, 240),
            photos=1024,
            steps=16,
            packed=(1, 2, 4, 8),
        )

    def config(self, changes: Mapping[str, FlatValue] = _NO_CHANGES) -> TrialConfig:
        """Returns the default config with changes."""
        own = {"backbone.name": self.model, "input.size": self.size}
        return TrialConfig.from_flat({**_PLAIN, **own, "optim.batch_size": self.batch, **changes})

    def data(self, device: torch.device | None = None) -> TrainingData:
        """Returns random photos, brighter with the class of their label, on the device."""
        rng = np.random.default_rng(0)
        labels = np.stack(
            [rng.integers(0, len(a.classes), self.photos) for a in SCHEMA.attributes], axis=1
        )
        images = rng.integers(0, 100, (self.photos, *self.stored, 3), dtype=np.uint8)
        images += (50 * labels).astype(np.uint8)[:, None, None, :]
        return TrainingData(
            schema=SCHEMA,
            images=TrainingImages(
                stored=torch.from_numpy(images).to(device or self.device),
                device=device or self.device,
            ),
            labels=labels,
            raw={},
            train=np.arange(self.photos),
        )

    def classifier(
        self,
        config: TrialConfig,
        data: TrainingData | None = None,
        device: torch.device | None = None,
    ) -> ImageClassifier:
        """Returns an untrained classifier."""
        where = device or self.device
        return ImageClassifier(config, data or self.data(where), seed=0, device=where)

    def wait(self) -> None:
        """Waits until the device has done all that it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def photos_a_second(self, work: Callable[[], object], photos: int) -> float:
        """Returns the photos a second of work, the second time that it is done."""
        work()
        self.wait()
        began = time.perf_counter()
        work()
        self.wait()
        return photos / (time.perf_counter() - began)


def plain_loop(
    bench: Bench, *, layout: torch.memory_format = torch.channels_last, compiled: bool = False
) -> tuple[Callable[[], torch.Tensor], int]:
    """Returns a loop of steps on a constant batch, as timm's benchmark, and its photos.

    The loop returns the loss of its last step; all loops begin with the same weights and batch.
    """
    with global_torch_seed(bench.device, 0, "plain loop"):
        network: Any = timm.create_model(bench.model, num_classes=3)
        x = batch_of(bench, bench.batch).contiguous(memory_format=layout)
        y = torch.randint(0, 3, (bench.batch,), device=bench.device)
    network.to(device=bench.device, memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    forward = torch.compile(network) if compiled else network

    def loop() -> torch.Tensor:
        for _ in range(bench.steps):
            optimizer.zero_grad()
            with mixed(bench):
                loss = torch.nn.functional.cross_entropy(forward(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        return loss.detach()

    return loop, bench.steps * bench.batch


def batch_of(bench: Bench, count: int) -> torch.Tensor:
    """Returns a constant batch of network inputs."""
    x = torch.randn(count, 3, bench.size, bench.size, device=bench.device)
    return x.contiguous(memory_format=torch.channels_last)


def mixed(bench: Bench) -> Any:
    """Returns the mixed precision of a trial's forward pass on the device."""
    is_on = bool(computes_bf16(bench))
    return torch.autocast(bench.device.type, dtype=torch.bfloat16, enabled=is_on)


def computes_bf16(bench: Bench) -> bool | None:
    """Returns whether a GPU has instructions for bf16: others imitate it; None on a CPU."""
    if bench.device.type != "cuda":
        return None
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@contextmanager
def whole_float32() -> Iterator[None]:
    """Has a GPU compute float32 products in float32, and then again as before."""
    places: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = False
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed
