"""Memory and precision of a device: out-of-memory errors, what is kept and what given back."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch

from trainables.errors import OutOfMemoryError

# Of glibc alone; other C libraries have no such calls.
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
_mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
CONTEXT_BYTES = 2**29
"""About what a process takes of a GPU beside its tensors."""
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_MMAPS, _TRIM_BYTES = 65_536, 2**26
"""What glibc begins with, and what it would have come to by itself."""

_MESSAGES = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether the error says that memory ran out, on a GPU or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(m in str(error).lower() for m in _MESSAGES)


@contextmanager
def fitting(
    what: str, way_out: str = "offer smaller models, or fewer trials per device"
) -> Iterator[None]:
    """Raises OutOfMemoryError, with what does not fit and the way out, where memory runs out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"{what} do not fit in memory; {way_out}") from error


def release(device: torch.device) -> None:
    """Gives cached memory back after an out-of-memory error or between two trials.

    On the host too: glibc keeps what freed models held, and a worker that trains one model after
    another grows by half over 24 trials where it is not told to return it.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if _malloc_trim is not None:
        _malloc_trim(0)


def held_by_others(device: torch.device) -> float:
    """Returns the share of a GPU's memory that other processes hold; of a CPU it is 0."""
    if device.type != "cuda":
        return 0.0
    free, total = torch.cuda.mem_get_info(device)
    own = torch.cuda.memory_reserved(device) + CONTEXT_BYTES
    return max(0, total - free - own) / total


def limit_memory(device: torch.device, share: float) -> None:
    """Lets this process allocate its share of a GPU's memory at most, its context beside it.

    Else a network that is too large for its share takes the memory of its neighbours, which then
    seem to be too large themselves.
    """
    if device.type == "cuda" and share < 1:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(max(share / 2, share - CONTEXT_BYTES / total))


def keep_freed(device: torch.device) -> None:
    """Lets a process that trains on the CPU keep the memory of a step for the next one.

    Left alone, glibc gives freed tensors back to the system, which fills the same pages with zeros
    again a layer later: those of more than 32 MB always, smaller ones unless the process has freed
    as large ones before (`benchmarks/kept_memory.py`). `release` gives it back between trainings.

    For processes that do nothing else; others train in `freed_kept`.
    """
    if device.type == "cpu":
        _tell_glibc(mmap_max=0, trim_threshold=-1)


@contextmanager
def freed_kept(device: torch.device) -> Iterator[None]:
    """Keeps freed memory as `keep_freed`, and gives it back at the end."""
    keep_freed(device)
    try:
        yield
    finally:
        if device.type == "cpu":
            _tell_glibc(mmap_max=_MMAPS, trim_threshold=_TRIM_BYTES)
        release(device)


def _tell_glibc(*, mmap_max: int, trim_threshold: int) -> None:
    if _mallopt is not None:
        _mallopt(_MMAP_MAX, mmap_max)
        _mallopt(_TRIM_THRESHOLD, trim_threshold)


def eval_batch(device: torch.device) -> int:
    """Returns the photos of a forward pass without gradients.

    On a CPU 64 with freed memory kept are 1.5 to 4.7 times as fast as 256 without, and need less
    memory; without it kept, 0.9 to 2.3 times (`benchmarks/kept_memory.py`).
    """
    return 64 if device.type == "cpu" else 256


def autocast(device: torch.device, precision: str = "") -> AbstractContextManager[object]:
    """Returns the mixed precision of a forward pass.

    Args:
        device: of the network.
        precision: "bf16" or "float32"; empty is bf16 on a GPU that has instructions for it, and
            else float32.
    """
    mixed = is_mixed(device.type, precision) and (device.type == "cpu" or _has_bf16())
    return torch.autocast(device.type, dtype=torch.bfloat16) if mixed else nullcontext()


def is_mixed(device: str, precision: str = "") -> bool:
    """Returns whether a forward pass is meant to be in bf16, for a kind of device."""
    return precision == "bf16" if precision else device == "cuda"


@cache
def _has_bf16() -> bool:
    """Returns whether the GPU has instructions for bf16.

    One without (T4, V100) emulates it, far more slowly than it computes in float32.
    """
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def reset_peak(device: torch.device) -> None:
    """Lets the peak of allocated GPU memory be counted from what is allocated now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """Returns the peak of allocated GPU memory since the last reset in bytes; 0 on the CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
