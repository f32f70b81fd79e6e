"""A trial as the users of Ray's documentation write it: a DataLoader with Pillow and torchvision.

The network, its losses and its optimizer are headrace's own, so that a config means the same on
both sides; how photos get to them is not.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision import transforms
from torchvision.transforms import functional

from benchmarks.rivals.task import Ground, block_of
from search.trial.trial_run import evaluate
from trainables.backbone import build_backbone
from trainables.config import Augment, Input, TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.network import build_network
from trainables.preprocess import CROPS, Mix
from trainables.stepping import Stepping
from trainables.targets import AUXILIARY, kept, sampling_classes, training_targets

_EVAL_BATCH = 256
_ERASE = {"scale": (0.02, 0.1), "ratio": (0.5, 2.0)}


class Photos(Dataset[tuple[Tensor, int]]):
    """Photos of a table, opened from their files whenever they are asked for."""

    def __init__(self, table: SampleTable, indices: NDArray[np.int64], transform: Any) -> None:
        self._table = table
        self._indices = indices
        self._transform = transform

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        sample = int(self._indices[place])
        with Image.open(self._table.root / self._table.paths[sample]) as image:
            return self._transform(image.convert("RGB")), sample


class CropShare:
    """Cuts a share of the photo out: centre and extent by headrace's name of the crop."""

    def __init__(self, name: str) -> None:
        self._crop = CROPS[name]

    def __call__(self, image: Image.Image) -> Image.Image:
        """Returns the part of a photo."""
        centre_y, centre_x, share_y, share_x = self._crop
        width, height = image.size
        crop_h, crop_w = round(share_y * height), round(share_x * width)
        top = min(max(0, round(centre_y * height - crop_h / 2)), height - crop_h)
        left = min(max(0, round(centre_x * width - crop_w / 2)), width - crop_w)
        return functional.crop(image, top, left, crop_h, crop_w)


def to_input(shown: Input, mean: Any, std: Any) -> list[Any]:
    """Returns the transforms of evaluation."""
    size = transforms.Resize((shown.size, shown.size))
    normalise = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    return [CropShare(shown.crop), size, *normalise]


def augmented(shown: Input, augment: Augment, mean: Any, std: Any) -> list[Any]:
    """Returns the transforms of training."""
    crop, size, *normalise = to_input(shown, mean, std)
    move = transforms.RandomAffine(
        augment.rotate,
        translate=(augment.shift, augment.shift),
        scale=(1 - augment.scale, 1 + augment.scale),
        interpolation=transforms.InterpolationMode.BILINEAR,
    )
    found = [crop, size, transforms.RandomHorizontalFlip(augment.flip), move]
    if augment.colour:
        found.append(transforms.ColorJitter(*[augment.colour] * 3))
    if augment.grayscale:
        found.append(transforms.RandomGrayscale(augment.grayscale))
    found += normalise
    if augment.erase:
        found.append(transforms.RandomErasing(augment.erase, **_ERASE))
    return found


class RecipeTraining:
    """The training of one config, epoch by epoch."""

    def __init__(self, ground: Ground, space: str, flat: Mapping[str, Any]) -> None:
        self._ground = ground
        self._block = next(block_of(s) for s in ground.spaces if s.name == space)
        setting, table = ground.setting, ground.table
        self._config = config = TrialConfig.from_flat(flat)
        self.epoch, self.epochs = 0, config.schedule.epochs
        mask, train = kept(config, table.raw, table.schema), setting.split.search_train
        self._train = train if mask is None else train[mask[train]]
        targets = training_targets(config, table.schema, table.labels, table.raw, self._train)
        self._names = [name for name in targets if name != AUXILIARY]
        backbone = build_backbone(config.backbone, setting.weights_dir, config.input.size)
        self._network = build_network(config, backbone, targets)
        self._batches = self._loader(
            augmented(config.input, config.augment, backbone.mean, backbone.std),
            sampling_classes(targets)[self._train],
        )
        shown = transforms.Compose(to_input(config.input, backbone.mean, backbone.std))
        self._validation = DataLoader(
            Photos(table, setting.split.search_val, shown), batch_size=_EVAL_BATCH
        )
        steps = config.schedule.epochs * len(self._batches)
        self._stepping = Stepping(config, self._network, targets, torch.device("cpu"), steps)

    def run_epoch(self) -> dict[str, Any]:
        """Trains and evaluates an epoch and returns what is reported."""
        began = time.perf_counter()
        self._network.start_training()
        for number, (photos, samples) in enumerate(self._batches):
            x, mix = mixed(photos, self._config.augment)
            step = self.epoch * len(self._batches) + number
            self._stepping.step(x, self._stepping.batch_targets(samples.numpy(), mix), step)
        self.epoch += 1
        trained = time.perf_counter()
        value = self._score()
        return {
            "macro_f1": value,
            "epoch": self.epoch,
            "training": (len(self._train), trained - began),
            "evaluation": (
                len(self._ground.setting.split.search_val),
                time.perf_counter() - trained,
            ),
        }

    def save(self, folder: str) -> None:
        """Writes a checkpoint."""
        state = {"epoch": self.epoch, **self._stepping.state_dict()}
        torch.save(state, Path(folder) / "checkpoint.pt")

    def load(self, folder: str) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(Path(folder) / "checkpoint.pt")
        self._stepping.load_state_dict(state)
        self.epoch = state["epoch"]

    def _loader(self, steps: list[Any], classes: NDArray[np.int64]) -> DataLoader[Any]:
        photos = Photos(self._ground.table, self._train, transforms.Compose(steps))
        batch, power = self._config.optim.batch_size, self._config.sampler.power
        sampler = None
        if power:
            weights = np.bincount(classes)[classes].astype(float) ** -power
            sampler = WeightedRandomSampler(weights.tolist(), len(photos))
        return DataLoader(
            photos,
            batch_size=batch,
            shuffle=sampler is None,
            sampler=sampler,
            # Batch normalisation cannot train on a batch of one.
            drop_last=len(photos) % batch == 1,
        )

    @torch.inference_mode()
    def _score(self) -> float:
        network = self._stepping.predictor
        network.eval()
        found: dict[str, list[Tensor]] = {name: [] for name in self._names}
        for x, _ in self._validation:
            outputs = network(x)
            for name, parts in found.items():
                parts.append(network.head(name).probabilities(outputs[name]))
        predictions = {name: torch.cat(parts).numpy() for name, parts in found.items()}
        setting = self._ground.setting
        return evaluate(predictions, setting.table, setting.split.search_val, self._block).value


def mixed(x: Tensor, augment: Augment) -> tuple[Tensor, Mix | None]:
    """Mixes a batch [B, 3, S, S] with itself: halves of two photos, or mixup."""
    partner = torch.randperm(len(x))
    if augment.half_cutmix and np.random.random() < augment.half_cutmix:  # noqa: NPY002
        split = round(x.shape[-1] / 2)
        x = torch.cat([x[..., :split], x[partner][..., split:]], dim=-1)
        return x, Mix(partner=partner, share=split / x.shape[-1])
    if not augment.mixup:
        return x, None
    share = float(np.random.beta(augment.mixup, augment.mixup))  # noqa: NPY002
    return share * x + (1 - share) * x[partner], Mix(partner=partner, share=share)
