"""The finalists trained again on fresh person-disjoint folds with fresh seeds.

A unit of work is one config, one seed, one fold. It trains the full schedule on the other folds
and predicts its fold once, at the end. Finished units are files, so an interrupted refit goes on
where it was.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import ray

from search.faults import Fault, FaultError, fault_in, fault_of, memory_kills
from search.prepare.resources import Resources
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.files import RefitFiles
from search.refit.train import train_unit
from search.refit.units import Folds, Unit

logger = logging.getLogger(__name__)

_MAX_FAILURES = 2


class RefitWorker:
    """Runs units one after another in a warm process (a Ray actor)."""

    def __init__(self, setting: TrialSetting, folds: Folds, seed: int) -> None:
        self._images = SharedImages(setting)
        self._folds = folds
        self._seed = seed

    def run(self, unit: Unit, files: RefitFiles, models: Path) -> float:
        """Trains one unit; returns its seconds."""
        return train_unit(unit, self._folds, self._images, self._seed, files, models)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnd:
    """How a unit ended: its seconds, or what broke it."""

    unit: Unit
    seconds: float
    error: str = ""
    fault: FaultError | None = None
    """What the machine did, where it and no config broke the unit."""


def run_units(
    units: Iterable[Unit],
    folds: Folds,
    setting: TrialSetting,
    resources: Resources,
    *,
    seed: int,
    files: RefitFiles,
    models: Path,
    is_over: Callable[[Unit], bool],
    pool: "Pool | None" = None,
) -> Iterator[UnitEnd]:
    """Trains units in their order on all devices; yields each as it ends, finished ones first.

    `is_over` is asked before a unit starts; True leaves it and all that follow. A `pool`, of the
    same folds, setting, resources and seed, keeps its workers warm for the units of the next call.

    Raises:
        FaultError: the machine failed a unit again and again; what was trained is kept.
    """
    waiting = []
    for unit in units:
        if files.is_done(unit, folds):
            yield UnitEnd(unit=unit, seconds=0.0)
        else:
            waiting.append((unit, 0))
    workers = pool or Pool(setting, folds, resources, seed)
    try:
        while waiting or workers.busy:
            while waiting and workers.has_room and not is_over(waiting[0][0]):
                unit, failures = waiting.pop(0)
                workers.start(unit, failures, files, models)
            if not workers.busy:
                return
            ended, failures = workers.wait()
            if ended is None:
                continue
            if ended.fault is None:
                yield ended
            elif failures < _MAX_FAILURES:
                waiting.insert(0, (ended.unit, failures + 1))
            else:
                raise ended.fault
    finally:
        if pool is None or workers.busy:
            workers.close()


class Pool:
    """As many actors as slots, started when there is work; a dead one is replaced."""

    def __init__(
        self, setting: TrialSetting, folds: Folds, resources: Resources, seed: int
    ) -> None:
        self._setting, self._folds, self._seed = setting, folds, seed
        self._resources = resources
        self._make: Callable[[], Any] | None = None
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Unit, int]] = {}
        self._memory_kills = memory_kills()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Whether a unit is being trained."""
        return bool(self._running)

    @property
    def has_room(self) -> bool:
        """Whether a slot is free."""
        return len(self._running) < self._resources.slots

    def _actor(self) -> Any:
        """Returns a new worker; all of them share setting and folds."""
        if self._make is None:
            slots = self._resources
            options = {"num_cpus": slots.cpus_per_trial, "num_gpus": slots.gpus_per_trial}
            make = ray.remote(**options)(RefitWorker).remote
            self._make = partial(make, ray.put(self._setting), ray.put(self._folds), self._seed)
        return self._make()

    def start(self, unit: Unit, failures: int, files: RefitFiles, models: Path) -> None:
        """Starts a unit on a free slot."""
        actor = self._idle.pop() if self._idle else self._actor()
        reference = actor.run.remote(unit, files, models)
        self._running[reference] = (actor, unit, failures)

    def wait(self) -> tuple[UnitEnd | None, int]:
        """Returns a unit that ended and its earlier failures; None after a second without one."""
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=1.0)
        if not ready:
            return None, 0
        actor, unit, failures = self._running.pop(ready[0])
        try:
            seconds = ray.get(ready[0])
        except ray.exceptions.RayTaskError as error:
            self._idle.append(actor)
            cause = error.cause if error.cause is not None else error
            said = f"{type(cause).__name__}: {cause}"
            return UnitEnd(unit=unit, seconds=0.0, error=said, fault=fault_of(cause)), failures
        except ray.exceptions.RayActorError as error:
            fault = self._fault_of(str(error))
            return UnitEnd(unit=unit, seconds=0.0, error=str(error), fault=fault), failures
        self._idle.append(actor)
        return UnitEnd(unit=unit, seconds=seconds), failures

    def _fault_of(self, error: str) -> FaultError:
        """Returns what the machine did to a worker that died."""
        if memory_kills() > self._memory_kills:
            return FaultError(Fault.MEMORY, "the system killed a process for lack of memory")
        return fault_in(error) or FaultError(Fault.WORKER, "a worker process died")

    def close(self) -> None:
        """Ends all workers."""
        for actor in [*self._idle, *(entry[0] for entry in self._running.values())]:
            ray.kill(actor)
        self._idle, self._running = [], {}
