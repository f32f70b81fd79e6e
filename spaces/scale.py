"""How large a search may think: models, input sizes and epochs that suit the data and the device.

Chosen once per run from facts that the plan prints (device, number of photos, available weights).
"""

from dataclasses import dataclass, replace

from spaces.errors import SpaceError

SMALL_BACKBONES = ("test_resnet", "test_efficientnet", "mobilenetv4_conv_small_050")
IMAGENET_BACKBONES = (
    "tf_efficientnet_b0.ns_jft_in1k",
    "resnet18.a1_in1k",
    "resnext50_32x4d.a1h_in1k",
    "tf_efficientnet_b3.ns_jft_in1k",
    "convnext_tiny.fb_in22k_ft_in1k",
    "tiny_vit_21m_224.dist_in22k_ft_in1k",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the spaces offer on this data and device.

    Attributes:
        backbones: timm names on offer; the first is the default config's.
        pretrained: whether their weights are loaded.
        input_sizes: sides of the square network input in pixels; the first is the default's.
        batch_sizes: the first is the default's.
        lr: range of the base learning rate; its geometric mean is the default's.
        max_epochs: length of the schedule of every trial.
        reason: one sentence for the plan.

    Raises:
        SpaceError: an empty offer or a range that is not one.
    """

    backbones: tuple[str, ...]
    pretrained: bool
    input_sizes: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    lr: tuple[float, float]
    max_epochs: int
    reason: str

    def __post_init__(self) -> None:
        if not (self.backbones and self.input_sizes and self.batch_sizes):
            raise SpaceError("a scale must offer a backbone, an input size and a batch size")
        if not 0 < self.lr[0] < self.lr[1]:
            raise SpaceError(f"0 < low < high must hold for lr, got {self.lr}")
        if self.max_epochs < 1:
            raise SpaceError(f"max_epochs must be at least 1, got {self.max_epochs}")

    @property
    def default_lr(self) -> float:
        """Geometric mean of the learning-rate range, to two digits."""
        return float(f"{(self.lr[0] * self.lr[1]) ** 0.5:.1e}")


def choose_scale(
    *,
    device: str,
    pretrained: bool | None,
    weights: tuple[str, ...],
    max_epochs: int | None,
    backbones: tuple[str, ...] = (),
) -> Scale:
    """Chooses the scale from the device and the weights at hand.

    Args:
        device: "cpu" or "cuda".
        pretrained: the user's wish; None is yes on a GPU or where weights were given.
        weights: timm names in the user's folder of weights; empty means the model hub.
        max_epochs: the user's wish; None is the scale's own.
        backbones: the user's wish, the default config's first; empty is the scale's own.
    """
    scale = _by_device(device, pretrained, weights, max_epochs)
    if not backbones:
        return scale
    reason = f"{scale.reason}; backbones as given"
    return replace(scale, backbones=backbones, reason=reason)


def _by_device(
    device: str, pretrained: bool | None, weights: tuple[str, ...], max_epochs: int | None
) -> Scale:
    loaded = pretrained if pretrained is not None else device == "cuda" or bool(weights)
    if device == "cuda":
        offered = tuple(name for name in IMAGENET_BACKBONES if name in weights) or weights
        return Scale(
            backbones=(offered or IMAGENET_BACKBONES) if loaded else IMAGENET_BACKBONES,
            pretrained=loaded,
            input_sizes=(224, 256, 320, 384),
            batch_sizes=(32, 64),
            lr=(1e-5, 3e-4) if loaded else (1e-4, 3e-3),
            max_epochs=12 if max_epochs is None else max_epochs,
            reason="GPU: ImageNet-size backbones at 224 to 384 px",
        )
    if loaded:
        return Scale(
            backbones=weights or IMAGENET_BACKBONES[:2],
            pretrained=True,
            input_sizes=(96, 64),
            batch_sizes=(32, 16),
            lr=(1e-4, 3e-3),
            max_epochs=5 if max_epochs is None else max_epochs,
            reason="CPU with pretrained weights: 64 to 96 px, few epochs",
        )
    return Scale(
        backbones=SMALL_BACKBONES,
        pretrained=False,
        input_sizes=(64, 80, 96),
        batch_sizes=(32, 16, 64),
        lr=(5e-4, 1e-2),
        max_epochs=9 if max_epochs is None else max_epochs,
        reason="CPU without pretrained weights: small models from scratch at 64 to 96 px",
    )
