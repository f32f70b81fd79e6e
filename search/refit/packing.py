"""How many trials share a GPU: measured by several trainings at once, each in its own process.

A small network leaves most of a GPU idle. One more training on it costs memory, of which other
configs of a search need more than the default ones, and slows the others; it pays where all
together train a tenth more photos a second than fewer do. What was measured is kept beside the
decoded images. Where measuring fails, a GPU has one trial.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import BrokenBarrierError

import torch

from search.prepare.prepared import Prepared
from search.prepare.resources import Node, Resources, plan_resources
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.probe import is_timed_here, of_a_few
from trainables.blocks import FlatValue
from trainables.config import TrialConfig
from trainables.data.bounded_files import load_json, read_text
from trainables.drafts import written
from trainables.errors import TrainablesError, in_short
from trainables.together import best_packing, together, wait_for_others

logger = logging.getLogger(__name__)

_SHARES = {1: "1", 2: "0.5", 3: "1/3", 4: "0.25"}
_ROOM = 0.5
"""Of the memory, for default configs together: the sampler finds some that need more."""
_SECONDS = 3.0
"""Of training that is timed."""
_EPOCHS = 10**6
"""So many that none of what is timed is the last."""

Flat = Mapping[str, FlatValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one of several trainings at once told.

    Attributes:
        rate: photos a second, while the others trained, too.
        used: bytes of the device that all processes together held; 0 where nothing says it.
        total: bytes of the device; 0 where nothing says it.
    """

    rate: float
    used: int = 0
    total: int = 0


Measure = Callable[[TrialSetting, Flat, int], Sequence[Told]]


def train_beside(given: tuple[TrialSetting, Flat]) -> Told:
    """Trains a config for some seconds beside the others of `together`."""
    setting, flat = given
    images = SharedImages(setting)
    config = TrialConfig.from_flat(flat)
    schedule = config.schedule.model_copy(update={"epochs": _EPOCHS})
    model, photos, _ = of_a_few(images, config.model_copy(update={"schedule": schedule}))
    model.train_epoch()  # the first one warms up
    used, total = 0, 0
    wait_for_others()
    if images.device.type == "cuda":
        free, total = torch.cuda.mem_get_info(images.device)
        used = total - free
    epochs, began = 0, time.perf_counter()
    while (seconds := time.perf_counter() - began) < _SECONDS or not epochs:
        model.train_epoch()
        epochs += 1
    return Told(rate=epochs * photos / seconds, used=used, total=total)


def measure_together(setting: TrialSetting, flat: Flat, number: int) -> list[Told]:
    """Returns what so many trainings of a config at once tell."""
    threads = max(1, setting.num_threads // number)
    setting = replace(setting, device_share=1 / number, num_threads=threads)
    return together(train_beside, (setting, flat), number)


def packed(
    run: Prepared, nodes: Sequence[Node], measure: Measure = measure_together
) -> tuple[Resources, str]:
    """Returns the resources with as many trials on a GPU as train most photos, and what to note.

    Args:
        run: with one trial a GPU.
        nodes: of the cluster; this machine's first GPU stands for all.
        measure: several trainings at once.
    """
    flag = "--gpus-per-trial measured"
    if not is_timed_here(run):
        return run.resources, f"{flag}: this machine has no GPU to measure on; one trial a GPU"
    folder = run.cache_dir / "packing"
    found = [_rates(run.setting, flat, folder, measure) for flat in _distinct(run)]
    if not all(found):
        return run.resources, f"{flag}: it cannot be measured; one trial a GPU"
    best = min(map(best_packing, found))
    for number in range(best, 1, -1):
        resources = plan_resources(nodes, _SHARES[number], run.resources.worker_bytes)
        if resources.slots == number * resources.num_gpus:
            gain = min(rates[number] / rates[1] for rates in found)
            return resources, (
                f"{flag}: {number} trials share a GPU, which train {gain:.1f} times the photos "
                "of one"
            )
    why = "CPUs or memory have no room for more" if best > 1 else "more train hardly more photos"
    return run.resources, f"{flag}: one trial a GPU, {why}"


def _distinct(run: Prepared) -> Iterable[Flat]:
    """Yields the default configs that differ in what a device computes."""
    seen = set()
    for space in run.spaces:
        flat = run.default_config(space.name)
        kind = _kind(flat)
        if kind not in seen:
            seen.add(kind)
            yield flat


def _kind(flat: Flat) -> tuple[str, ...]:
    names = ("backbone.name", "backbone.frozen_stages", "input.size", "optim.batch_size")
    return tuple(str(flat.get(name)) for name in names)


def _rates(setting: TrialSetting, flat: Flat, folder: Path, measure: Measure) -> dict[int, float]:
    """Returns the photos a second of a config by the trainings at once; empty where it fails."""
    here = [_device(), torch.__version__, os.cpu_count(), setting.num_threads]
    key: list[object] = [*here, *_kind(flat)]
    path = folder / f"{sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
    if (kept := _read(path, key)) is not None:
        return kept
    rates: dict[int, float] = {}
    used = total = 0
    for number in _SHARES:
        if number * used > _ROOM * total:
            break
        try:
            told = measure(setting, flat, number)
        except (RuntimeError, MemoryError, OSError, BrokenBarrierError, TrainablesError) as error:
            # Memory that runs out, a process that dies: what fewer train stands.
            logger.warning("%d trainings at once on a GPU: %s", number, in_short(error))
            break
        rates[number] = sum(each.rate for each in told)
        if number == 1:
            used, total = told[0].used, told[0].total
    if rates:
        _keep(path, key, rates)
    return rates


def _device() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    found = torch.cuda.get_device_properties(0)
    return f"{found.name}, {found.total_memory} bytes"


def _read(path: Path, key: list[object]) -> dict[int, float] | None:
    """Returns the rates kept for a key; None where there are none, or the file says no such."""
    try:
        found = load_json(read_text(path))
        if found["of"] != key:
            return None
        rates = {int(number): float(rate) for number, rate in found["rates"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    is_whole = set(rates) <= set(_SHARES) and min(rates.values(), default=0.0) > 0 and 1 in rates
    return rates if is_whole else None


def _keep(path: Path, key: list[object], rates: Mapping[int, float]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as draft:
            draft.write_text(json.dumps({"of": key, "rates": rates}), encoding="utf-8")
    except OSError as error:
        logger.info("what was measured of a GPU is not kept: %s", error)
