"""Whether a backbone trains faster in bf16 on this CPU: measured once, kept beside the images.

Plain convolutions gain where the CPU has instructions for bf16, depthwise ones lose. What is
chosen becomes a part of a trial's config, so that nothing that goes on with it measures again.
"""

import json
import logging
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import torch
from filelock import FileLock

from trainables.backbone import build_backbone
from trainables.config import TrialConfig
from trainables.data.bounded_files import load_json, read_text
from trainables.drafts import written
from trainables.memory import autocast
from trainables.seeding import global_torch_seed

logger = logging.getLogger(__name__)

FLOAT32, BF16 = "float32", "bf16"
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Flags of processors (x86, ARM) that compute in bf16; others only imitate it."""
_PAIRS, _WARM_UP = 8, 2
_MOST_S = 2.0
"""After which a large model is judged by the pairs there are, one at least: a trial waits."""
_GAIN = 0.9
"""Share of the float32 time that bf16 must stay below: less is not worth the rounding."""

Seconds = Mapping[str, float]
"""Of a training step, by precision."""


def measured_steps(config: TrialConfig) -> Seconds:
    """Returns the median seconds of a training step of the backbone, in turn in either."""
    cpu = torch.device("cpu")
    plain = config.backbone.model_copy(update={"pretrained": False, "frozen_stages": 0})
    side, batch = config.input.size, config.optim.batch_size
    with global_torch_seed(cpu, 0, "precision"):
        network = build_backbone(plain, None, side).module.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        x = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
        found: dict[str, list[float]] = {FLOAT32: [], BF16: []}
        until = time.perf_counter() + _MOST_S
        for pair in range(_WARM_UP + _PAIRS):
            if pair > _WARM_UP and time.perf_counter() > until:
                break
            for precision, seconds in found.items():
                began = time.perf_counter()
                optimizer.zero_grad()
                with autocast(cpu, precision):
                    features = network(x)
                features.float().square().mean().backward()
                optimizer.step()
                seconds.append(time.perf_counter() - began)
    return {name: statistics.median(each[_WARM_UP:]) for name, each in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Precisions:
    """The precision of every backbone, input size and batch size on this CPU.

    Attributes:
        folder: of the measured times, of any number of machines.
        cpuinfo: what the system says of the processor.
        measure: of the time of a step.
    """

    folder: Path
    cpuinfo: Path = Path("/proc/cpuinfo")
    measure: Callable[[TrialConfig], Seconds] = field(default=measured_steps)

    def of(self, config: TrialConfig) -> str:
        """Returns "bf16" where it trains faster, else "float32": measured once for this CPU.

        Empty where the CPU has no instructions for bf16, so that there is nothing to choose. Of
        several processes that ask at once, one measures.

        Raises:
            OSError: the folder cannot be written.
        """
        name, flags = _processor(self.cpuinfo)
        if not _INSTRUCTIONS & flags:
            return ""
        what = (config.backbone.name, config.input.size, config.optim.batch_size)
        key = [name, torch.__version__, torch.get_num_threads(), *what]
        digest = sha256(json.dumps(key).encode()).hexdigest()[:16]
        path = self.folder / f"{digest}.json"
        seconds = _read(path, key)
        if seconds is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                seconds = _read(path, key)  # another process may have been first
                if seconds is None:
                    seconds = self._measured(config)
                    with written(path) as draft:
                        draft.write_text(json.dumps({"of": key, "seconds": seconds}))
        return BF16 if seconds[BF16] < _GAIN * seconds[FLOAT32] else FLOAT32

    def _measured(self, config: TrialConfig) -> dict[str, float]:
        try:
            return dict(self.measure(config))
        except (RuntimeError, MemoryError) as error:
            # A model that has no such layer in bf16, or a batch that only fits in parts.
            logger.info("%s is not measured in bf16: %s", config.backbone.name, error)
            return {FLOAT32: 0.0, BF16: 0.0}


def _processor(cpuinfo: Path) -> tuple[str, set[str]]:
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


def _read(path: Path, key: list[object]) -> dict[str, float] | None:
    try:
        told = load_json(read_text(path))
        seconds = {name: float(told["seconds"][name]) for name in (FLOAT32, BF16)}
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return seconds if told["of"] == key else None
