"""How many trials run at once, and what share of a device each holds.

A trial lives on one node, so everything is counted node by node: three CPUs here and a GPU there
are no place for a trial that needs both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from search.errors import UsageError

MEASURED = "measured"
"""One trial a GPU, until it is measured how many train more photos (`search.refit.packing`)."""
_FRACTIONS = {
    "auto": 1.0,
    MEASURED: 1.0,
    "1": 1.0,
    "0.5": 0.5,
    "1/2": 0.5,
    "0.25": 0.25,
    "1/4": 0.25,
    "1/3": 1 / 3,
}


_MOST_BESIDE_A_GPU = 8
"""CPUs of a trial that trains on a GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of the cluster.

    Attributes:
        name: that the cluster knows it by.
        cpus: whole CPUs.
        gpus: whole GPUs.
        memory: bytes that trials may take; None where it is not known.
        host: what people call it.
    """

    name: str = ""
    cpus: int
    gpus: int = 0
    memory: int | None = None
    host: str = ""

    def slots(self, cpus: int, gpus: float, memory: int) -> int:
        """Returns how many trials of so many CPUs, GPUs and bytes of memory it has room for."""
        room = self.cpus // cpus
        if gpus:
            room = min(room, self.gpus * round(1 / gpus))
        if memory and self.memory is not None:
            room = min(room, self.memory // memory)
        return max(0, room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one trial holds and how many run at once.

    Attributes:
        slots: trials at once on the nodes that there were at the start.
        cpus_per_trial: whole CPUs; also the number of threads of a trial.
        gpus_per_trial: 0 on the CPU, else 1, 1/2, 1/3 or 1/4.
        num_cpus: CPUs of the cluster.
        num_gpus: GPUs of the cluster.
        worker_bytes: memory that a trial's process takes at most; 0 where it is not known.
        asks_memory: whether trials ask Ray for it: not where a node does not know its own.
        idle: a sentence for what of the cluster stays idle; empty where nothing does.
        sharing_gain: photos that trials sharing a GPU train together, by those of one alone; None
            where nobody has measured it.
    """

    slots: int
    cpus_per_trial: int
    gpus_per_trial: float
    num_cpus: int
    num_gpus: int
    worker_bytes: int = 0
    asks_memory: bool = False
    idle: str = ""
    sharing_gain: float | None = None

    def slots_on(self, nodes: Iterable[Node]) -> int:
        """Returns how many trials the nodes that are there now have room for."""
        return sum(self._room(node) for node in nodes)

    def _room(self, node: Node) -> int:
        return node.slots(self.cpus_per_trial, self.gpus_per_trial, self.worker_bytes)

    @property
    def memory_asked(self) -> int:
        """Bytes that a trial asks Ray for, or 0.

        Ray puts trials where they have room, so it has to know all that `slots` counts.
        """
        return self.worker_bytes if self.asks_memory else 0

    @property
    def device(self) -> str:
        """Device type of every trial."""
        return "cuda" if self.gpus_per_trial else "cpu"

    @property
    def device_share(self) -> float:
        """Share of a device that a trial holds; a CPU slot is a device of its own."""
        return self.gpus_per_trial or 1.0

    @property
    def num_devices(self) -> float:
        """Devices in use when every slot is: GPUs, or CPU slots."""
        return self.slots * self.device_share

    @property
    def trial(self) -> str:
        """What a trial holds, in words."""
        what = f"{self.cpus_per_trial} CPU" + ("s" if self.cpus_per_trial > 1 else "")
        if self.gpus_per_trial:
            what += f" and {self.gpus_per_trial:.2g} GPU"
        return what

    def describe(self) -> str:
        """Returns the resources in words."""
        text = f"{self.slots} trials at once, {self.trial} each"
        return f"{text}; {self.idle}" if self.idle else text


def check_fraction(gpus_per_trial: str) -> None:
    """Raises UsageError where a trial's share of a GPU is not one that divides it evenly."""
    if gpus_per_trial not in _FRACTIONS:
        raise UsageError(
            f"--gpus-per-trial must be one of {', '.join(_FRACTIONS)} (a fraction that divides a "
            f"GPU evenly), got {gpus_per_trial!r}"
        )


def plan_resources(nodes: Sequence[Node], gpus_per_trial: str, worker_bytes: int = 0) -> Resources:
    """Fits trials onto the nodes of the cluster, as many as they have room for.

    With a GPU anywhere, trials run where GPUs are; a head of CPUs alone then holds none. All
    trials hold the same, so a trial has the most CPUs that cost no trial anywhere its place: two
    trainings on a core each trained 1.2 to 1.5 times the photos of one on both, for the small
    backbones at 64 and 96 px (`benchmarks/cpu_slots.py`).

    Args:
        nodes: of the cluster.
        gpus_per_trial: `auto`, `measured`, `1`, `0.5`, `1/3` or `0.25`. Other fractions would
            leave a part of each GPU that no trial can use.
        worker_bytes: memory that a trial's process takes; 0 where it is not known.

    Raises:
        UsageError: another fraction, or no node has room for one trial.
    """
    check_fraction(gpus_per_trial)
    num_cpus, num_gpus = (sum(getattr(node, what) for node in nodes) for what in ("cpus", "gpus"))
    if num_cpus < 1:
        raise UsageError(
            f"the cluster must have at least one CPU, got {num_cpus}; start Ray with CPUs on a "
            "node, or wait until the nodes have joined (ray status)"
        )
    if not num_gpus and gpus_per_trial != "auto":
        raise UsageError(
            f"--gpus-per-trial {gpus_per_trial} needs a GPU, and Ray sees none; leave it out, or "
            "give auto where the run was begun with it"
        )
    share = _FRACTIONS[gpus_per_trial] if num_gpus else 0.0
    plan = Resources(
        slots=sum(node.slots(1, share, worker_bytes) for node in nodes),
        cpus_per_trial=1,
        gpus_per_trial=share,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        worker_bytes=worker_bytes,
        asks_memory=all(node.memory is not None for node in nodes),
    )
    if not plan.slots:
        raise UsageError(_no_room(nodes, plan))
    plan = replace(plan, cpus_per_trial=_most_cpus(nodes, plan))
    return replace(plan, idle=_idle(nodes, plan))


def _most_cpus(nodes: Sequence[Node], plan: Resources) -> int:
    """Returns the most CPUs a trial can hold while as many trials have room as with one."""
    most = max(node.cpus for node in nodes)
    # A GPU trains on its own: with all CPUs of a large node a smaller one would have no room.
    wider = range(min(most, _MOST_BESIDE_A_GPU) if plan.gpus_per_trial else most, 1, -1)
    return next(
        (c for c in wider if replace(plan, cpus_per_trial=c).slots_on(nodes) == plan.slots), 1
    )


def _no_room(nodes: Sequence[Node], plan: Resources) -> str:
    needs = plan.trial
    if plan.worker_bytes:
        needs += f" and about {_gigabytes(plan.worker_bytes)} of memory"
    there = "; ".join(_in_words(node) for node in nodes)
    if replace(plan, worker_bytes=0).slots_on(nodes):
        out = "free memory, or give a machine with more"
    elif plan.gpus_per_trial:
        out = "give the node with the GPU a CPU, or start Ray there with --num-gpus 0"
    else:
        out = "start Ray with CPUs"
    return f"a trial needs {needs} on one node, and no node has that ({there}); {out}"


def _idle(nodes: Sequence[Node], plan: Resources) -> str:
    """Returns what a reader of the plan would otherwise miss: slots that memory or CPUs cost."""
    found = []
    unlimited = replace(plan, worker_bytes=0, cpus_per_trial=1).slots_on(nodes)
    if plan.slots < unlimited:
        memory = sum(node.memory or 0 for node in nodes)
        found.append(
            f"not {unlimited}, because a trial takes about {_gigabytes(plan.worker_bytes)} of "
            f"memory and there are {_gigabytes(memory)}"
        )
    unused = plan.num_gpus - plan.slots * plan.gpus_per_trial
    if plan.gpus_per_trial and unlimited == plan.slots and unused > 1e-6:
        found.append(f"{unused:.2g} of {plan.num_gpus} GPUs idle, their nodes lack the CPUs")
    return "; ".join(found)


def _in_words(node: Node) -> str:
    memory = "" if node.memory is None else f", {_gigabytes(node.memory)}"
    return f"{node.cpus} CPUs, {node.gpus} GPUs{memory}"


def _gigabytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB"
