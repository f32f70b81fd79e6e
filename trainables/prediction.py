"""Class probabilities of images, by a trained network."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.errors import NonFiniteLossError
from trainables.memory import autocast
from trainables.network import Network
from trainables.preprocess import Preprocess


@torch.inference_mode()
def predict_probabilities(
    network: Network,
    preprocess: Preprocess,
    chunks: Iterable[Tensor],
    heads: Sequence[str],
    device: torch.device,
    *,
    mirrored: bool = False,
) -> dict[str, NDArray[np.float32]]:
    """Returns class probabilities float32 [n, K] of the heads by name.

    Args:
        network: switched to evaluation mode.
        preprocess: the one that the network was trained with.
        chunks: images stored or resized, [b, ., ., 3] each, n samples together.
        heads: names of the outputs wanted.
        device: of the network.
        mirrored: show the network every image mirrored.

    Raises:
        NonFiniteLossError: a probability is not finite, so that no class could be chosen.
    """
    # Some models of timm keep what they derive from their weights for evaluation, and older
    # versions forget it only on the way there.
    network.train()
    network.eval()
    found: dict[str, list[Tensor]] = {name: [] for name in heads}
    for chunk in chunks:
        with autocast(device):
            outputs = network(preprocess.evaluate(chunk.to(device), mirrored=mirrored))
        for name, parts in found.items():
            parts.append(network.head(name).probabilities(outputs[name]))
    # One copy a head: every one waits for the GPU.
    whole = {name: torch.cat(parts).cpu() for name, parts in found.items()}
    for name, probabilities in whole.items():
        if not bool(torch.isfinite(probabilities).all()):
            raise NonFiniteLossError(
                f"the probabilities of {name!r} must be finite, got NaN: the weights diverged; "
                "the learning rate is probably too high"
            )
    return {name: probabilities.numpy() for name, probabilities in whole.items()}
