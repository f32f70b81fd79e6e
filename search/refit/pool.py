"""The finalists trained again on fresh person-disjoint folds with fresh seeds.

A unit of work is one config, one seed, one fold. It trains the full schedule on the other folds
and predicts its fold once, at the end. Finished units are files, so an interrupted refit goes on
where it was.

Nothing here waits without an end: slots follow the nodes as they come and go, a unit whose worker
or node dies begins again, and so does, once, one that makes no step.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import ray

from search.ending.faults import FaultError, WorkerDeaths, fault_of
from search.ending.signals import under_way
from search.errors import bounded
from search.prepare.resources import Resources
from search.prepare.setting import SharedImages, TrialSetting
from search.refit.files import RefitFiles
from search.refit.fleet import Fleet
from search.refit.lost_units import Losses, Lost, UnitEnd
from search.refit.retries import is_silent
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from search.store.heartbeat import Heartbeat, Pulse, heartbeat_path
from trainables.errors import TrainablesError
from trainables.memory import keep_freed, release

logger = logging.getLogger(__name__)

_ANSWER_S = 60.0
_CUDA_ERROR = "CUDA error"
"""Begins what a context says that is broken for good; that memory ran out is said otherwise."""


class RefitWorker:
    """Runs units one after another in a warm process (a Ray actor)."""

    def __init__(self, setting: TrialSetting, folds: Folds, seed: int) -> None:
        if setting.device == "cpu":
            # Ray leaves the variable alone for a unit without a GPU, which then sees them all.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        node = ray.get_runtime_context().get_node_id()
        self._heartbeat = Heartbeat(node, note=setting.sign)
        self._setting, self._folds, self._seed = setting, folds, seed

    @cached_property
    def _images(self) -> SharedImages:
        # Opened by the first unit: what fails then is told with its node.
        images = SharedImages(self._setting, on_step=self._heartbeat)
        keep_freed(images.device)
        return images

    def run(self, unit: Unit, files: RefitFiles, models: Path, heartbeat: Path) -> float:
        """Trains one unit; returns its seconds."""
        self._heartbeat.begin(heartbeat)
        here = self._images.outputs.here
        to = RefitFiles(here(files.folder)), here(models)
        release(self._images.device)  # what a unit before this one held, broken or not
        try:
            return train_unit(unit, self._folds, self._images, self._seed, *to)
        except (TrainablesError, RuntimeError, MemoryError) as error:
            if fault := self._images.crowded(error):
                raise fault from error
            raise


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
    tell: Callable[[str], None] = logger.warning,
) -> Iterator[UnitEnd]:
    """Trains units in their order on all devices; yields each as it ends, finished ones first.

    `is_over` is asked before a unit starts, where True leaves it and all that follow, and while
    it runs, where True ends it without a word. A `pool`, of the same folds, setting, resources
    and seed, keeps its workers warm for the units of the next call. `tell` hears of every unit
    that begins again.

    Raises:
        StalledError: the machines do not let it go on; finished units stay finished.
        FaultError: the machine failed again and again; finished units stay finished. So where
            the workers of a unit die and nobody knows why, after all others; the next start
            tries it again, and has it fail where they die then, too.
    """
    waiting = []
    for unit in units:
        if files.is_done(unit, folds):
            yield UnitEnd(unit=unit, seconds=0.0)
        else:
            waiting.append(unit)
    workers = pool or Pool(setting, folds, resources, seed)
    losses = Losses(workers.is_alive, files.folder, tell, workers.host, workers.leave)
    try:
        while waiting or workers.busy:
            workers.stop(is_over)
            while waiting and workers.has_room and not is_over(waiting[0]):
                workers.start(waiting.pop(0), files, models)
            if not workers.busy and (not waiting or is_over(waiting[0])):
                break
            for ended in workers.wait():
                if isinstance(ended, UnitEnd):
                    losses.forget(ended)
                    yield ended
                elif losses.begins_again(ended):
                    waiting.insert(0, ended.unit)
                else:
                    yield losses.end(ended)
    finally:
        if pool is None or workers.busy:
            workers.close()
    losses.check()


@dataclass(slots=True)
class _Worker:
    actor: Any
    node: str = ""
    """That it was last seen on; empty for one that has not begun."""


@dataclass(slots=True)
class _Running:
    worker: _Worker
    unit: Unit
    files: RefitFiles
    models: Path
    pulse: Pulse
    started: float


class Pool:
    """An actor for every unit that has room now, started when there is work; kept warm.

    Args:
        setting: of the run.
        folds: of its refit.
        resources: of a unit.
        seed: of the run.
        fleet: the nodes; None is the cluster that this process is connected to.
        clock: seconds, rising.
    """

    def __init__(
        self,
        setting: TrialSetting,
        folds: Folds,
        resources: Resources,
        seed: int,
        fleet: Fleet | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._setting, self._folds, self._seed = setting, folds, seed
        self._resources = resources
        self._given = fleet
        self._clock = clock
        self._make: Callable[[dict[str, str] | None], Any] | None = None
        self._idle: list[_Worker] = []
        self._running: dict[Any, _Running] = {}
        self._deaths = WorkerDeaths()
        self._broke: set[str] = set()  # units that have left a worker with a broken GPU

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
        """Whether a slot is free on the nodes that there are now."""
        return len(self._running) < self._fleet.slots

    def host(self, node: str) -> str:
        """Returns what people call a node, as `Fleet.host`."""
        return self._fleet.host(node)

    def is_alive(self, node: str) -> bool:
        """Returns whether a node lives."""
        return self._fleet.is_alive(node)

    def leave(self, node: str) -> bool:
        """Leaves a node alone, as `Fleet.leave`."""
        return self._fleet.leave(node)

    @property
    def _fleet(self) -> Fleet:
        # Later than the pool: a stage that finds everything done needs no cluster.
        if self._given is None:
            self._given = Fleet(self._resources)
        return self._given

    def _actor(self) -> Any:
        """Returns a new worker; all of them share setting and folds."""
        if self._make is None:
            slots = self._resources
            make = ray.remote(
                num_cpus=slots.cpus_per_trial,
                num_gpus=slots.gpus_per_trial,
                memory=slots.memory_asked or None,
            )(RefitWorker)
            given = ray.put(self._setting), ray.put(self._folds), self._seed
            self._make = lambda selector: make.options(label_selector=selector).remote(*given)
        return self._make(self._fleet.selector)

    def start(self, unit: Unit, files: RefitFiles, models: Path) -> None:
        """Starts a unit on a free slot."""
        self._forget_dead()
        worker = self._idle.pop() if self._idle else _Worker(self._actor())
        self._run(worker, unit, files, models, self._clock())

    def _run(
        self, worker: _Worker, unit: Unit, files: RefitFiles, models: Path, started: float
    ) -> None:
        path = heartbeat_path(files.folder / "heartbeats", unit.name)
        pulse = Pulse(path, self._clock)
        reference = worker.actor.run.remote(unit, files, models, path)
        self._running[reference] = _Running(worker, unit, files, models, pulse, started)

    def stop(self, is_over: Callable[[Unit], bool]) -> None:
        """Ends the units that are over, with their workers."""
        for reference, running in list(self._running.items()):
            if is_over(running.unit):
                self._end(reference)

    def wait(self) -> list[UnitEnd | Lost]:
        """Returns the units that ended, none after a second without one.

        Raises:
            StalledError: there has been no room for any unit for too long.
        """
        self._fleet.check()
        self._use_idle()
        if not self._running:
            time.sleep(1.0)  # until a node comes back, which nothing tells of
            return []
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=1.0)
        return [*map(self._ended, ready), *self._silent()]

    def _use_idle(self) -> None:
        """Moves units that wait for a new worker to warm ones, which may hold the slot they need.

        Whatever could start has been started: a worker that idles now has nothing else to do.
        """
        self._forget_dead()
        for reference, running in list(self._running.items()):
            running.pulse.silent_s()
            is_new = not running.worker.node and not running.pulse.has_begun
            if self._idle and is_new:
                self._end(reference)
                worker = self._idle.pop()
                self._run(worker, running.unit, running.files, running.models, running.started)

    def _forget_dead(self) -> None:
        """Lets go of the idle workers whose node is gone, or left alone."""
        for worker in self._idle:
            if not self._fleet.is_used(worker.node):
                _kill(worker)
        self._idle = [each for each in self._idle if self._fleet.is_used(each.node)]

    def _ended(self, reference: Any) -> UnitEnd | Lost:
        running = self._running.pop(reference)
        running.pulse.silent_s()
        worker = running.worker
        worker.node = running.pulse.node or worker.node
        try:
            seconds = ray.get(reference, timeout=_ANSWER_S)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause if error.cause is not None else error
            text = bounded(f"{type(cause).__name__}: {cause}")
            # Whatever its process asks of the GPU from then on fails, too.
            if is_broken := _CUDA_ERROR in str(cause):
                _kill(worker)
            else:
                self._idle.append(worker)
            if (fault := fault_of(cause)) is not None:
                return self._lost(running, text, fault=fault)
            if is_broken and running.unit.name not in self._broke:
                self._broke.add(running.unit.name)
                return self._lost(running, text, is_broken=True)
            return UnitEnd(unit=running.unit, seconds=0.0, error=text)
        except ray.exceptions.RayError as error:
            _kill(worker)
            said = str(error)
            return self._lost(running, bounded(said), fault=self._deaths.fault(said))
        self._idle.append(worker)
        return UnitEnd(unit=running.unit, seconds=seconds, node=worker.node)

    def _silent(self) -> list[Lost]:
        """Ends the units that make no step."""
        found = []
        for reference, running in list(self._running.items()):
            silent_s = running.pulse.silent_s()
            if is_silent(silent_s, has_begun=running.pulse.has_begun):
                self._end(reference)
                found.append(self._lost(running, f"no step for {silent_s:.0f} s", silent_s))
        return found

    def _lost(
        self,
        running: _Running,
        error: str,
        silent_s: float = 0.0,
        fault: FaultError | None = None,
        *,
        is_broken: bool = False,
    ) -> Lost:
        return Lost(
            unit=running.unit,
            error=error,
            node=running.worker.node or running.pulse.node,
            after_s=self._clock() - running.started,
            silent_s=silent_s,
            has_begun=running.pulse.has_begun,
            is_broken=is_broken,
            fault=fault,
        )

    def _end(self, reference: Any) -> None:
        _kill(self._running.pop(reference).worker)

    def close(self) -> None:
        """Ends all workers."""
        for worker in [*self._idle, *(each.worker for each in self._running.values())]:
            _kill(worker)
        self._idle, self._running = [], {}


def _kill(worker: _Worker) -> None:
    if under_way().lost:  # Ray would wait for its head, and all workers end with it
        return
    try:
        ray.kill(worker.actor)
    except (ray.exceptions.RayError, ValueError):
        logger.info("a worker was gone before it was ended", exc_info=True)
