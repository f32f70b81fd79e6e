"""What of this machine the command may use: a container's share of it, not all that it has.

A control group caps CPUs and memory of all processes in it; the tightest of a process' own group
and those above it holds. Version 2 keeps them in `cpu.max` and `memory.max`, version 1 in
`cpu.cfs_quota_us` and `memory.limit_in_bytes` under a folder for each controller.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MPS_CONTROL = "nvidia-cuda-mps-control"
"""Starts and stops NVIDIA's Multi-Process Service."""
_UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the limits of this process are read; the defaults are those of Linux.

    Attributes:
        groups: where control groups are mounted.
        own_group: file that names the group of this process.
        memory: file with the memory that is free.
    """

    groups: Path = field(default=Path("/sys/fs/cgroup"))
    own_group: Path = field(default=Path("/proc/self/cgroup"))
    memory: Path = field(default=Path("/proc/meminfo"))

    def cpus(self) -> int:
        """Returns the whole CPUs that this process may keep busy, at least one."""
        quotas = (_quota(folder) for folder in self._folders("cpu"))
        return max(1, int(min((float(_affinity()), *quotas))))

    def memory_bytes(self) -> int | None:
        """Returns the memory that new processes may take; None where nothing says it."""
        limits = [_limit(folder) for folder in self._folders("memory")]
        least = min((*limits, _available(self.memory)))
        return None if least == _UNLIMITED else int(least)

    def _folders(self, controller: str) -> Iterator[Path]:
        """Yields the folders of the own group and those above it, of both versions."""
        for line in _text(self.own_group).splitlines():
            _, _, rest = line.partition(":")
            names, _, group = rest.partition(":")
            if names and controller not in names.split(","):
                continue
            mounted = self.groups / (names and controller)
            # In a container the group's path is often one of the host, which is not here.
            inside = mounted / group.strip("/")
            yield mounted
            while inside != mounted and inside.is_relative_to(mounted):
                yield inside
                inside = inside.parent


def mps_runs() -> bool:
    """Returns whether NVIDIA's Multi-Process Service runs here, so that processes share a GPU.

    Without it they take turns on it. Its control daemon keeps its number in the folder of its
    pipes as long as it runs, also where that is another container's.
    """
    pipes = os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or Path(os.sep, "tmp", "nvidia-mps")
    return os.path.isfile(Path(pipes, f"{MPS_CONTROL}.pid"))  # noqa: PTH113  another user's too


def node_cache(wanted: Path) -> Path:
    """Returns the cache folder of a run on this node: the wanted one where it is there.

    Where it is not, or cannot be written, it is one of this user's among the temporary files.

    Raises:
        PermissionError: another user has made a folder of that name.
    """
    if wanted.is_dir() and os.access(wanted, os.W_OK | os.X_OK):
        return wanted
    own = Path(tempfile.gettempdir()) / f"headrace-cache-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.lstat().st_uid != os.getuid():
        raise PermissionError(errno.EACCES, "it must be a folder of this user's own", str(own))
    return own


def _quota(folder: Path) -> float:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota = _text(folder / "cpu.cfs_quota_us").strip()
        period = _text(folder / "cpu.cfs_period_us").strip()
    is_set = quota.isdigit() and period.isdigit() and int(period)
    return int(quota) / int(period) if is_set else _UNLIMITED


def _limit(folder: Path) -> float:
    text = (_text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")).strip()
    return int(text) if text.isdigit() else _UNLIMITED


def _available(meminfo: Path) -> float:
    for line in _text(meminfo).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return _UNLIMITED


def _affinity() -> int:
    asked = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(asked(0)) if asked is not None else os.cpu_count() or 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
