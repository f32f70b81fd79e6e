"""What a config costs to serve: operations and milliseconds per photo, measured once."""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NotRequired

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import TypedDict

from search.store.files import SCHEMA, write_json
from search.store.reading import is_there, reading, typed
from search.store.run_store import RunStore
from trainables.backbone import build_backbone
from trainables.blocks import FlatValue, as_before_blocks
from trainables.config import TrialConfig
from trainables.data.schema import LabelSchema
from trainables.errors import OutOfMemoryError, TrainablesError
from trainables.memory import autocast, fitting, release
from trainables.network import build_network
from trainables.precision import processor
from trainables.targets import head_shapes

logger = logging.getLogger(__name__)

SERVING_FILE = "predictions/serving.json"
_BATCH = 32
_PATIENCE_S = 1.0
_MOST_REPEATS = 10


class _Measured(TypedDict):
    """The cost of a config in the file; older runs did not say where it was measured."""

    key: str
    flops: float
    milliseconds: float
    batch: NotRequired[int]
    device: NotRequired[str]
    threads: NotRequired[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCost:
    """What one prediction of one photo by one network takes, without reading the photo.

    Attributes:
        flops: floating-point operations; a multiplication and an addition are two.
        milliseconds: of a photo in a batch, the fastest of a few batches.
        batch: photos at once: 32, or as many as fit.
    """

    flops: float
    milliseconds: float
    batch: int = _BATCH


def serving_costs(
    store: RunStore,
    schema: LabelSchema,
    configs: Mapping[str, Mapping[str, FlatValue]],
    *,
    here: bool = False,
) -> dict[str, ServingCost]:
    """Returns the serving cost of configs by name; one that cannot be built is left out.

    What was measured before is read from `predictions/serving.json`, so that a repeated verdict
    has the same figures. The figures returned are of one machine: where some of them are lacking,
    or are of another device or another number of threads than the rest, all that are not of this
    machine are measured anew.

    Args:
        store: of the run.
        schema: of the labels.
        configs: complete ones, by name.
        here: measure all that were not measured on this machine.
    """
    known: dict[str, Any] = {}
    if is_there(store.root / SERVING_FILE):
        way_out = "delete it: the costs are measured again"
        with reading(store.root / SERVING_FILE, way_out):
            stored = store.read_json(SERVING_FILE, way_out)["configs"]
            known = typed(dict[str, _Measured], stored)
    found, device = {}, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    is_gpu = device.type == "cuda"
    name_of_device = torch.cuda.get_device_name(device) if is_gpu else processor()[0] or "cpu"
    where = {"device": name_of_device, "threads": torch.get_num_threads()}
    keys = {name: _key(config) for name, config in configs.items()}
    measured = {
        name: its for name, its in known.items() if keys.get(name, its["key"]) == its["key"]
    }
    places = [tuple(map(measured.get(name, {}).get, where)) for name in configs]
    if here or len(set(places)) > 1 or not all(name in measured for name in configs):
        own = tuple(where.values())
        elsewhere = {name for name, place in zip(configs, places, strict=True) if place != own}
        measured = {name: its for name, its in measured.items() if name not in elsewhere}
    for name, config in configs.items():
        if name not in measured:
            try:
                cost = measure_serving(config, schema, device)
            except TrainablesError as error:
                logger.warning("the cost to serve %s is not known: %s", name, error)
                continue
            measured[name] = {"key": keys[name], **asdict(cost), **where}
        figures = measured[name]
        found[name] = ServingCost(
            flops=figures["flops"],
            milliseconds=figures["milliseconds"],
            batch=figures.get("batch", _BATCH),
        )
    if measured != known:
        values = {"schema": SCHEMA, "configs": measured}
        write_json(store.root / SERVING_FILE, values)
    return found


def measure_serving(
    config: Mapping[str, FlatValue], schema: LabelSchema, device: torch.device
) -> ServingCost:
    """Returns what a config's network takes for one photo of its input size.

    The weights are random: they change neither figure. Where memory runs out, half as many photos
    are served at once.

    Raises:
        ConfigError: the config does not fit the data or the timm that is installed.
        OutOfMemoryError: one photo does not fit.
    """
    batch = _BATCH
    while True:
        try:
            with fitting("a network and a photo"):
                return _in_batches(TrialConfig.from_flat(config), schema, device, batch)
        except OutOfMemoryError:
            if batch == 1:
                raise
        release(device)
        batch //= 2


def _in_batches(
    config: TrialConfig, schema: LabelSchema, device: torch.device, batch: int
) -> ServingCost:
    network = _network(config, schema)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval()
    side = config.input.size
    generator = torch.Generator().manual_seed(0)
    photos = torch.rand(batch, 3, side, side, generator=generator)
    photos = photos.to(device=device, memory_format=torch.channels_last)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(photos[:1])
    return ServingCost(
        flops=float(counter.get_total_flops()),
        milliseconds=1000 * _fastest(network, photos, device) / batch,
        batch=batch,
    )


def _fastest(network: nn.Module, photos: torch.Tensor, device: torch.device) -> float:
    """Returns the seconds of the fastest batch: a busy machine only ever makes one slower."""
    seconds: list[float] = []
    began = time.perf_counter()
    with torch.inference_mode(), autocast(device):
        network(photos)  # the first one warms up
        while len(seconds) < 2 or (
            len(seconds) < _MOST_REPEATS and time.perf_counter() - began < _PATIENCE_S
        ):
            _finish(device)
            started = time.perf_counter()
            network(photos)
            _finish(device)
            seconds.append(time.perf_counter() - started)
    return min(seconds)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _network(config: TrialConfig, schema: LabelSchema) -> nn.Module:
    """Returns the config's network with random weights; it needs neither data nor weight files."""
    bare = config.backbone.model_copy(update={"pretrained": False, "frozen_stages": 0})
    backbone = build_backbone(bare, None, config.input.size)
    return build_network(config, backbone, head_shapes(config, schema))


def _key(config: Mapping[str, FlatValue]) -> str:
    # In the words of runs before blocks, so that what they measured stays known.
    known = as_before_blocks(config)
    return hashlib.sha256(repr(sorted(known.items())).encode()).hexdigest()[:16]
