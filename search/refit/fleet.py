"""The nodes of the cluster as they come and go, and the trainings they have room for."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import ray

from search.errors import StalledError
from search.prepare.resources import Node, Resources
from search.refit.retries import NODES_S

_LOOK_EVERY_S = 2.0
_NODE_LABEL = "ray.io/node-id"


def alive_nodes() -> tuple[Node, ...]:
    """Returns the living nodes of the cluster that this process is connected to."""
    found = []
    for each in ray.nodes():
        if each["Alive"]:
            has = each["Resources"]
            memory = has.get("memory")
            found.append(
                Node(
                    name=each["NodeID"],
                    host=each["NodeManagerHostname"],
                    cpus=int(has.get("CPU", 0)),
                    gpus=int(has.get("GPU", 0)),
                    memory=None if memory is None else int(memory),
                )
            )
    return tuple(found)


def renewed(resources: Resources) -> Resources:
    """Returns the resources with the slots of the nodes of now; as they are where there are none.

    A search may have begun on more nodes, or on fewer.
    """
    slots = resources.slots_on(alive_nodes())
    return replace(resources, slots=slots) if slots else resources


def object_store_bytes() -> dict[str, int]:
    """Returns the room in Ray's object store of every living node, by its name."""
    return {
        each["NodeID"]: int(each["Resources"].get("object_store_memory", 0))
        for each in ray.nodes()
        if each["Alive"]
    }


class Fleet:
    """How many trainings have room at once, now, and which nodes get none.

    Args:
        resources: of a training.
        read: returns the living nodes.
        clock: seconds, rising.
    """

    def __init__(
        self,
        resources: Resources,
        read: Callable[[], Sequence[Node]] = alive_nodes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resources = resources
        self._read = read
        self._clock = clock
        self._nodes = tuple(read())
        self._left: set[str] = set()
        self._looked = self._had_room = clock()

    @property
    def slots(self) -> int:
        """Trainings that the living nodes have room for, without those that are left alone."""
        self._look()
        return self._slots_without(self._left)

    def leave(self, name: str) -> bool:
        """Leaves a node alone from now on; returns False where no other has room."""
        self._look()
        left = {*self._left, name}
        if not self._slots_without(left):
            return False
        self._left = left
        return True

    def is_used(self, name: str) -> bool:
        """Returns whether a node lives and is not left alone."""
        return self.is_alive(name) and name not in self._left

    @property
    def selector(self) -> dict[str, str] | None:
        """Where Ray may put a training, by labels of nodes; None is anywhere."""
        names = ",".join(sorted(self._left))  # with spaces Ray would know the first alone
        return {_NODE_LABEL: f"!in({names})"} if names else None

    @property
    def asks(self) -> dict[str, Any]:
        """What a trial asks of Ray, and where it may be: part of its config."""
        asked = self._resources
        bundle = {
            "CPU": float(asked.cpus_per_trial),
            "GPU": asked.gpus_per_trial,
            "memory": float(asked.memory_asked),
        }
        return {"bundle": bundle, "selector": self.selector}

    def _slots_without(self, left: Collection[str]) -> int:
        return self._resources.slots_on(node for node in self._nodes if node.name not in left)

    def is_alive(self, name: str) -> bool:
        """Returns whether a node lives."""
        self._look()
        return any(node.name == name for node in self._nodes)

    def host(self, name: str) -> str:
        """Returns what people call a node; empty where it is the only one, or not known."""
        self._look()
        hosts = {node.name: node.host for node in self._nodes}
        return hosts.get(name, "") if len(hosts) > 1 else ""

    def check(self) -> None:
        """Raises StalledError where no node has had room for a training for a long time."""
        now = self._clock()
        if self.slots:
            self._had_room = now
        elif now - self._had_room > NODES_S:
            raise StalledError(
                f"no node of the cluster has had room for a training ({self._resources.trial}) "
                f"for {NODES_S / 60:.0f} minutes, so the run was stopped; bring nodes back"
            )

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked >= _LOOK_EVERY_S:
            self._nodes, self._looked = tuple(self._read()), now
            if not self._slots_without(self._left):
                self._left = set()  # the others have gone: better these than none
