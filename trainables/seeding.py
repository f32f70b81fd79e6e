"""Seeds are derived by hashing, never by adding: neighbouring keys give unrelated streams."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(base: int, *keys: str | int) -> int:
    """Returns a seed in [0, 2**63) that depends on `base` and every key, in order."""
    # Numbers of NumPy count as the number they are.
    named = (f"str:{key}" if isinstance(key, str) else f"int:{int(key)}" for key in keys)
    text = "\x1f".join([str(base), *named])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(base: int, *keys: str | int) -> np.random.Generator:
    """Returns a NumPy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(base, *keys))


def torch_generator(
    base: int, *keys: str | int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Returns a torch generator on `device` seeded by `derive_seed`."""
    return torch.Generator(device=device).manual_seed(derive_seed(base, *keys))


@contextmanager
def global_torch_seed(device: torch.device, base: int, *keys: str | int) -> Iterator[None]:
    """Seeds torch's global generator by `derive_seed`; afterwards it is as it was.

    For initialisation and dropout, which draw from it and take no generator. The generator of
    `device` is put back beside the CPU's.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derive_seed(base, *keys))
        yield
