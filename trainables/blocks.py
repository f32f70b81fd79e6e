"""Blocks of attributes: what one model predicts, by one softmax or by a head each.

A model of one attribute, one over the joint label of all and one backbone with several heads are
the same idea: a block of one, all in one softmax, all by heads. A block of some attributes is as
good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from trainables.data.schema import JOINT, LabelSchema
from trainables.errors import ConfigError

FlatValue: TypeAlias = str | int | float | bool | tuple[str, ...]


class Form(StrEnum):
    """How a block is predicted: one softmax over its joint label, or a head per attribute."""

    SOFTMAX = "softmax"
    HEADS = "heads"


@dataclass(frozen=True, slots=True)
class Block:
    """Attributes that one model predicts together.

    Attributes:
        attributes: one or more different names.
        form: of the prediction; a single attribute has one output, which is called softmax.

    Raises:
        ConfigError: no attribute, one twice, or heads of a single attribute.
    """

    attributes: tuple[str, ...]
    form: Form

    def __post_init__(self) -> None:
        names = self.attributes
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"a block needs different attributes, got {list(names)}")
        if self.form is Form.HEADS and len(names) < 2:
            raise ConfigError(
                f"a block with heads needs two attributes or more, got {list(names)}; use the "
                "form 'softmax'"
            )

    def schema(self, schema: LabelSchema) -> LabelSchema:
        """Returns the labels of the block alone: its attributes in the order of the data."""
        return schema.only(self.attributes)

    def label(self, schema: LabelSchema) -> str:
        """Returns the name of the label that the attributes make together.

        It is the attribute, "joint" for all attributes of the data, or `a+b`; a file key, never
        taken apart again.
        """
        names = schema.only(self.attributes).names
        whole = len(names) > 1 and names == schema.names
        return JOINT if whole else "+".join(names)

    def heads(self, schema: LabelSchema) -> dict[str, tuple[str, ...]]:
        """Returns the attributes that every output of the model decides, by its name."""
        names = schema.only(self.attributes).names
        if self.form is Form.HEADS:
            return {name: (name,) for name in names}
        return {self.label(schema): names}


def block_of(flat: Mapping[str, FlatValue]) -> Block:
    """Returns the block that a complete config is for."""
    attributes = flat["target.attributes"]
    if not isinstance(attributes, tuple) or not all(isinstance(a, str) for a in attributes):
        raise ConfigError(f"target.attributes must be a list of names, got {attributes!r}")
    return Block(attributes, Form(str(flat["target.form"])))


_ONCE_JOINT = {"joint": Form.SOFTMAX, "multihead": Form.HEADS}


def block_of_kind(kind: str, attribute: str, names: Sequence[str]) -> Block:
    """Returns the block that runs before blocks called attribute, joint or multihead.

    Args:
        kind: what they called it.
        attribute: of the kind "attribute", else empty.
        names: all attributes of the data.
    """
    if kind in _ONCE_JOINT:
        return Block(tuple(names), _ONCE_JOINT[kind])
    return Block((attribute,), Form.SOFTMAX)


def read_flat(
    flat: Mapping[str, FlatValue | Sequence[str]], names: Sequence[str]
) -> dict[str, FlatValue]:
    """Returns a stored config as it is written today.

    Args:
        flat: by dotted names, from JSON or YAML; runs before blocks wrote `target.kind`.
        names: all attributes of the data.
    """
    kind, attribute = flat.get("target.kind"), flat.get("target.attribute", "")
    found = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in flat.items()
        if name not in ("target.kind", "target.attribute")
    }
    if kind is not None:
        block = block_of_kind(str(kind), str(attribute), names)
        found = {"target.attributes": block.attributes, "target.form": block.form.value, **found}
    return found  # type: ignore[return-value]


def as_before_blocks(flat: Mapping[str, FlatValue]) -> dict[str, FlatValue]:
    """Returns a config as runs before blocks spelled it; what they finished is known by it."""
    block = block_of(flat)
    rest = {name: value for name, value in flat.items() if not name.startswith("target.")}
    if len(block.attributes) > 1:
        kinds = {form: kind for kind, form in _ONCE_JOINT.items()}
        return {"target.kind": kinds[block.form], **rest}
    return {"target.kind": "attribute", "target.attribute": block.attributes[0], **rest}
