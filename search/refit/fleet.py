"""The nodes of the cluster as they come and go, and the trainings they have room for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import ray

from search.errors import StalledError
from search.prepare.resources import Node, Resources
from search.refit.retries import NODES_S

_LOOK_EVERY_S = 2.0


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
    """How many trainings have room at once, now.

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
        self._looked = self._had_room = clock()

    @property
    def slots(self) -> int:
        """Trainings that the living nodes have room for."""
        self._look()
        return self._resources.slots_on(self._nodes)

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
