"""ImageClassifier: one config, one training; an epoch per call, resumable bit for bit on the CPU.

Shapes: N samples of the table, B of a batch, K classes of a head. All randomness of epoch e
derives from (seed, purpose, e), so that a checkpoint needs no generator state.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.backbone import build_backbone
from trainables.blocks import Form
from trainables.config import TrialConfig
from trainables.data.schema import UNKNOWN, LabelSchema
from trainables.data.training_images import TrainingImages
from trainables.errors import CheckpointError, ConfigError, NonFiniteLossError, OutOfMemoryError
from trainables.memory import eval_batch, fitting, is_out_of_memory, release
from trainables.network import build_network
from trainables.prediction import predict_probabilities
from trainables.preprocess import Preprocess
from trainables.sampler import batches, epoch_order, num_batches
from trainables.seeding import global_torch_seed, numpy_generator, torch_generator
from trainables.stepping import Stepping
from trainables.targets import AUXILIARY, kept, sampling_classes, training_targets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """What a training reads; images are shared by all trials of a worker."""

    schema: LabelSchema
    images: TrainingImages
    labels: NDArray[np.int64]
    """True classes [N, A], or `UNKNOWN`."""
    raw: Mapping[str, NDArray[np.float64]]
    """Raw numbers [N] of numeric attributes."""
    train: NDArray[np.int64]
    """Indices of the training samples."""
    on_step: Callable[[], None] = lambda: None
    """Called after every batch that is trained or predicted: a sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What one epoch of training did."""

    epoch: int
    """Epochs finished, from 1."""
    loss: float
    """Mean training loss per batch."""
    num_samples: int
    seconds: float
    """Of training them, without what `gradient_cosine` takes."""
    lr: float
    """Base learning rate of the last step."""
    gradient_cosine: Mapping[str, float]
    """Cosine between the gradients of two heads on the backbone, by "a|b"; several heads only."""


class ImageClassifier:
    """Trains and applies the network of one config.

    A process that trains on the CPU calls `trainables.memory.keep_freed` before, or trains slower.

    Args:
        config: the point of the search space.
        data: images, labels and the training indices.
        seed: of everything random in this training.
        device: where to train.
        weights_dir: folder of `<timm name>.safetensors`, or None for the model hub.

    Raises:
        ConfigError: the config does not fit the data or timm.
        WeightsError: pretrained weights are wanted and cannot be had.
    """

    def __init__(
        self,
        config: TrialConfig,
        data: TrainingData,
        *,
        seed: int,
        device: torch.device,
        weights_dir: Path | None = None,
    ) -> None:
        self.config = config
        self.epoch = 0
        self._eval_batch = eval_batch(device)  # falls when memory runs out
        self._data = data
        self._seed = seed
        self._device = device
        self._train = _training_samples(config, data)
        self._images = data.images.at(config.input)
        targets = training_targets(config, data.schema, data.labels, data.raw, self._train)
        self._heads = tuple(name for name in targets if name != AUXILIARY)
        self._classes = sampling_classes(targets)[self._train]
        with global_torch_seed(device, seed, "init"):
            backbone = build_backbone(config.backbone, weights_dir, config.input.size)
            self.network = build_network(config, backbone, targets)
        self.preprocess = Preprocess(
            input=config.input, augment=config.augment, mean=backbone.mean, std=backbone.std
        )
        self._steps_an_epoch = num_batches(len(self._train), config.optim.batch_size)
        num_steps = config.schedule.epochs * self._steps_an_epoch
        with fitting(f"the weights of {config.backbone.name}"):
            # The faster layout for convolutions, pooling and normalisation, on CPUs too
            # (benchmarks/memory_layout.py).
            self.network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._stepping = Stepping(config, self.network, targets, device, num_steps)

    @property
    def num_parameters(self) -> int:
        """Number of weights of backbone and heads."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def micro_batch(self) -> int:
        """Samples in one forward pass; less than the batch after an out-of-memory error."""
        return self._stepping.micro_batch

    def train_epoch(self) -> EpochReport:
        """Trains one epoch of the schedule.

        Raises:
            NonFiniteLossError: the loss became NaN or infinite.
            OutOfMemoryError: the smallest micro-batch does not fit.
        """
        started = time.perf_counter()
        epoch = self.epoch
        order = epoch_order(
            self._classes, self.config.sampler.power, numpy_generator(self._seed, "order", epoch)
        )
        # Where the photos lie depends on the memory that happens to be free.
        augment = torch_generator(self._seed, "augment", epoch, device=self._device)
        scalars = numpy_generator(self._seed, "scalars", epoch)
        self.network.start_training()
        losses = []
        with global_torch_seed(self._device, self._seed, "epoch", epoch):
            for number, (rows, samples) in enumerate(self._batches(order)):
                step = epoch * self._steps_an_epoch + number
                # Bytes, a quarter of what they become, and a GPU turns them into it sooner.
                images = self._images.index_select(0, rows).to(self._device)
                x, mix = self.preprocess.train(images, augment, scalars)
                targets = self._stepping.batch_targets(samples, mix)
                losses.append(self._stepping.step(x, targets, step))
                self._data.on_step()
                if number % 50 == 49:
                    self._check_finite(losses)
            self._check_finite(losses)  # the device has done them all then
            seconds = time.perf_counter() - started
            cosine = self._gradient_cosine()
        self.epoch += 1
        return EpochReport(
            epoch=self.epoch,
            loss=float(torch.stack(losses).mean()),
            num_samples=len(order),
            seconds=seconds,
            lr=self._stepping.lr(self.epoch * self._steps_an_epoch - 1),
            gradient_cosine=cosine,
        )

    def predict(
        self, indices: NDArray[np.int64], *, mirrored: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """Returns class probabilities float32 [n, K] of every main head for table samples.

        Args:
            indices: of the samples, int [n].
            mirrored: show the network every image mirrored.

        Where memory runs out, they are shown in batches half as large.

        Raises:
            NonFiniteLossError: as `predict_images`.
            OutOfMemoryError: a single photo does not fit.
        """
        while True:
            try:
                return self.predict_images(self._parts(indices), mirrored=mirrored)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._eval_batch == 1:
                    raise OutOfMemoryError(
                        f"one photo of {self.config.input.size} px does not fit in memory with "
                        f"{self.config.backbone.name}; offer smaller models or inputs, or fewer "
                        "trials per device"
                    ) from error
            release(self._device)
            self._eval_batch = max(1, min(self._eval_batch, len(indices)) // 2)

    def predict_images(
        self, chunks: Iterable[Tensor], *, mirrored: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """Returns class probabilities float32 [n, K] of every main head.

        Args:
            chunks: images stored or resized, [b, ., ., 3].
            mirrored: show the network every image mirrored.

        Raises:
            NonFiniteLossError: a probability is not finite, so that no class could be chosen.
        """
        return predict_probabilities(
            self._stepping.predictor,
            self.preprocess,
            chunks,
            self._heads,
            self._device,
            mirrored=mirrored,
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns all that continues this training bit for bit on the CPU."""
        whose = {"seed": self._seed, "config": self.config.to_tree()}
        return {**whose, "epoch": self.epoch, **self._stepping.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from `state_dict()` of a classifier with the same config, data and seed.

        Raises:
            CheckpointError: the state is of another training.
        """
        mine = self.config.to_tree()
        if (state["seed"], state["config"]) != (self._seed, mine):
            raise CheckpointError(
                f"a training continues with its own seed and config, got {state['seed']} "
                f"{state['config']}, expected {self._seed} {mine}; delete the checkpoint to "
                "restart that trial"
            )
        self._stepping.load_state_dict(state)
        self.epoch = int(state["epoch"])

    def weights(self) -> dict[str, Tensor]:
        """Returns a copy on the CPU of the weights that predict (averaged if so configured)."""
        weights = self._stepping.predictor.weights()
        return {
            name: value.cpu().clone(memory_format=torch.contiguous_format)
            for name, value in weights.items()
        }

    def _parts(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        for start in range(0, len(indices), self._eval_batch):
            yield self._stored(indices[start : start + self._eval_batch])
            self._data.on_step()

    def _stored(self, samples: NDArray[np.int64]) -> Tensor:
        # A copy: index arrays of a split are read-only and torch wants to own what it wraps.
        where = torch.from_numpy(samples.copy()).to(self._images.device)
        return self._images[where]

    def _batches(self, order: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the samples of every batch, where the images are and on the device.

        They are copied once an epoch: a copy to a GPU waits for all that it has been told to do.
        """
        samples, size = torch.from_numpy(self._train[order]), self.config.optim.batch_size
        places = (self._images.device, self._device)
        rows, here = (batches(samples.to(place), size) for place in places)
        return zip(rows, here, strict=True)

    def _gradient_cosine(self) -> dict[str, float]:
        if self.config.target.form is not Form.HEADS:
            return {}
        # The same first samples every epoch, unaugmented, in evaluation mode: the curve shows the
        # weights' change.
        samples = self._train[:: max(1, len(self._train) // 64)][:64].copy()
        self.network.eval()
        try:
            x = self.preprocess.evaluate(self._stored(samples).to(self._device))
            targets = self._stepping.batch_targets(torch.from_numpy(samples).to(self._device))
            return self._stepping.gradient_cosine(x, targets)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # A curve for the eye: training, which goes on in parts that fit, is whole without it.
        release(self._device)
        return {}

    def _check_finite(self, losses: list[Tensor]) -> None:
        values = torch.stack(losses)
        wrong = values[~torch.isfinite(values)]
        if len(wrong):
            raise NonFiniteLossError(
                f"the training loss must stay finite, got {float(wrong[0])} in epoch "
                f"{self.epoch + 1}; the learning rate is probably too high"
            )


def _training_samples(config: TrialConfig, data: TrainingData) -> NDArray[np.int64]:
    mask = kept(config, data.raw, data.schema)
    samples = data.train if mask is None else data.train[mask[data.train]]
    # Heads learn from whoever has one of their labels, a softmax from whoever has all.
    names = data.schema.only(config.target.attributes).names
    columns = [data.schema.names.index(name) for name in names]
    known = data.labels[samples][:, columns] != UNKNOWN
    has: NDArray[np.bool_] = known.any(1) if config.target.form is Form.HEADS else known.all(1)
    samples = samples[has]
    if len(samples) < 2:
        drop = "" if mask is None else f" after age.drop={config.age.drop!r}"  # type: ignore[union-attr]
        raise ConfigError(f"training needs two samples or more, got {len(samples)}{drop}")
    return samples
