"""In which precision a CPU trains: as its config says, or measured once, beside the images.

Some models gain by bf16 where the CPU has instructions for it, others lose. What is chosen becomes
a part of a trial's config, so that nothing that goes on with it measures again. A new trial may
choose otherwise where the folder of the measured ratios was deleted, or on another machine: the
steps are timed again, and near the margin they may fall on its other side.
"""

import json
import logging
import math
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import torch

from trainables.backbone import build_backbone
from trainables.config import TrialConfig
from trainables.data.bounded_files import load_json, read_text
from trainables.drafts import written
from trainables.locks import held
from trainables.memory import autocast, is_out_of_memory
from trainables.seeding import global_torch_seed

logger = logging.getLogger(__name__)

FLOAT32, BF16 = "float32", "bf16"
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Flags of processors (x86, ARM) that compute in bf16; others only imitate it."""
_CPUINFO = Path("/proc/cpuinfo")
_PHOTOS = 32
"""Of a measured step, at most; of fewer it gains less."""
_PAIRS, _WARM_UP = 8, 2
_MOST_S = 2.0
"""After which a model is judged by the pairs there are, one at least: a trial waits."""
_MARGIN = 0.9
"""Share of the float32 time that bf16 must stay below.

Between what was measured of the small models in batches of 32, so that luck decides little: 0.68
to 0.79 and 1.40 or more (`benchmarks/precision.py`).
"""
_NO_GAIN = 1.0
"""Ratio of a model that has no such step."""

Measure = Callable[[TrialConfig, Callable[[], None]], float]


def measured_ratio(config: TrialConfig, on_step: Callable[[], None]) -> float:
    """Returns the time of a training step in bf16 by that in float32: the median over pairs.

    Args:
        config: names the backbone and the input size; of its batch a few photos are trained.
        on_step: called after every step: a sign of life.
    """
    cpu = torch.device("cpu")
    plain = config.backbone.model_copy(update={"pretrained": False, "frozen_stages": 0})
    side = config.input.size
    with global_torch_seed(cpu, 0, "precision"):
        network = build_backbone(plain, None, side).module.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        x = torch.randn(num_photos(config), 3, side, side)
        x = x.contiguous(memory_format=torch.channels_last)

        def seconds(precision: str) -> float:
            """Returns how long one step takes."""
            began = time.perf_counter()
            optimizer.zero_grad()
            with autocast(cpu, precision):
                features = network(x)
            features.float().square().mean().backward()
            optimizer.step()
            taken = time.perf_counter() - began
            on_step()
            return taken

        ratios: list[float] = []
        until = time.perf_counter() + _MOST_S
        while len(ratios) < _WARM_UP + _PAIRS:
            if ratios and time.perf_counter() > until:
                break
            in_float32 = seconds(FLOAT32)
            ratios.append(seconds(BF16) / in_float32)
    # The first pairs warm up; of a large model there may be no others.
    return statistics.median(ratios[_WARM_UP:] or ratios[-1:])


def computes_bf16(cpuinfo: Path = _CPUINFO) -> bool:
    """Returns whether the processor of this machine has instructions for bf16.

    Args:
        cpuinfo: what the system says of it.
    """
    return bool(_INSTRUCTIONS & processor(cpuinfo)[1])


def num_photos(config: TrialConfig) -> int:
    """Returns the photos of a measured step."""
    return min(config.optim.batch_size, _PHOTOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precisions:
    """The precision of every backbone and input size on this CPU.

    Attributes:
        folder: of the measured ratios, of any number of machines. It decides: what is deleted is
            measured again.
        on_step: called after every step that is measured, and while another process measures: a
            sign of life.
        is_measured: whether anything is chosen at all; else a CPU trains in float32.
        cpuinfo: what the system says of the processor.
        measure: of the ratio of bf16 to float32.
    """

    folder: Path
    on_step: Callable[[], None] = lambda: None
    is_measured: bool = False
    cpuinfo: Path = _CPUINFO
    measure: Measure = field(default=measured_ratio)

    def of(self, config: TrialConfig) -> str:
        """Returns "bf16" where it trains clearly faster, else "float32": measured once.

        Empty where there is nothing to choose: the CPU has no instructions for bf16, or nothing is
        measured. Of several processes that ask at once, one measures. Where the folder cannot be
        written, every process measures for itself.
        """
        name, flags = processor(self.cpuinfo)
        if not self.is_measured or not _INSTRUCTIONS & flags:
            return ""
        cpu = [name, platform.machine(), sorted(_INSTRUCTIONS & flags), torch.get_num_threads()]
        what = [config.backbone.name, config.input.size, num_photos(config)]
        key = [*cpu, torch.__version__, *what]
        path = self.folder / f"{sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
        ratio = _read(path, key)
        if ratio is None:
            with ExitStack() as stack:
                try:
                    self.folder.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(held(path.with_suffix(".lock"), self.on_step))
                except OSError as error:
                    logger.info("precisions are measured without a lock: %s", error)
                ratio = _read(path, key)  # another process may have been first
                if ratio is None:
                    ratio = self._measured(config, path, key)
        return BF16 if ratio < _MARGIN else FLOAT32

    def _measured(self, config: TrialConfig, path: Path, key: list[object]) -> float:
        """Returns the ratio and keeps it, unless the memory of this moment decided it."""
        try:
            ratio = self.measure(config, self.on_step)
        except (RuntimeError, MemoryError) as error:
            # A model that has no such layer in bf16, or no room for a step of it now.
            logger.info("%s is not measured in bf16: %s", config.backbone.name, error)
            if is_out_of_memory(error):
                return _NO_GAIN
            ratio = _NO_GAIN
        try:
            with written(path) as draft:
                draft.write_text(json.dumps({"of": key, "ratio": ratio}), encoding="utf-8")
        except OSError as error:
            logger.info("the measured precision of %s is not kept: %s", key, error)
        return ratio


def processor(cpuinfo: Path = _CPUINFO) -> tuple[str, set[str]]:
    """Returns the name and the flags of the first processor; empty where nothing says them."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", set()
    said: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    flags = said.get("flags") or said.get("Features") or ""
    return said.get("model name", ""), set(flags.split())


def _read(path: Path, key: list[object]) -> float | None:
    """Returns the ratio kept for a key; None where there is none, or the file says no such."""
    try:
        told = load_json(read_text(path))
        ratio, of = float(told["ratio"]), told["of"]
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
        return None
    return ratio if of == key and 0 < ratio < math.inf else None
