"""Telling an out-of-memory error from any other."""

import platform
import subprocess
import sys
import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from trainables.errors import OutOfMemoryError
from trainables.memory import (
    CONTEXT_BYTES,
    _has_bf16,
    autocast,
    eval_batch,
    freed_kept,
    held_by_others,
    is_out_of_memory,
    keep_freed,
    limit_memory,
    peak_bytes,
    release,
    reset_peak,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        OutOfMemoryError("the smallest micro-batch does not fit"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: not enough memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=repr,
)
def test_errors_of_a_full_memory_are_recognised(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory"),
        KeyError("memory"),
        OSError("Cannot allocate memory"),
    ],
    ids=repr,
)
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


def test_an_allocation_that_cannot_be_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


class Node:
    """Something that keeps itself alive."""


def test_host_memory_is_returned_and_cycles_are_collected(monkeypatch):
    asked = []
    monkeypatch.setattr("trainables.memory._malloc_trim", asked.append)
    node = Node()
    node.itself = node
    gone = weakref.ref(node)
    del node
    release(CPU)
    assert asked == [0]
    assert gone() is None


def test_a_system_without_such_a_call_is_left_alone(monkeypatch):
    monkeypatch.setattr("trainables.memory._malloc_trim", None)
    release(CPU)


@pytest.mark.parametrize("device", [CPU, torch.device("cuda")])
def test_freed_memory_is_kept_where_the_cpu_trains(monkeypatch, device):
    told = []
    monkeypatch.setattr("trainables.memory._mallopt", lambda *given: told.append(given))
    keep_freed(device)
    assert bool(told) == (device == CPU)
    monkeypatch.setattr("trainables.memory._mallopt", None)
    keep_freed(device)


def test_who_trains_in_between_gives_kept_memory_back(monkeypatch):
    told = []
    monkeypatch.setattr("trainables.memory._mallopt", lambda *given: told.append(given))
    monkeypatch.setattr("trainables.memory._malloc_trim", lambda _: told.append("trimmed"))
    with pytest.raises(ValueError), freed_kept(CPU):  # noqa: PT011, PT012
        assert len(told) == 2
        raise ValueError
    (mmaps, none), (trim, never), (mmaps_again, many), (trim_again, some), last = told
    assert (mmaps, trim) == (mmaps_again, trim_again)
    assert (none, never) == (0, -1)
    assert min(many, some) > 0
    assert last == "trimmed"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_a_step_touches_no_fresh_pages_with_kept_memory():
    code = """
import resource, sys, torch
from trainables.memory import freed_kept, keep_freed
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed(torch.device("cpu"))
if sys.argv[1] == "given back":
    with freed_kept(torch.device("cpu")):
        torch.ones(16 * 2**20)
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    before = faults()
    for _ in range(10):
        torch.ones(16 * 2**20)
print(faults() - before)
"""
    command = [sys.executable, "-c", code]
    kept, plain, given_back = (
        int(subprocess.check_output([*command, how])) for how in ("kept", "plain", "given back")
    )
    assert kept < plain / 10
    assert given_back > plain / 2


def test_a_cpu_is_shown_fewer_photos_at_once_than_a_gpu():
    assert eval_batch(CPU) < eval_batch(torch.device("cuda"))


def test_the_cpu_has_no_peak():
    assert peak_bytes(CPU) == 0


def test_the_cpu_computes_in_single_precision():
    with autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("has_bf16", [True, False])
def test_a_gpu_that_only_emulates_bf16_computes_in_single_precision(monkeypatch, has_bf16):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype: dtype)
    _has_bf16.cache_clear()
    mixed = autocast(torch.device("cuda"))
    _has_bf16.cache_clear()
    assert (mixed == torch.bfloat16) if has_bf16 else isinstance(mixed, nullcontext)


@pytest.mark.parametrize(
    ("share", "total", "fraction"),
    [(0.5, 2**34, 0.46875), (0.25, 2**30, 0.125), (1.0, 2**34, None)],
)
def test_a_training_that_shares_a_gpu_leaves_its_neighbours_their_memory(
    monkeypatch, share, total, fraction
):
    given = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", given.append)
    properties = SimpleNamespace(total_memory=total)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    limit_memory(torch.device("cuda"), share)
    limit_memory(CPU, share)
    assert given == ([] if fraction is None else [fraction])


@pytest.mark.parametrize(("free", "own", "share"), [(90, 0, 0.05), (20, 60, 0.15), (0, 99, 0.0)])
def test_what_others_hold_of_a_gpu_is_what_is_neither_free_nor_its_own(
    monkeypatch, free, own, share
):
    one = CONTEXT_BYTES // 5  # of a hundred parts; the context of this process has five
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * one, 100 * one))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: own * one)
    assert held_by_others(torch.device("cuda")) == pytest.approx(share, abs=1e-6)
    assert held_by_others(CPU) == 0.0


def test_the_peak_is_counted_anew_on_a_gpu_and_nowhere_else(monkeypatch):
    reset = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    reset_peak(CPU)
    assert reset == []
    reset_peak(torch.device("cuda"))
    assert reset == [torch.device("cuda")]
