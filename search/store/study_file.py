"""`study.json`: what its entries must be where they are there.

Every headrace adds entries, so one that an older run lacks is no error here: who needs it says so.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from search.store.reading import HIGHEST_COUNT, typed
from trainables.blocks import Block, Form, block_of_kind
from trainables.data.schema import LabelSchema

_Count = Annotated[int, Field(ge=0, le=HIGHEST_COUNT)]
_Side = Annotated[int, Field(ge=1, le=2**16)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Config(TypedDict, total=False):
    name: str
    spaces: list[str]
    data: str
    layout: str | None
    people: _Count | None
    budget_seconds: float | None
    trials: _Count | None
    max_epochs: _Count | None
    refit_seeds: _Count | None
    seed: _Count
    pretrained: bool | None
    weights_dir: str
    why: str
    margin: _Share
    accept_loss: _Share
    pseudo_labels: str
    pseudo_thresholds: list[str]
    race: bool
    warm_start: list[str]
    bf16: bool
    keep_models: bool
    no_photos: bool
    gpus_per_trial: str
    address: str


class _Data(TypedDict, total=False):
    name: str
    note: str
    schema: dict[str, Any]
    photos: _Count
    people: _Count
    fingerprint: str
    split: str
    stored_size: Annotated[list[_Side], Field(min_length=2, max_length=2)]


class _Block(TypedDict):
    attributes: Annotated[list[str], Field(min_length=1)]
    form: Literal["softmax", "heads"]


class _Study(TypedDict, total=False):
    config: _Config
    data: _Data
    spaces: dict[str, str]
    blocks: dict[str, _Block]
    approaches: dict[str, str]
    studies: dict[str, str]
    second_fold: bool
    chosen_by: str
    searched: dict[str, Any]
    scale: str
    backbones: list[str]
    hardware: dict[str, Any]
    versions: dict[str, str]
    git_commit: str


def check_study(values: Mapping[str, Any]) -> None:
    """Raises where an entry of `study.json` is not what it must be; for `reading`."""
    typed(_Study, values)
    if "schema" not in values.get("data", {}):
        return
    schema = LabelSchema.from_dict(values["data"]["schema"])
    for space, block in values.get("blocks", {}).items():
        names = Block(tuple(block["attributes"]), Form(block["form"])).attributes
        lacking = [name for name in names if name not in schema]
        if lacking:
            raise ValueError(f"space {space!r} predicts {lacking[0]!r}, which the data lacks")
    for space, approach in values.get("approaches", {}).items():  # of runs before blocks
        block_of_kind(approach, space, schema.names)
