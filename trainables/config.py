"""TrialConfig: one point of a search space as a frozen, validated tree.

Its dotted paths (`optim.lr`, `loss.gamma`) are the parameter names of every space, so a flat
mapping is all that spaces and trainables have in common.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trainables.blocks import Block, FlatValue, Form
from trainables.errors import ConfigError

SOFTMAX_LOSSES = ("ce", "focal", "f1", "ce_f1")
AGE_DROPS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "none": (),
    "57-59": ((57, 59),),
    "55-59": ((55, 59),),
    "57-59,27-29": ((57, 59), (27, 29)),
}


class Section(BaseModel):
    """A frozen section of the config that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Target(Section):
    """What the model predicts: a block of attributes."""

    attributes: tuple[str, ...]
    """Names, in the order of the data."""
    form: Form
    """One softmax over the joint label of the attributes, or a head per attribute."""

    @model_validator(mode="after")
    def _is_a_block(self) -> Self:
        try:
            self.block  # noqa: B018  building it checks it
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def block(self) -> Block:
        """The block itself."""
        return Block(self.attributes, self.form)


class Backbone(Section):
    """The timm model whose pooled features feed the heads."""

    name: str = Field(min_length=1)
    """timm model."""
    pretrained: bool
    """Whether its weights are loaded; else they are random."""
    frozen_stages: int = Field(ge=0, le=4)
    """First stages (the stem is one) that keep the loaded weights; of a ViT single blocks."""
    drop_path: float = Field(ge=0, lt=1)
    """Rate of stochastic depth (Huang et al. 2016); a model without it takes 0 alone."""

    @model_validator(mode="after")
    def _only_loaded_weights_are_worth_freezing(self) -> Self:
        if self.frozen_stages and not self.pretrained:
            raise ValueError(
                f"backbone.frozen_stages={self.frozen_stages} freezes random weights; use 0 or "
                "backbone.pretrained=true"
            )
        return self


class Input(Section):
    """What the model sees of the stored image."""

    size: int = Field(ge=16, le=1024)
    """Side of the square network input in pixels."""
    crop: Literal["full", "centre", "face", "lower", "narrow"]
    """Part of the photo that is seen, the same for every photo."""


class Augment(Section):
    """Batched training augmentation; 0 switches an ingredient off."""

    flip: float = Field(ge=0, le=1)
    """Probability that left and right are exchanged."""
    rotate: float = Field(ge=0, le=45)
    """Largest rotation in degrees."""
    shift: float = Field(ge=0, le=0.5)
    """Largest shift as a share of the side."""
    scale: float = Field(ge=0, le=0.5)
    """Largest relative change of scale."""
    colour: float = Field(ge=0, le=1)
    """Largest relative change of brightness, contrast and saturation."""
    grayscale: float = Field(ge=0, le=1)
    """Probability that a photo loses its colours."""
    erase: float = Field(ge=0, le=1)
    """Probability that a rectangle of 2 to 10 % of the area is erased."""
    mixup: float = Field(ge=0, le=2)
    """Alpha of the Beta distribution (Zhang et al. 2018)."""
    half_cutmix: float = Field(ge=0, le=1)
    """Probability that a batch joins left and right halves of two photos."""


class _Optimizer(Section):
    lr: float = Field(gt=0, le=1)
    """Learning rate at the top of the backbone once it has risen."""
    weight_decay: float = Field(ge=0, le=1)
    """Of all weights but biases, normalisation and positions of the backbone."""
    layer_decay: float = Field(gt=0, le=1)
    """Factor on the learning rate from one block to the one below: ResNet-18 has 9 in all."""
    head_lr_ratio: float = Field(gt=0, le=100)
    """Heads' learning rate over the backbone's."""
    batch_size: int = Field(ge=2, le=4096)
    """Photos per step, at most; an epoch is dealt evenly, so that none has a single one."""
    warmup: float = Field(ge=0, lt=1)
    """Share of all steps in which the learning rate rises linearly."""
    schedule: Literal["cosine", "constant"]
    """After the rise: down to 1 % along half a cosine, or constant."""
    ema: float = Field(ge=0, lt=1)
    """Decay of the moving average of the weights; 0 switches it off."""
    clip_norm: float = Field(ge=0)
    """Largest gradient norm; 0 switches clipping off."""


class AdamW(_Optimizer):
    """AdamW (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]


class SGD(_Optimizer):
    """SGD with Nesterov momentum."""

    name: Literal["sgd"]
    momentum: float = Field(gt=0, lt=1)
    """Of the gradients (Nesterov)."""


class Head(Section):
    """How the features become class probabilities."""

    kind: str
    """Of a single attribute any; several have softmax."""
    hidden: int = Field(ge=0, le=4096)
    """Width of one hidden layer; 0 is a linear head."""
    dropout: float = Field(ge=0, lt=1)
    """Probability that a feature is left out of a training step."""


class CrossEntropy(Section):
    """Cross-entropy with label smoothing (0 is plain)."""

    name: Literal["ce"]
    smoothing: float = Field(ge=0, lt=1)
    """Share of the label that all classes get alike."""


class Focal(Section):
    """Focal loss (Lin et al. 2017)."""

    name: Literal["focal"]
    gamma: float = Field(ge=0, le=10)
    """Power of 1 - p(true class), by which sure photos count less."""


class SoftF1(Section):
    """One minus the soft macro-F1 of the batch."""

    name: Literal["f1"]


class CrossEntropyF1(Section):
    """Weighted sum of cross-entropy and soft macro-F1."""

    name: Literal["ce_f1"]
    smoothing: float = Field(ge=0, lt=1)
    """Share of the label that all classes get alike."""
    f1_weight: float = Field(gt=0, lt=1)
    """Weight of the soft macro-F1; cross-entropy has the rest."""


class HeadsOwn(Section):
    """The loss that belongs to an ordinal or regression head."""

    name: Literal["own"]


class Sampler(Section):
    """How training samples are drawn."""

    power: float = Field(ge=0, le=1)
    """0: every sample once an epoch; above, with replacement, at 1 all classes equally often."""


class Age(Section):
    """Options of a numeric attribute called age; training only, scores keep the true labels."""

    old_from: int = Field(ge=1, le=120)
    """Age from which training calls a person a member of the oldest class."""
    drop: str
    """Ages left out of training, where they end below a boundary and are no whole class."""
    aux_weight: float = Field(ge=0, le=10)
    """Weight of an auxiliary head that regresses the raw age."""

    @model_validator(mode="after")
    def _drop_is_known(self) -> Self:
        if self.drop not in AGE_DROPS:
            raise ValueError(f"unknown age.drop {self.drop!r}; available: {', '.join(AGE_DROPS)}")
        return self


class Schedule(Section):
    """The length of training."""

    epochs: int = Field(ge=1, le=1000)
    """Times that training goes through the photos."""


class Numerics(Section):
    """How numbers are rounded in training; evaluation and prediction do not ask it."""

    precision: Literal["float32", "bf16"]
    """Of the forward pass (mixed precision: weights stay float32)."""


class TrialConfig(Section):
    """Everything that decides a training, apart from data and seed."""

    target: Target
    backbone: Backbone
    input: Input
    augment: Augment
    optim: Annotated[AdamW | SGD, Field(discriminator="name")]
    head: Head
    loss: Annotated[
        CrossEntropy | Focal | SoftF1 | CrossEntropyF1 | HeadsOwn, Field(discriminator="name")
    ]
    sampler: Sampler
    schedule: Schedule
    age: Age | None = None
    numerics: Numerics | None = None
    """Where it was chosen by measurement; else bf16 on a GPU and float32 on the CPU."""
    task_weight: Mapping[str, Annotated[float, Field(gt=0, le=100)]] = Field(default_factory=dict)
    """Loss weight of each attribute; target.form 'heads' only."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if (self.head.kind == "softmax") != (self.loss.name in SOFTMAX_LOSSES):
            raise ValueError(
                f"head.kind 'softmax' goes with loss.name in {', '.join(SOFTMAX_LOSSES)} "
                f"and any other head with 'own', got head.kind="
                f"{self.head.kind!r} loss.name={self.loss.name!r}"
            )
        if self.head.kind != "softmax" and len(self.target.attributes) > 1:
            raise ValueError(
                f"head.kind={self.head.kind!r} needs a single attribute, got target.attributes="
                f"{list(self.target.attributes)}; use head.kind 'softmax'"
            )
        if (self.target.form is Form.HEADS) != bool(self.task_weight):
            raise ValueError(
                "task_weight.<attribute> is given exactly when target.form is 'heads', got "
                f"form={self.target.form.value!r} task_weight={dict(self.task_weight)}"
            )
        return self

    @classmethod
    def from_flat(cls, flat: Mapping[str, FlatValue]) -> Self:
        """Builds the tree from dotted names.

        Args:
            flat: `{"optim.lr": 1e-3, ...}`; every name of the active branches and no other.

        Raises:
            ConfigError: an unknown or missing name, or a value out of range; all are listed.
        """
        tree: dict[str, Any] = {}
        for name, value in flat.items():
            section, _, field = name.partition(".")
            if not field:
                raise ConfigError(f"a config name is section.field, got {name!r}")
            tree.setdefault(section, {})[field] = value
        return cls.from_tree(tree)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """Builds the config from nested mappings (a YAML file); raises as `from_flat`."""
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            lines = [_explain(issue) for issue in error.errors(include_url=False)]
            raise ConfigError("the config is not valid: " + "; ".join(lines)) from error

    def to_tree(self) -> dict[str, Any]:
        """Returns nested plain mappings that `from_tree` reads back to an equal config."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_flat(self) -> dict[str, FlatValue]:
        """Returns dotted names that `from_flat` reads back to an equal config."""
        return {
            f"{section}.{field}": tuple(value) if isinstance(value, list) else value
            for section, fields in self.to_tree().items()
            for field, value in fields.items()
        }


def is_name(name: str) -> bool:
    """Returns whether some config has a value of this dotted name, whatever its branches."""
    section, _, field = name.partition(".")
    kinds = _sections(TrialConfig.model_fields[section]) if section in _SECTIONS else ()
    return section == "task_weight" or any(field in kind.model_fields for kind in kinds)


_SECTIONS = frozenset(TrialConfig.model_fields)


def _sections(field: Any) -> tuple[type[Section], ...]:
    """Returns the kinds of section that a field of the config may hold."""
    kinds = get_args(field.annotation) or (field.annotation,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section))


def _explain(issue: Any) -> str:
    discriminated = {"adamw", "sgd", "ce", "focal", "f1", "ce_f1", "own"}
    path = ".".join(str(part) for part in issue["loc"] if part not in discriminated)
    if issue["type"] == "extra_forbidden":
        return f"unknown name {path!r} (value {issue['input']!r})"
    if issue["type"] == "missing":
        return f"missing name {path!r}"
    message = issue["msg"].removeprefix("Value error, ")
    return f"{path}: {message}, got {issue['input']!r}" if path else message
