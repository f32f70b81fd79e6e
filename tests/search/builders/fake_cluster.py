"""A cluster without Ray: nodes that come and go, actors that end as a test says."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray

from search.prepare.resources import Node
from search.store.heartbeat import Heartbeat
from tests.search.builders.scripted import Clock


@dataclass(slots=True, eq=False)
class Call:
    """A unit that was handed to an actor; also the reference to its answer."""

    actor: "Actor"
    name: str
    heartbeat: Path
    answer: Any = None

    def begin(self, node: str) -> None:
        """The worker takes the unit up."""
        self.actor.node = node
        Heartbeat(node).begin(self.heartbeat)


@dataclass(slots=True, eq=False)
class Actor:
    """A worker, placed by the test."""

    number: int
    cluster: "FakeCluster"
    where: dict[str, str] | None = None
    node: str = ""
    killed: bool = False

    @property
    def run(self) -> Any:
        return SimpleNamespace(remote=self._run)

    def _run(self, unit: Any, files: Any, models: Path, heartbeat: Path) -> Call:
        call = Call(self, unit.name, heartbeat)
        self.cluster.calls.append(call)
        return call


@dataclass(slots=True)
class FakeCluster:
    """Stands for the module `ray` in the pool; `turns` says what happens while it waits.

    Attributes:
        nodes: that live.
        clock: that every wait moves on by a second.
        turns: called one after another, each at one wait; then `steady`, at every further one.
        steady: what happens at a wait where the test says nothing else.
    """

    nodes: list[Node]
    clock: Clock = field(default_factory=Clock)
    turns: list[Callable[["FakeCluster"], None]] = field(default_factory=list)
    steady: Callable[["FakeCluster"], None] = lambda cluster: cluster.finish_all()
    actors: list[Actor] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    exceptions: Any = ray.exceptions
    _numbers: Any = field(default_factory=itertools.count)

    def remote(self, **options: Any) -> Callable[[type], Any]:
        def placed(label_selector: dict[str, str] | None) -> Any:
            def made(*given: Any) -> Actor:
                self.actors.append(Actor(next(self._numbers), self, where=label_selector))
                return self.actors[-1]

            return SimpleNamespace(remote=made)

        return lambda cls: SimpleNamespace(options=placed)

    def put(self, value: Any) -> Any:
        return value

    def wait(
        self, references: Sequence[Call], num_returns: int, timeout: float
    ) -> tuple[list[Call], list[Call]]:
        self.pass_time(timeout)
        ready = [call for call in references if call.answer is not None]
        return ready[:num_returns], ready[num_returns:]

    def get(self, reference: Call, timeout: float) -> Any:
        if isinstance(reference.answer, Exception):
            raise reference.answer
        return reference.answer

    def kill(self, actor: Actor) -> None:
        actor.killed = True

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        turn = self.turns.pop(0) if self.turns else self.steady
        turn(self)

    @property
    def open_calls(self) -> list[Call]:
        """Units at work."""
        return [c for c in self.calls if c.answer is None and not c.actor.killed]

    def begin_all(self, *names: str) -> None:
        """Workers take up what was handed to them, on the nodes in turn."""
        places = itertools.cycle(names or [node.name for node in self.nodes])
        for call in self.open_calls:
            if not call.heartbeat.exists():
                call.begin(call.actor.node or next(places))

    def finish_all(self) -> None:
        """Whatever is handed out is trained."""
        self.begin_all()
        for call in self.open_calls:
            call.answer = 1.0

    def lose(self, node: str) -> None:
        """A node dies with all its workers."""
        self.nodes[:] = [each for each in self.nodes if each.name != node]
        for call in self.open_calls:
            if call.actor.node == node:
                call.answer = ray.exceptions.RayActorError(error_msg="its node has died")
