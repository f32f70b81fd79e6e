"""The photos of a data set, decoded once, and their features by any frozen backbone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from threadpoolctl import threadpool_limits

from search.console import StepBar
from search.errors import UsageError
from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset, open_dataset, stored_size_for
from spaces.scale import Scale, choose_scale
from trainables.backbone import weights_in
from trainables.data.image_store import ImageStore
from trainables.data.manifest_config import to_ignore
from trainables.data.schema import LabelSchema
from trainables.errors import DataError
from trainables.feature_store import FeatureStore
from trainables.frozen import FrozenBackbone
from trainables.machine import Machine

NUM_FOLDS = 5
MOST_JOINT = 512
"""Classes of the joint label that heads on frozen features tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenData:
    """What every backbone is shown.

    Attributes:
        config: data and weights that were asked for.
        dataset: the data.
        scale: what a run on this machine would offer: input size and weights.
        images: stored photos, uint8 [N, H, W, 3].
        device: of the backbones.
        cache_dir: of photos and features.
        console: where progress is shown.
    """

    config: RunConfig
    dataset: Dataset
    scale: Scale
    images: torch.Tensor
    device: torch.device
    cache_dir: Path
    console: Console

    @classmethod
    def open(
        cls,
        config: RunConfig,
        cache_dir: Path,
        console: Console,
        check: Callable[[LabelSchema], None] = lambda _: None,
    ) -> "FrozenData":
        """Reads the data and decodes every photo, at the size that a run stores them at.

        Args:
            config: data and weights.
            cache_dir: of photos and features.
            console: where progress is shown.
            check: refuses attributes before any photo is decoded.

        Raises:
            DataError: the data breaks a rule, or a photo cannot be read.
            UsageError: options contradict each other, or there are too few people or too many
                classes.
        """
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dataset = _whole(open_dataset(config, cache_dir, partial(StepBar, console)))
        check(dataset.table.schema)
        _check_size(dataset)
        weights = weights_in(config.weights_path) if config.weights_path else ()
        scale = choose_scale(
            device=device.type, pretrained=config.pretrained, weights=weights, max_epochs=None
        )
        table = dataset.table
        store = ImageStore.open(
            table,
            stored_size_for(table, max(scale.input_sizes)),
            cache_dir,
            num_threads=Machine().cpus(),
            progress=StepBar(console, f"decoding {table.num_samples} photos"),
        )
        return cls(
            config=config,
            dataset=dataset,
            scale=scale,
            images=store.tensor(device),
            device=device,
            cache_dir=cache_dir,
            console=console,
        )

    @property
    def schema(self) -> LabelSchema:
        """Of the data."""
        return self.dataset.table.schema

    @property
    def weights(self) -> str:
        """Where the weights of the backbones come from, in words."""
        if not self.scale.pretrained:
            return "random weights"
        return f"weights from {self.config.weights_dir or 'the model hub'}"

    def load(self, name: str) -> FrozenBackbone:
        """Returns a backbone as a run would begin with it; raises as `FrozenBackbone.load`."""
        return FrozenBackbone.load(
            name,
            self.config.weights_path,
            pretrained=self.scale.pretrained,
            input_size=self.scale.input_sizes[0],
            device=self.device,
        )

    def features(self, backbone: FrozenBackbone, text: str) -> FeatureStore:
        """Returns its features of all photos, from the cache or computed now behind a bar."""
        bar = StepBar(self.console, text)
        try:
            return FeatureStore.open(
                self.dataset.table, self.images, backbone, self.cache_dir, bar
            )
        finally:
            bar.close()


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Lets every thread compute alone, and yields how many there may be.

    Products this small gain nothing from being shared out, and on a busy machine threads that wait
    for each other take most of the time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield Machine().cpus()
    finally:
        torch.set_num_threads(threads)


def _whole(dataset: Dataset) -> Dataset:
    """Returns the photos that have every label; raises UsageError where they are too few."""
    try:
        return dataset.whole
    except DataError as error:
        raise UsageError(
            "screen and quick compare models on photos that have every label, got "
            f"{dataset.table.num_whole}: {error}; label more people, or leave attributes out "
            f"({to_ignore(['NAME'])})"
        ) from error


def _check_size(dataset: Dataset) -> None:
    table = dataset.table
    searched = table.num_groups - len(np.unique(table.group_index[dataset.split.held_out]))
    if searched < NUM_FOLDS:
        raise UsageError(
            f"{NUM_FOLDS} folds need as many people who are not held out, got {searched}; "
            "give data of more people"
        )
    if table.schema.num_joint > MOST_JOINT:
        raise UsageError(
            f"heads on frozen features tell at most {MOST_JOINT} joint classes apart, got "
            f"{table.schema.num_joint:,} from {', '.join(table.schema.names)}; leave attributes "
            f"out ({to_ignore(['NAME'])})"
        )
