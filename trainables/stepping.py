"""One optimizer step after another: backward passes in micro-batches that fit, update, average.

Shapes: B samples of a batch, S side of the network input, K classes of a head.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from trainables.config import TrialConfig
from trainables.data.schema import UNKNOWN
from trainables.errors import CheckpointError, OutOfMemoryError, in_short
from trainables.gradients import gradient_cosines
from trainables.heads import HeadTarget
from trainables.memory import autocast, fitting, is_out_of_memory, release
from trainables.network import MovingAverage, Network
from trainables.optimizer import build_optimizer, lr_factor, set_lr
from trainables.preprocess import Mix
from trainables.sampler import num_batches
from trainables.targets import AUXILIARY, HeadTargets

_MIN_MICRO_BATCH = 4
_OF_THE_BATCH = ("f1", "ce_f1")
"""Losses that are no mean over samples: those of the parts do not add up to that of the batch."""
_WHOLE = 1 - 1e-3


class Stepping:
    """Moves the weights of a network, batch by batch, and keeps what the next step needs.

    Args:
        config: names the optimizer, the batch size and the moving average.
        network: on its device.
        targets: of every head, for all samples of the table.
        device: of the network.
        num_steps: of the whole schedule.
    """

    def __init__(
        self,
        config: TrialConfig,
        network: Network,
        targets: Mapping[str, HeadTargets],
        device: torch.device,
        num_steps: int,
    ) -> None:
        self._config = config
        self._network = network
        self._targets = targets
        # Once on the device: a copy to a GPU waits for all that it has been told to do.
        self._classes = {n: torch.from_numpy(t.classes).to(device) for n, t in targets.items()}
        self._partly = {n: bool((t.classes == UNKNOWN).any()) for n, t in targets.items()}
        self._raw = {
            name: torch.from_numpy(target.raw).to(device)
            for name, target in targets.items()
            if target.raw is not None
        }
        self._device = device
        self.micro_batch = config.optim.batch_size
        """Samples in one forward pass; falls when memory runs out."""
        self._num_steps = num_steps
        self._precision = config.numerics.precision if config.numerics else ""
        self._optimizer = build_optimizer(config.optim, network.backbone, network.heads)
        self._average = MovingAverage(network, config.optim.ema) if config.optim.ema else None

    @property
    def predictor(self) -> Network:
        """The network that predicts: of the averaged weights where the config asks for them."""
        return self._network if self._average is None else self._average.network

    def lr(self, step: int) -> float:
        """Returns the base learning rate at optimizer step `step`, from 0."""
        return self._config.optim.lr * lr_factor(self._config.optim, step, self._num_steps)

    def step(self, x: Tensor, targets: Mapping[str, HeadTarget], step: int) -> Tensor:
        """Does optimizer step `step` on network input [B, 3, S, S]; returns the batch's loss.

        Raises:
            OutOfMemoryError: the smallest micro-batch does not fit.
        """
        loss = self.backward(x, targets)
        if self._config.optim.clip_norm:
            clip_grad_norm_(self._network.parameters(), self._config.optim.clip_norm)
        set_lr(self._optimizer, self.lr(step))
        with fitting(f"{self._config.backbone.name} and its optimizer"):
            self._optimizer.step()
            if self._average is not None:
                self._average.update(self._network, step)
        return loss

    def batch_targets(self, samples: Tensor, mix: Mix | None = None) -> dict[str, HeadTarget]:
        """Returns the target of every head for table samples, mixed as the images were.

        Args:
            samples: int64 [B], on the device.
            mix: how the images were mixed, if they were.
        """
        if mix is not None:
            mix = Mix(partner=mix.partner.to(self._device), share=mix.share)
        found = {}
        for name, target in self._targets.items():
            numbers = torch.arange(target.num_classes, device=self._device)
            classes = (self._classes[name][samples, None] == numbers).to(torch.float32)
            raw = self._raw[name][samples] if name in self._raw else None
            if mix is not None:
                classes = mix.labels(classes)
                raw = None if raw is None else mix.labels(raw)
            found[name] = HeadTarget(classes=classes, raw=raw)
        return found

    def backward(self, x: Tensor, targets: Mapping[str, HeadTarget]) -> Tensor:
        """Replaces the gradients by those of the batch and returns its loss.

        Where memory runs out, the batch is repeated with half the micro-batch: the gradients of
        the parts add up to those of the whole.

        Args:
            x: network input [B, 3, S, S].
            targets: of every head for these samples.

        Raises:
            OutOfMemoryError: the smallest micro-batch does not fit.
        """
        while True:
            self._network.zero_grad(set_to_none=True)
            try:
                return self._accumulate(x, targets)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.micro_batch <= _MIN_MICRO_BATCH:
                    raise OutOfMemoryError(
                        f"a micro-batch of {self.micro_batch} images of "
                        f"{self._config.input.size} px does not fit in memory with "
                        f"{self._config.backbone.name}; offer smaller models or inputs, "
                        "or fewer trials per device"
                    ) from error
            release(self._device)
            self.micro_batch = max(_MIN_MICRO_BATCH, min(self.micro_batch, len(x)) // 2)

    def gradient_cosine(self, x: Tensor, targets: Mapping[str, HeadTarget]) -> dict[str, float]:
        """Returns the cosine between the gradients of every two main heads on the backbone."""
        with autocast(self._device, self._precision):
            outputs = self._network(x)
        losses = self._head_losses(outputs, targets)
        losses.pop(AUXILIARY, None)
        shared = [p for p in self._network.backbone.parameters() if p.requires_grad]
        return gradient_cosines(losses, shared)

    def state_dict(self) -> dict[str, Any]:
        """Returns weights, average, optimizer state and micro-batch; tensors are not copied."""
        average = self._average
        return {
            "micro_batch": self.micro_batch,
            "network": self._network.state_dict(),
            "average": average.network.state_dict() if average else None,
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from `state_dict()` of the same config and data.

        Raises:
            CheckpointError: the state does not fit the network, as of data with other classes.
        """
        try:
            self._network.load_state_dict(state["network"])
            if self._average is not None:
                self._average.network.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            reason = in_short(error)
            raise CheckpointError(
                f"the state belongs to another network: {reason}; delete the checkpoint to "
                "restart that trial"
            ) from error
        self.micro_batch = int(state["micro_batch"])

    def _accumulate(self, x: Tensor, targets: Mapping[str, HeadTarget]) -> Tensor:
        total = x.new_zeros(())
        known = {name: _known(targets[name]).sum() for name, some in self._partly.items() if some}
        # Parts of nearly equal size, none of one sample: batch normalisation cannot train on that.
        parts = num_batches(len(x), self.micro_batch)
        if parts > 1 and self._config.loss.name in _OF_THE_BATCH:
            return self._accumulate_whole(x.tensor_split(parts), targets)
        split = {name: _split(target, parts) for name, target in targets.items()}
        for number, part in enumerate(x.tensor_split(parts)):
            share = len(part) / len(x)
            with autocast(self._device, self._precision):
                outputs = self._network(part)
            losses = self._head_losses(outputs, {n: t[number] for n, t in split.items()})
            for name, every in known.items():
                # A mean over those that have the label, so that the parts add up here, too.
                here = _known(split[name][number]).sum() / share
                losses[name] = losses[name] * (here / every.clamp_min(1))
            loss = share * torch.stack(list(losses.values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        return total

    def _accumulate_whole(
        self, parts: Sequence[Tensor], targets: Mapping[str, HeadTarget]
    ) -> Tensor:
        """Accumulates the gradients of a loss of the batch, and returns it.

        Its gradient by the outputs needs the outputs of all parts, so these are computed twice:
        first without what a backward pass needs (Gao et al. 2021, Scaling deep contrastive
        learning batch size under memory limited setup).
        """
        buffers = {name: buffer.clone() for name, buffer in self._network.named_buffers()}
        devices = [self._device] if self._device.type == "cuda" else []
        same = torch.random.fork_rng(devices)  # dropout drops the same twice
        with same, torch.no_grad(), autocast(self._device, self._precision):
            given = [self._network(part) for part in parts]
        for name, buffer in self._network.named_buffers():
            buffer.copy_(buffers[name])  # the means of normalisation move once
        outputs = {
            name: torch.cat([output[name] for output in given]).detach().requires_grad_()
            for name in given[0]
        }
        loss = torch.stack(list(self._head_losses(outputs, targets).values())).sum()
        wanted = torch.autograd.grad(loss, list(outputs.values()), allow_unused=True)
        sizes = [len(part) for part in parts]
        by_part = {
            name: torch.split(gradient, sizes)
            for name, gradient in zip(outputs, wanted, strict=True)
            if gradient is not None
        }
        for number, part in enumerate(parts):
            with autocast(self._device, self._precision):
                again = self._network(part)
            torch.autograd.backward(
                [again[name] for name in by_part], [own[number] for own in by_part.values()]
            )
        return loss.detach()

    def _head_losses(
        self, outputs: Mapping[str, Tensor], targets: Mapping[str, HeadTarget]
    ) -> dict[str, Tensor]:
        losses = {}
        for name, wanted in targets.items():
            output, target, head = outputs[name], wanted, self._network.head(name)
            if self._partly[name]:
                known = _known(wanted)
                raw = None if wanted.raw is None else wanted.raw[known]
                output, target = output[known], HeadTarget(classes=wanted.classes[known], raw=raw)
            loss = head.loss(output, target) if len(output) else output.sum()
            losses[name] = self._targets[name].weight * loss
        return losses


def _known(target: HeadTarget) -> Tensor:
    """Returns which samples [B] have the label; of two mixed ones both must have it.

    Where the share of the other is next to nothing, too: without its number there is none.
    """
    known = target.classes.sum(dim=1) > _WHOLE
    return known if target.raw is None else known & target.raw.isfinite()


def _split(target: HeadTarget, parts: int) -> list[HeadTarget]:
    classes = target.classes.tensor_split(parts)
    raw = (None,) * parts if target.raw is None else target.raw.tensor_split(parts)
    return [HeadTarget(classes=c, raw=r) for c, r in zip(classes, raw, strict=True)]
