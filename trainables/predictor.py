"""A trained network brought back to predict, without training data and without pretrained files.

Shapes: n photos, stored H x W, K classes of a head.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trainables.backbone import build_backbone
from trainables.config import TrialConfig
from trainables.data.bounded_files import check_plain
from trainables.data.schema import LabelSchema
from trainables.errors import OutOfMemoryError, WeightsError, in_short
from trainables.memory import eval_batch, fitting, is_out_of_memory, release
from trainables.network import build_network
from trainables.prediction import predict_probabilities
from trainables.preprocess import Preprocess
from trainables.seeding import global_torch_seed
from trainables.targets import AUXILIARY, head_shapes


class Predictor:
    """The network of one config, with weights that `ImageClassifier.weights()` gave.

    Args:
        config: that the network was trained with.
        schema: of the training data.
        weights: safetensors file.
        mean: of each channel that the network was trained with.
        std: of each channel that the network was trained with.
        device: where to predict.

    Raises:
        ConfigError: the config does not fit the schema or timm.
        WeightsError: the file cannot be read or is of another network.
    """

    def __init__(
        self,
        config: TrialConfig,
        schema: LabelSchema,
        weights: Path,
        *,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        device: torch.device,
    ) -> None:
        shapes = head_shapes(config, schema)
        self.config = config
        self.heads = tuple(name for name in shapes if name != AUXILIARY)
        self.preprocess = Preprocess(
            input=config.input, augment=config.augment, mean=mean, std=std
        )
        self.batch_size = eval_batch(device)
        """Photos in one forward pass; falls when memory runs out."""
        self._device = device
        # The weights come from the file, so nothing pretrained is loaded, nor anything frozen.
        plain = config.backbone.model_copy(update={"pretrained": False, "frozen_stages": 0})
        with global_torch_seed(device, 0, "predictor"):
            backbone = build_backbone(plain, None, config.input.size)
            self.network = build_network(config, backbone, shapes)
        self.network.requires_grad_(False).eval()
        with fitting(
            f"the weights of {config.backbone.name}", "free memory, or use another device"
        ):
            self.network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.load(weights)

    def load(self, weights: Path) -> None:
        """Takes the weights of another training of the same config, such as the next fold's.

        Raises:
            WeightsError: the file cannot be read or is of another network.
        """
        try:
            check_plain(weights)
            self.network.load_weights(load_file(weights))
        except (OSError, SafetensorError) as error:
            reason = in_short(error)
            raise WeightsError(f"the weights {weights} cannot be read: {reason}") from error
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            reason = in_short(error)
            raise WeightsError(
                f"the weights {weights} are of another network than {self.config.backbone.name} "
                f"with the heads {', '.join(self.heads)}: {reason}"
            ) from error

    def predict(self, images: Tensor, *, mirrored: bool = False) -> dict[str, NDArray[np.float32]]:
        """Returns class probabilities float32 [n, K] of every main head by name.

        Where memory runs out, the photos are shown in batches half as large.

        Args:
            images: stored photos uint8 [n, H, W, 3], n >= 1.
            mirrored: show the network every photo mirrored.

        Raises:
            OutOfMemoryError: a single photo does not fit.
            NonFiniteLossError: a probability is not finite.
        """
        while True:
            try:
                return predict_probabilities(
                    self.network,
                    self.preprocess,
                    torch.split(images, self.batch_size),
                    self.heads,
                    self._device,
                    mirrored=mirrored,
                )
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_size == 1:
                    raise OutOfMemoryError(
                        f"one photo of {self.config.input.size} px does not fit in memory with "
                        f"{self.config.backbone.name}; free memory or predict on another device"
                    ) from error
            release(self._device)
            self.batch_size = max(1, min(self.batch_size, len(images)) // 2)
