"""Faults of the machine, told from those of a config: a full disk, no memory, a missing package.

What the machine did is never held against a config: the trial stays to be run.
"""

import errno
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from search.errors import SearchError
from trainables.errors import DataError, TrainablesError, in_short


class Fault(StrEnum):
    """What failed; the value is what its user reads."""

    DISK_FULL = "no space is left on the disk"
    READ_ONLY = "files cannot be written"
    CLOSED = "a file or folder is closed to this user"
    DISK = "the disk or the network storage fails"
    FILES = "too many files are open"
    PACKAGE = "a package cannot be imported"
    MEMORY = "the memory of the machine ran out"
    DEVICE = "the GPU fails"
    RAY = "Ray does not start"
    WORKER = "worker processes die"
    DATA = "the data cannot be read"
    SYSTEM = "the system reports an error"


_WAYS_OUT = {
    Fault.DISK_FULL: "free some",
    Fault.READ_ONLY: "make them writable",
    Fault.CLOSED: "give the user of this process the rights to it and to the folders above it",
    Fault.DISK: "see to it",
    Fault.FILES: "raise the limit (ulimit -n), or let fewer trials run at once",
    Fault.PACKAGE: (
        "install headrace with all it needs on every node, and move files away that bear the "
        "name of a package"
    ),
    Fault.MEMORY: (
        "free some, or offer smaller models or inputs in a new run; what ran out of it three "
        "times is tried again by the next start, and given up where it does so then, too"
    ),
    Fault.DEVICE: (
        "see what nvidia-smi says: its driver must be new enough for this PyTorch, and another "
        "process may hold the GPU; an empty CUDA_VISIBLE_DEVICES before the command trains on CPUs"
    ),
    Fault.RAY: "let the machine come to rest and see that it has memory and processes left",
    Fault.WORKER: (
        "something kills them: the system when memory runs out, a limit, a person, or what they "
        "train; what lost three is tried again by the next start, and given up where it loses "
        "three then, too"
    ),
    Fault.DATA: "put it back as it was",
    Fault.SYSTEM: "see to its cause",
}
_NUMBERS = {
    errno.ENOSPC: Fault.DISK_FULL,
    errno.EDQUOT: Fault.DISK_FULL,
    errno.EFBIG: Fault.DISK_FULL,
    errno.EROFS: Fault.READ_ONLY,
    errno.EACCES: Fault.CLOSED,
    errno.EPERM: Fault.CLOSED,
    errno.EIO: Fault.DISK,
    errno.ESTALE: Fault.DISK,
    errno.EMFILE: Fault.FILES,
    errno.ENFILE: Fault.FILES,
    errno.ENOMEM: Fault.MEMORY,
}
# Libraries in C++ and Rust, and Ray, pass on what the system said as text.
_TEXTS = {
    "no space left on device": Fault.DISK_FULL,
    "disk quota exceeded": Fault.DISK_FULL,
    "local disk is full": Fault.DISK_FULL,
    "out of disk": Fault.DISK_FULL,
    "read-only file system": Fault.READ_ONLY,
    "input/output error": Fault.DISK,
    "stale file handle": Fault.DISK,
    "too many open files": Fault.FILES,
    "modulenotfounderror: ": Fault.PACKAGE,
    "importerror: ": Fault.PACKAGE,
    "cannot allocate memory": Fault.MEMORY,
    "std::bad_alloc": Fault.MEMORY,
    "memoryerror: ": Fault.MEMORY,
    "node running low on memory": Fault.MEMORY,
    "uncorrectable ecc error": Fault.DEVICE,
    "no cuda-capable device": Fault.DEVICE,
    "busy or unavailable": Fault.DEVICE,
    # Ray counts GPUs by the system's driver; PyTorch, which opens them by CUDA, says one of these.
    "no cuda gpus are available": Fault.DEVICE,
    "nvidia driver on your system is too old": Fault.DEVICE,
    "found no nvidia driver": Fault.DEVICE,
    "cuda driver initialization failed": Fault.DEVICE,
    "cuda unknown error": Fault.DEVICE,
    "error from cudagetdevicecount": Fault.DEVICE,
    "no kernel image is available": Fault.DEVICE,
    "not compiled with cuda enabled": Fault.DEVICE,
    "mps client failed": Fault.DEVICE,
    "mps server is not ready": Fault.DEVICE,
    "mps rpc failure": Fault.DEVICE,
}
# So many faults, and nothing that ended well since, end the run.
_SAME_FAULTS = 3
# So many of one node, and nothing that ended well there since, and others do the work.
_SAME_NODE = 2
_MOST_OF_NODE = 20
_OF_TRAININGS = frozenset({Fault.MEMORY, Fault.WORKER})
"""Faults that the training may be behind: it would take one node after another."""
_GROUPS = Path("/sys/fs/cgroup")
_OF_PROCESS = Path("/proc/self/cgroup")
_OF_MACHINE = Path("/proc/vmstat")


class FaultError(SearchError):
    """The machine failed, and no config: a run that it ends can be resumed.

    Attributes:
        kind: what failed.
        detail: the error that said so, on one line.
    """

    def __init__(self, kind: Fault, detail: str) -> None:
        super().__init__(f"{kind.value} ({detail}); {_WAYS_OUT[kind]}")
        self.kind = kind
        self.detail = detail

    def on(self, host: str) -> "FaultError":
        """Returns the fault with the machine that it happened on; as it is without a name."""
        return FaultError(self.kind, f"{self.detail}, on {host}") if host else self

    def left_alone(self) -> "FaultError":
        """Returns the fault with what becomes of its node."""
        return FaultError(self.kind, f"{self.detail}; others do what is left of this stage")

    def __reduce__(self) -> tuple[type["FaultError"], tuple[Fault, str]]:
        # By default it would be made of its message alone, when it comes from a worker.
        return type(self), (self.kind, self.detail)


def fault_of(error: BaseException) -> FaultError | None:
    """Returns the fault of the machine that an error came from; None where it was no such fault.

    An error that was raised from another one came from what that one came from.
    """
    if isinstance(error, FaultError):
        return error
    for each in _causes(error):
        kind, text = _kind(each), in_short(each)
        if kind is not None:
            return FaultError(kind, f"{type(each).__name__}: {text}")
        if not isinstance(each, TrainablesError):
            found = fault_in(str(each))
            if found is not None:
                return found
    return None


def fault_in(text: str) -> FaultError | None:
    """Returns the fault of the machine that a text of an error speaks of, or None."""
    for line in reversed(text.splitlines()):
        for sign, kind in _TEXTS.items():
            if sign in line.lower():
                return FaultError(kind, in_short(RuntimeError(line.strip())))
    return None


def memory_kills() -> int:
    """Returns how many processes the system has killed for lack of memory since it started.

    Those of this process's control group alone, with the groups below it, where the system counts
    them: who else is on the machine, and loses a process, explains nothing here.
    """
    for path in (*_counters_of_group(), _OF_MACHINE):
        try:
            fields = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
            found = [int(field[1]) for field in fields if field[0] == "oom_kill"]
        except (OSError, ValueError, IndexError):  # no such counter here
            continue
        if found:
            return sum(found)
    return 0


def _counters_of_group() -> Iterator[Path]:
    """Yields where the control group of this process is counted, if the system has such groups."""
    try:
        text = _OF_PROCESS.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        number, _, of = line.partition("::")
        if number == "0":
            yield _GROUPS / of.lstrip("/") / "memory.events"
            yield _GROUPS / "memory.events"  # of a container that sees the names of the machine


class WorkerDeaths:
    """Tells what the machine did to workers that die, from the start of the object on."""

    def __init__(self) -> None:
        self._memory_kills = memory_kills()

    def fault(self, said: str) -> FaultError | None:
        """Returns what the machine did to a worker that has just died; None where nobody knows.

        Args:
            said: of its death by Ray.
        """
        before, self._memory_kills = self._memory_kills, memory_kills()
        if self._memory_kills > before:
            return FaultError(Fault.MEMORY, "the system killed a process for lack of memory")
        return fault_in(said)


class FaultCount:
    """Counts faults of the machine: when to leave a node alone, and when to end the run.

    Args:
        leave: sees to it that a node, by its name, gets no more trainings, and returns True; False
            where no other has room for them.
    """

    def __init__(self, leave: Callable[[str], bool] = lambda _: False) -> None:
        self._leave = leave
        self._in_a_row = 0
        self._of = Counter[str]()
        self._of_node = Counter[str]()

    def leaves(self, fault: Fault, node: str) -> bool:
        """Counts a fault of a node; returns whether that is left alone from now on.

        It is at its second fault with nothing that ended well there since, or at one that would
        end the run, if others have room. What it did is not held against the run then.
        """
        if not node or fault in _OF_TRAININGS:
            return False
        self._of_node[node] += 1
        number, is_last = self._of_node[node], self._in_a_row + 1 >= _SAME_FAULTS
        if number < _SAME_NODE and not is_last:
            return False
        # Some may be on their way to it when it is left; if they keep coming, they count again.
        if number > _MOST_OF_NODE or not self._leave(node):
            return False
        self._in_a_row = 0
        self._of.clear()
        return True

    def are_enough(self, training: str) -> bool:
        """Counts a fault; returns whether it is the third of a training, or in a row."""
        self._in_a_row += 1
        self._of[training] += 1
        return _SAME_FAULTS in (self._in_a_row, self._of[training])

    def is_its_own(self, training: str) -> bool:
        """Returns whether a training has had so many faults that it may be what causes them."""
        return self._of[training] >= _SAME_FAULTS

    def clear(self, node: str = "") -> None:
        """Notes that a training ended well, on a node: the machine works again."""
        self._in_a_row = 0
        self._of_node.pop(node, None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        yield each
        seen.append(each)
        each = each.__cause__


def _kind(error: BaseException) -> Fault | None:
    if isinstance(error, TrainablesError):
        # Of any other its cause says whether the machine is behind it.
        return Fault.DATA if type(error) is DataError and error.__cause__ is None else None
    if isinstance(error, ImportError):
        return Fault.PACKAGE
    if isinstance(error, MemoryError):
        return Fault.MEMORY
    if isinstance(error, OSError):
        return _NUMBERS.get(error.errno or 0, Fault.SYSTEM)
    return None
