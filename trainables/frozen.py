"""A frozen backbone: the features of photos, computed once for every head that reads them.

Shapes: n photos stored as H x W, F features.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.backbone import build_backbone
from trainables.config import Augment, Backbone, Input
from trainables.errors import NonFiniteLossError, OutOfMemoryError
from trainables.memory import autocast, eval_batch, fitting, is_out_of_memory, release
from trainables.preprocess import Preprocess
from trainables.seeding import global_torch_seed

CROP: Literal["full"] = "full"
_NO_AUGMENT = Augment(
    flip=0,
    rotate=0,
    shift=0,
    scale=0,
    colour=0,
    grayscale=0,
    erase=0,
    mixup=0,
    half_cutmix=0,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenBackbone:
    """A timm model in evaluation mode, whose statistics and weights nothing changes.

    Attributes:
        name: timm's.
        module: from network input to features.
        num_features: F.
        num_parameters: of the module.
        preprocess: from stored photos to network input.
        weights: sha256 of every weight and statistic, in hex.
        device: where it computes.
    """

    name: str
    module: nn.Module
    num_features: int
    num_parameters: int
    preprocess: Preprocess
    weights: str
    device: torch.device

    @classmethod
    def load(
        cls,
        name: str,
        weights_dir: Path | None,
        *,
        pretrained: bool,
        input_size: int,
        device: torch.device,
    ) -> "FrozenBackbone":
        """Builds the model and freezes it.

        Args:
            name: timm's.
            weights_dir: folder of pretrained weights; None is the model hub.
            pretrained: whether weights are loaded; else they are drawn, the same every time.
            input_size: side of the network input in pixels.
            device: where to compute.

        Raises:
            ConfigError: timm has no such model, or it cannot take that input.
            WeightsError: pretrained weights are wanted and cannot be had.
            OutOfMemoryError: it does not fit.
        """
        config = Backbone(name=name, pretrained=pretrained, frozen_stages=0, drop_path=0.0)
        with global_torch_seed(device, 0, "frozen", name):
            loaded = build_backbone(config, weights_dir, input_size)
        module = loaded.module.requires_grad_(False).eval()
        digest = _digest(module)
        with fitting(f"the weights of {name}", "free memory, or take a smaller model"):
            module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(
            name=name,
            module=module,
            num_features=loaded.num_features,
            num_parameters=sum(each.numel() for each in module.parameters()),
            preprocess=Preprocess(
                input=Input(size=input_size, crop=CROP),
                augment=_NO_AUGMENT,
                mean=loaded.mean,
                std=loaded.std,
            ),
            weights=digest,
            device=device,
        )

    def features(self, images: Tensor) -> Iterator[NDArray[np.float32]]:
        """Yields the features float32 [b, F] of stored photos, batch after batch, in their order.

        Args:
            images: uint8 [n, H, W, 3].

        Raises:
            OutOfMemoryError: a single photo does not fit.
            NonFiniteLossError: a feature is not finite.
        """
        done, size = 0, eval_batch(self.device)
        while done < len(images):
            try:
                found = self._forward(images[done : done + size])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise OutOfMemoryError(
                        f"one photo of {self.preprocess.input.size} px does not fit in memory "
                        f"with {self.name}; free memory or leave it out"
                    ) from error
                size = max(1, size // 2)
                release(self.device)
                continue
            if not np.isfinite(found).all():
                raise NonFiniteLossError(
                    f"the features of {self.name} must be finite, got NaN or infinity; leave it "
                    "out"
                )
            done += len(found)
            yield found

    @torch.inference_mode()
    def _forward(self, images: Tensor) -> NDArray[np.float32]:
        self.module.eval()
        with autocast(self.device):
            found = self.module(self.preprocess.evaluate(images.to(self.device)))
        array: NDArray[np.float32] = found.float().cpu().numpy()
        return array


def _digest(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
