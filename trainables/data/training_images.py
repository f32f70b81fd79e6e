"""The images that trainings read: as they are stored, or resized once where that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.config import Input
from trainables.data.image_store import ImageStore
from trainables.data.resized_store import ResizedStores

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingImages:
    """Stored images and the resized ones that are made of them.

    Attributes:
        stored: uint8 [N, H, W, 3], on the device that trains or the CPU.
        device: that trains.
        resized: returns the images at a crop and size, float32 [N, S, S, 3]; None: none are kept.
    """

    stored: Tensor
    device: torch.device = _CPU
    resized: Callable[[Input], Tensor | None] = lambda wanted: None  # noqa: ARG005

    @classmethod
    def of(
        cls,
        store: ImageStore,
        stored: Tensor,
        device: torch.device,
        on_step: Callable[[], None],
    ) -> TrainingImages:
        """Returns the images of a store.

        A GPU resizes images itself, which costs it next to nothing; where it has no room for them,
        they are too many to be kept once more at every crop and size.

        Args:
            store: the images on the disk.
            stored: the images where they are to be read.
            device: that trains.
            on_step: called after every few images that are resized: a sign of life.
        """
        if device.type != "cpu":
            return cls(stored=stored, device=device)
        kept = ResizedStores(store=store, on_step=on_step)
        return cls(stored=stored, device=device, resized=kept.tensor)

    def at(self, wanted: Input) -> Tensor:
        """Returns the images to make network inputs of: resized where those are kept.

        The first who asks resizes them, which takes a while.
        """
        found = self.resized(wanted)
        return self.stored if found is None else found
