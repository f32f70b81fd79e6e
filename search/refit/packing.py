"""How many trials share a GPU: measured by several trainings at once, each in its own process.

A small network leaves most of a GPU idle. One more training on it costs memory, of which other
configs of a search need more than the default ones, and slows the others; it pays where all
together train a tenth more photos a second than fewer do. What was measured is kept beside the
decoded images, unless something broke. Where measuring fails, a GPU has one trial.
"""

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch

from search.prepare.prepared import Prepared
from search.prepare.resources import MEASURED, Node, Resources, plan_resources
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.probe import of_a_few
from trainables.blocks import FlatValue
from trainables.config import TrialConfig
from trainables.data.bounded_files import load_json, read_text
from trainables.drafts import written
from trainables.errors import in_short
from trainables.machine import mps_runs
from trainables.memory import CONTEXT_BYTES, eval_batch
from trainables.together import best_packing, together

logger = logging.getLogger(__name__)

_SHARES = {1: "1", 2: "0.5", 3: "1/3", 4: "0.25"}
_ROOM = 0.5
"""Of the memory, for default configs together: the sampler finds some that need more."""
_IDLE_BYTES = 4 * CONTEXT_BYTES
"""Of a GPU that nobody uses: contexts of this process and of the driver, a display."""
_SECONDS = 3.0
"""Of training that is timed."""
_EPOCHS = 10**6
"""So many that none of what is timed is the last."""
_KIND = (
    *("target.form", "backbone.name", "backbone.frozen_stages", "input.size", "input.crop"),
    *("optim.batch_size", "optim.ema", "loss.name"),
)
"""What of a config decides how a device is used."""

Flat = Mapping[str, FlatValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one of several trainings at once told.

    Attributes:
        rate: photos a second, while the others trained, too.
        used: bytes of the device that its process holds; 0 where nothing says it.
        total: bytes of the device; 0 where nothing says it.
    """

    rate: float
    used: int = 0
    total: int = 0
    is_busy: bool = False
    """Whether others held much of the device before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Photos a second of a config by the trainings at once, and why no more were tried."""

    by_number: Mapping[int, float]
    ended: str = ""


Measure = Callable[[TrialSetting, Flat, int], Sequence[Told]]


def train_beside(given: tuple[TrialSetting, Flat]) -> Callable[[], Told]:
    """Trains a config once, and returns what trains it for some seconds more and tells."""
    setting, flat = given
    images = SharedImages(setting)
    config = TrialConfig.from_flat(flat)
    schedule = config.schedule.model_copy(update={"epochs": _EPOCHS})
    on_gpu = images.device.type == "cuda"
    free, total = torch.cuda.mem_get_info(images.device) if on_gpu else (0, 0)
    is_busy = total - free > _IDLE_BYTES
    model, photos, _ = of_a_few(images, config.model_copy(update={"schedule": schedule}))
    model.train_epoch()  # the first one warms up
    model.predict(setting.split.search_val[: eval_batch(images.device)])

    def timed() -> Told:
        """Trains on, and tells how fast and with how much memory."""
        used = 0
        trained: list[float] = []
        began = time.perf_counter()
        while time.perf_counter() - began < _SECONDS or not trained:
            trained.append(model.train_epoch().seconds)
        if on_gpu:
            used = torch.cuda.max_memory_reserved(images.device) + CONTEXT_BYTES
        rate = len(trained) * photos / sum(trained)
        return Told(rate=rate, used=used, total=total, is_busy=is_busy)

    return timed


def measure_together(setting: TrialSetting, flat: Flat, number: int) -> list[Told]:
    """Returns what so many trainings of a config at once tell."""
    threads = max(1, setting.num_threads // number)
    setting = replace(setting, device_share=1 / number, num_threads=threads)
    return together(train_beside, (setting, flat), number)


def is_measured_here() -> bool:
    """Returns whether this machine has a GPU to measure on, which heads of clusters may lack."""
    return torch.cuda.is_available()


def packed(
    run: Prepared, nodes: Sequence[Node], measure: Measure = measure_together
) -> tuple[Resources, str]:
    """Returns the resources with as many trials on a GPU as pay, and what to note.

    Args:
        run: with one trial a GPU.
        nodes: of the cluster; this machine's first GPU stands for all.
        measure: several trainings at once.
    """
    alone = run.resources
    if not is_measured_here():
        return alone, _note("one trial a GPU, for this machine has none to measure on")
    gains, ended = _gains(run, measure)
    if not gains:
        return alone, _note(f"one trial a GPU, for it cannot be measured: {ended}")
    plans = {
        number: plan_resources(nodes, _SHARES[number], alone.worker_bytes) for number in gains
    }
    room = {n: gain for n, gain in gains.items() if plans[n].slots == n * alone.slots}
    number = best_packing(room)
    if number > 1:
        return replace(plans[number], sharing_gain=room[number]), _note(
            f"{number} trials share a GPU, which train {room[number]:.1f} times the photos of one"
        )
    if len(room) > 1:
        ended = "two train hardly more photos"
    elif len(gains) > 1:
        ended = "CPUs or memory of the nodes have room for no more"
    return alone, _note(f"one trial a GPU, for {ended}")


def _note(what: str) -> str:
    return f"--gpus-per-trial {MEASURED}: {what}"


def _gains(run: Prepared, measure: Measure) -> tuple[dict[int, float], str]:
    """Returns photos by those of one at a time, of the default config that gains least.

    They are of the numbers that all default configs were trained by; none where one cannot be
    measured. The second is why no more were tried.
    """
    folder, found, ended = run.cache_dir / "packing", [], ""
    for flat in _distinct(run):
        rates = _rates(run.setting, flat, folder, measure)
        ended = ended or rates.ended
        if not rates.by_number:
            return {}, rates.ended
        found.append(rates.by_number)
    numbers = set(_SHARES).intersection(*found)
    return {n: min(rates[n] / rates[1] for rates in found) for n in sorted(numbers)}, ended


def _distinct(run: Prepared) -> Iterator[Flat]:
    """Yields the default configs that differ in what a device computes."""
    seen = set()
    for space in run.spaces:
        flat = run.default_config(space.name)
        if (kind := _kind(flat)) not in seen:
            seen.add(kind)
            yield flat


def _kind(flat: Flat) -> tuple[str, ...]:
    return tuple(str(flat.get(name)) for name in _KIND)


def _rates(setting: TrialSetting, flat: Flat, folder: Path, measure: Measure) -> Rates:
    """Returns the photos a second of a config; those that were kept, or measured now."""
    here = [_device(), mps_runs(), torch.__version__, os.cpu_count(), setting.num_threads]
    photos = [len(setting.photos.paths), *setting.stored_size]
    key: list[object] = [*here, *photos, *_kind(flat)]
    path = folder / f"{sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
    if (kept := _read(path, key)) is not None:
        return kept
    by_number: dict[int, float] = {}
    used = total = 0
    is_busy = False
    for number in _SHARES:
        if number * used > _ROOM * total:
            rates = Rates(by_number=by_number, ended="more would need most of its memory")
            break
        try:
            told = measure(setting, flat, number)
        except (RuntimeError, OSError) as error:  # memory ran out, one was killed or hangs
            logger.warning("%d trainings at once on a GPU: %s", number, in_short(error))
            return Rates(by_number=by_number, ended=f"{number} at once broke ({in_short(error)})")
        by_number[number] = sum(each.rate for each in told)
        used, total = max(each.used for each in told), told[0].total
        is_busy |= number == 1 and told[0].is_busy
    else:
        rates = Rates(by_number=by_number)
    if not is_busy:  # by others, whose rates say nothing of a GPU that is free
        _keep(path, key, rates)
    return rates


def _device() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    found = torch.cuda.get_device_properties(0)
    return f"{found.name}, {found.total_memory} bytes"


def _read(path: Path, key: list[object]) -> Rates | None:
    """Returns the rates kept for a key; None where there are none, or the file says no such."""
    try:
        found = load_json(read_text(path))
        if found["of"] != key:
            return None
        rates = {int(number): float(rate) for number, rate in found["rates"].items()}
        ended = str(found["ended"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    is_whole = 1 in rates and set(rates) <= set(_SHARES) and min(rates.values()) > 0
    is_whole = is_whole and max(rates.values()) < math.inf
    return Rates(by_number=rates, ended=ended) if is_whole else None


def _keep(path: Path, key: list[object], rates: Rates) -> None:
    told = {"of": key, "rates": dict(rates.by_number), "ended": rates.ended}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as draft:
            draft.write_text(json.dumps(told), encoding="utf-8")
    except OSError as error:
        logger.info("what was measured of a GPU is not kept: %s", error)
