"""What all trainings of a run share in a process: the setting and the decoded images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from search.ending.faults import Fault, FaultError
from search.store.heartbeat import sign
from search.store.outputs import Outputs, Post, SentOutputs
from search.store.records import PRECISION
from trainables.blocks import FlatValue
from trainables.classifier import TrainingData
from trainables.config import TrialConfig
from trainables.data.both_tables import BothTables
from trainables.data.image_store import ImageStore, ImageTable
from trainables.data.sample_table import SampleTable, UnlabelledTable
from trainables.data.splits import Split
from trainables.data.training_images import TrainingImages
from trainables.drafts import written
from trainables.errors import in_short
from trainables.locks import held
from trainables.machine import node_cache
from trainables.memory import held_by_others, is_out_of_memory, limit_memory
from trainables.precision import Precisions

_LITTLE = 0.1
"""Of a GPU's memory: what a display and small things take."""


class Link(Post, Protocol):
    """How a worker gets what the driver has, and gives what it makes, without a shared disk."""

    def images(self, contents: str, on_step: Callable[[], None]) -> NDArray[np.uint8] | None:
        """Returns the decoded images of a file; None where they have no room on this node.

        It calls `on_step` while they are on their way.
        """
        ...

    def weights(self, name: str, start: int) -> bytes | None:
        """As `Post.read`, of a file in the folder of the pretrained weights."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Decoded images of the driver.

    Attributes:
        path: file on the driver's disk.
        contents: of that file (`ImageStore.contents`).
    """

    path: Path
    contents: str

    @classmethod
    def of(cls, store: ImageStore) -> Self:
        """Returns what names the images of a store."""
        return cls(path=store.path, contents=store.contents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """What workers need of a driver whose folders they may not see.

    Attributes:
        link: to the driver.
        images: of the table.
        with_unlabelled: of the table and of the unlabelled photos; None where there are none.
        weights: changes with the files of pretrained weights.
    """

    link: Link
    images: Decoded
    with_unlabelled: Decoded | None
    weights: str


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
    bf16: bool = False
    """Whether a CPU trains in bf16 what it trains faster so."""
    unlabelled: UnlabelledTable | None = None
    """Photos that follow those of the table in the decoded images; None: there are none."""
    away: Away | None = None
    """How to reach the driver; None on one machine, where the folders are there."""

    @property
    def photos(self) -> ImageTable:
        """Those of the decoded images, in their order."""
        if self.unlabelled is None:
            return self.table
        return BothTables(labelled=self.table, unlabelled=self.unlabelled)

    def sign(self, path: Path, node: str, *, begins: bool) -> None:
        """Notes a sign of life at a path of the results (`search.store.heartbeat.sign`)."""
        if self.away is None:
            sign(path, node, begins=begins)
        else:
            name = path.relative_to(self.results_dir).as_posix()
            self.away.link.sign(name, node, begins=begins)


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
        limit_memory(self.device, setting.device_share)

    def crowded(self, error: BaseException) -> FaultError | None:
        """Returns the fault of the machine where memory ran out that others hold; None else.

        Trainings that share the GPU have theirs, and no more. What runs out of it again and again
        is given up, as on a host: it may be too large for the whole GPU.
        """
        if self.device.type != "cuda" or not is_out_of_memory(error):
            return None
        others = 1 - self.setting.device_share
        try:
            held = held_by_others(self.device)
        except RuntimeError as no_room:  # not even to ask
            return FaultError(Fault.MEMORY, in_short(no_room))
        if held <= others + _LITTLE:
            return None
        return FaultError(Fault.MEMORY, f"other processes hold {held:.0%} of the GPU's")

    @cached_property
    def outputs(self) -> Outputs:
        """Where trainings in this process write what they make."""
        setting = self.setting
        if setting.away is None:
            return Outputs(setting.results_dir)
        return SentOutputs(setting.results_dir, setting.away.link, self._cache / "outputs")

    @cached_property
    def _cache(self) -> Path:
        setting = self.setting
        return setting.cache_dir if setting.away is None else node_cache(setting.cache_dir)

    @cached_property
    def _store(self) -> ImageStore:
        setting = self.setting
        if (away := setting.away) is not None:
            wanted = away.images if setting.unlabelled is None else away.with_unlabelled
            if wanted is not None:
                path, contents = wanted.path, wanted.contents
                if (found := ImageStore.found(path, contents)) is not None:
                    return found
                if (array := away.link.images(contents, self._on_step)) is not None:
                    return ImageStore.of_array(self._cache, path.name, contents, array)
        return ImageStore.open(
            setting.photos,
            setting.stored_size,
            self._cache,
            num_threads=setting.num_threads,
            progress=lambda done, total: self._on_step(),  # noqa: ARG005
        )

    def weights_for(self, config: TrialConfig) -> Path | None:
        """Returns the folder that holds the pretrained weights of a config, where one was given.

        A node that does not see the driver's gets them from it, once.
        """
        wanted, away = self.setting.weights_dir, self.setting.away
        if away is None or wanted is None or not config.backbone.pretrained:
            return wanted
        name = f"{config.backbone.name}.safetensors"
        if (wanted / name).is_file():
            return wanted
        path = self._cache / "weights" / away.weights / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_suffix(".lock"), self._on_step):
            if not path.exists() and (part := away.link.weights(name, 0)) is not None:
                with written(path) as draft, draft.open("wb") as file:
                    while part:
                        file.write(part)
                        part = away.link.weights(name, file.tell())
                        self._on_step()
        return path.parent

    @cached_property
    def tensor(self) -> torch.Tensor:
        """Stored images uint8, [N, H, W, 3] and those of unlabelled photos."""
        return self._store.tensor(self.device, share=0.5 * self.setting.device_share)

    @cached_property
    def _images(self) -> TrainingImages:
        return TrainingImages.of(self._store, self.tensor, self.device, self._on_step)

    @cached_property
    def precisions(self) -> Precisions:
        """Chooses the precision of a training on the CPU of this machine."""
        return Precisions(
            folder=self._cache / "precision", on_step=self._on_step, is_measured=self.setting.bf16
        )

    def with_precision(self, config: Mapping[str, FlatValue]) -> dict[str, FlatValue]:
        """Returns a config with the precision that was chosen for it here, if one is.

        One that has a precision keeps it. On a GPU nothing is chosen, on a CPU nothing without
        `TrialSetting.bf16`.

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
