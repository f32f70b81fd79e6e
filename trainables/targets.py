"""What each head learns: training classes, raw numbers, class boundaries and the samples left out.

Training labels may differ from the true ones (age.old_from, age.drop); evaluation never sees
this module.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainables.blocks import Form
from trainables.config import AGE_DROPS, TrialConfig
from trainables.data.schema import UNKNOWN, Attribute, LabelSchema
from trainables.errors import ConfigError

AGE = "age"
AUXILIARY = "aux_age"
_MOSTLY = 0.9
_NO_RAW_AGE = (
    "the section age needs an attribute 'age' with raw numbers, which this data has not; "
    "leave age.* out of the config"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadShape:
    """What a head is built from beside the config."""

    kind: str
    num_classes: int
    edges: tuple[float, ...] = ()
    """Boundaries between the classes of the raw number that it regresses; else empty."""
    raw_mean: float = 0.0
    raw_std: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTargets(HeadShape):
    """Training targets of one head, for all N samples of the table."""

    classes: NDArray[np.int64]
    raw: NDArray[np.float32] | None = None
    """Standardised raw number [N], NaN where the class is unknown."""


def head_shapes(config: TrialConfig, schema: LabelSchema) -> dict[str, HeadShape]:
    """Returns what is known of every head without training data, by name.

    Raw numbers are not standardised: their boundaries are those of the schema or the config.

    Raises:
        ConfigError: the config names an attribute or a raw number that the data lacks.
    """
    _check(config, schema)
    kind = config.head.kind
    found: dict[str, HeadShape] = {}
    for name, attributes in config.target.block.heads(schema).items():
        edges: tuple[float, ...] = ()
        if kind == "regression":
            cut = schema[name]
            edges = cut.edges
            if name == AGE and config.age is not None:
                edges = _edged(cut, config.age.old_from).edges
        found[name] = HeadShape(
            kind=kind,
            num_classes=schema.only(attributes).num_joint,
            edges=edges,
            weight=config.task_weight.get(name, 1.0),
        )
    if config.age is not None and config.age.aux_weight:
        age = schema[AGE]
        found[AUXILIARY] = HeadShape(
            kind="regression",
            num_classes=len(age.classes),
            edges=age.edges,
            weight=config.age.aux_weight,
        )
    return found


def training_targets(
    config: TrialConfig,
    schema: LabelSchema,
    labels: NDArray[np.int64],
    raw: Mapping[str, NDArray[np.float64]],
    train: NDArray[np.int64],
) -> dict[str, HeadTargets]:
    """Returns the targets of every head by name.

    Args:
        config: names the target, the training-label cut and the auxiliary weight.
        schema: names the attributes.
        labels: true classes int [N, A].
        raw: raw numbers [N] of numeric attributes.
        train: training indices; raw numbers are standardised by theirs alone.

    Raises:
        ConfigError: the config names an attribute or a raw number that the data lacks.
    """
    shapes = head_shapes(config, schema)
    trained = labels.copy()
    if config.age is not None:
        column = schema.names.index(AGE)
        known = labels[:, column] != UNKNOWN
        cut = _edged(schema[AGE], config.age.old_from)
        trained[known, column] = cut.encode_raw(raw[AGE][known])
    decides = {**config.target.block.heads(schema), AUXILIARY: (AGE,)}
    found: dict[str, HeadTargets] = {}
    for name, shape in shapes.items():
        classes = schema.codes(trained, decides[name])
        found[name] = (
            _numeric(shape, classes, raw[decides[name][0]], train)
            if shape.edges
            else HeadTargets(**asdict(shape), classes=classes)
        )
    return found


def kept(
    config: TrialConfig, raw: Mapping[str, NDArray[np.float64]], schema: LabelSchema
) -> NDArray[np.bool_] | None:
    """Returns which samples [N] training may use, or None for all; evaluation uses all always.

    Ages are left out where they end just below a boundary of this data's classes and are not a
    whole class: elsewhere they blur nothing, or nobody would teach the class.

    Raises:
        ConfigError: ages are to be left out and the data has none.
    """
    if config.age is None or config.age.drop == "none":
        return None
    if AGE not in raw:
        raise ConfigError(_NO_RAW_AGE)
    age, edges = raw[AGE], (-math.inf, *schema[AGE].edges)
    dropped = np.zeros(len(age), dtype=bool)
    for low, high in AGE_DROPS[config.age.drop]:
        if any(below <= low - 1 and high < edge <= high + 1 for below, edge in pairwise(edges)):
            dropped |= (age >= low) & (age < high + 1)
    return ~dropped


def sampling_classes(targets: Mapping[str, HeadTargets]) -> NDArray[np.int64]:
    """Returns the class [N] that the sampler balances: the target's, or the joint one of heads.

    An unknown label is a class of its own.
    """
    main = [target for name, target in targets.items() if name != AUXILIARY]
    code = np.zeros(len(main[0].classes), dtype=np.int64)
    for target in main:
        unknown = int((target.classes == UNKNOWN).any())
        code = code * (target.num_classes + unknown) + target.classes + unknown
    # Only those that there are: the sampler counts every number up to the largest.
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def _check(config: TrialConfig, schema: LabelSchema) -> None:
    names = schema.only(config.target.attributes).names
    if config.age is not None and not (AGE in schema and schema[AGE].has_raw):
        raise ConfigError(_NO_RAW_AGE)
    unknown = set(config.task_weight) ^ set(names)
    if config.target.form is Form.HEADS and unknown:
        raise ConfigError(
            f"task_weight must name every attribute ({', '.join(names)}) and no other, got "
            f"{', '.join(config.task_weight)}"
        )


def _edged(attribute: Attribute, last: float) -> Attribute:
    edges = (*attribute.edges[:-1], float(last))
    if len(edges) > 1 and edges[-1] <= edges[-2]:
        raise ConfigError(
            f"age.old_from must exceed the boundary below it, {edges[-2]:g}, got {last:g}"
        )
    return Attribute(name=attribute.name, classes=attribute.classes, ordered=True, edges=edges)


def _numeric(
    shape: HeadShape,
    classes: NDArray[np.int64],
    raw: NDArray[np.float64],
    train: NDArray[np.int64],
) -> HeadTargets:
    seen = raw[train][classes[train] != UNKNOWN]
    mean, std = float(seen.mean()), float(seen.std()) or 1.0
    # Whole numbers (years) are decided half-way between the last of one class and the next's
    # first; a few others among them (half a year) change nothing.
    whole = float(np.mean(seen == np.round(seen))) >= _MOSTLY
    edges = tuple(math.ceil(edge) - 0.5 if whole else edge for edge in shape.edges)
    moved = replace(shape, edges=edges, raw_mean=mean, raw_std=std)
    standard = ((raw - mean) / std).astype(np.float32)
    return HeadTargets(**asdict(moved), classes=classes, raw=standard)
