"""What all trainings of a run share in a process: the setting and the decoded images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from search.store.records import PRECISION
from trainables.blocks import FlatValue
from trainables.classifier import TrainingData
from trainables.config import TrialConfig
from trainables.data.image_store import ImageStore
from trainables.data.sample_table import SampleTable
from trainables.data.splits import Split
from trainables.data.training_images import TrainingImages
from trainables.precision import Precisions


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetting:
    """What all trials of a run share; sent to every worker once."""

    table: SampleTable
    split: Split
    stored_size: tuple[int, int]
    cache_dir: Path
    results_dir: Path
    weights_dir: Path | None
    device: str
    num_threads: int
    device_share: float


class SharedImages:
    """The images of a run in this process: opened once, resident on the device where they fit.

    Args:
        setting: of the run.
        on_step: called after every image that is decoded and every batch: a sign of life.
    """

    def __init__(self, setting: TrialSetting, on_step: Callable[[], None] = lambda: None) -> None:
        self.setting = setting
        self._on_step = on_step
        self.device = torch.device(setting.device)
        torch.set_num_threads(setting.num_threads)

    @cached_property
    def _store(self) -> ImageStore:
        setting = self.setting
        return ImageStore.open(
            setting.table,
            setting.stored_size,
            setting.cache_dir,
            num_threads=setting.num_threads,
            progress=lambda done, total: self._on_step(),  # noqa: ARG005
        )

    @cached_property
    def tensor(self) -> torch.Tensor:
        """Stored images uint8 [N, H, W, 3]."""
        return self._store.tensor(self.device, share=0.5 * self.setting.device_share)

    @cached_property
    def _images(self) -> TrainingImages:
        return TrainingImages.of(self._store, self.tensor, self.device, self._on_step)

    @cached_property
    def precisions(self) -> Precisions:
        """Chooses the precision of a training on the CPU of this machine."""
        return Precisions(folder=self.setting.cache_dir / "precision", on_step=self._on_step)

    def with_precision(self, config: Mapping[str, FlatValue]) -> dict[str, FlatValue]:
        """Returns a config with the precision that was chosen for it here, if one is.

        One that has a precision keeps it. On a GPU nothing is chosen, on a CPU nothing unless
        `trainables.precision.IS_MEASURED`.

        Raises:
            ConfigError: the config is not valid.
        """
        if PRECISION in config or self.device.type != "cpu":
            return dict(config)
        chosen = self.precisions.of(TrialConfig.from_flat(config))
        return {**config, PRECISION: chosen} if chosen else dict(config)

    def training_data(self, train: NDArray[np.int64]) -> TrainingData:
        """Returns what a training on the samples `train`, int [n], reads."""
        table = self.setting.table
        return TrainingData(
            schema=table.schema,
            images=self._images,
            labels=table.labels,
            raw=table.raw,
            train=train,
            on_step=self._on_step,
        )
