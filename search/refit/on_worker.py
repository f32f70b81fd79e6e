"""One piece of work on a slot of the cluster, where the driver does not do it itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import ray

from search.ending.faults import FaultCount, fault_of
from search.errors import StalledError
from search.prepare.resources import Resources
from search.refit.fleet import Fleet
from search.refit.retries import Retries, is_silent
from search.store.heartbeat import Heartbeat, Pulse, Sign, sign

Result = TypeVar("Result")


def on_worker(
    resources: Resources,
    heartbeat: Path,
    work: Callable[..., Result],
    *given: Any,
    sign: Sign = sign,
) -> Result:
    """Runs `work(on_step, *given)` on a worker and returns what it returns.

    Work whose worker is lost, that makes no step, or that the machine fails, begins again as a
    unit of a refit does.

    Args:
        resources: what it holds.
        heartbeat: file for its signs of life.
        work: a function of a module; it calls `on_step()` after every step.
        given: its other arguments.
        sign: notes a sign of life, from wherever the worker is.

    Raises:
        StalledError: the machines do not let it end.
        Exception: what the work raised; a fault of the machine the third time.
    """
    fleet = Fleet(resources)
    retries, faults = Retries(fleet.is_alive), FaultCount(fleet.leave)
    task = ray.remote(
        max_retries=0,
        num_cpus=resources.cpus_per_trial,
        num_gpus=resources.gpus_per_trial,
        memory=resources.memory_asked or None,
    )(_work)
    while True:
        pulse = Pulse(heartbeat)
        placed = task.options(label_selector=fleet.selector)
        reference = placed.remote(work, heartbeat, sign, given)
        try:
            found: Result = _answer(reference, pulse, fleet)
        except ray.exceptions.GetTimeoutError:
            ray.cancel(reference, force=True)
            silent_s, has_begun = pulse.silent_s(), pulse.has_begun
            retries.after_silence(work.__name__, silent_s, has_begun=has_begun)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause or error
            if (fault := fault_of(cause)) is None:
                raise cause from None
            if not faults.leaves(fault.kind, pulse.node) and faults.are_enough(work.__name__):
                raise cause from None
        except ray.exceptions.RayError as error:
            if not retries.after_death(work.__name__, pulse.node, str(error)):
                raise StalledError(f"the workers of {work.__name__} die: {error}") from error
        else:
            heartbeat.unlink(missing_ok=True)
            return found


def _answer(reference: Any, pulse: Pulse, fleet: Fleet) -> Any:
    """Returns the answer of a task; raises GetTimeoutError where it makes no step."""
    while True:
        ready, _ = ray.wait([reference], timeout=1.0)
        silent_s = pulse.silent_s()
        if ready:
            return ray.get(reference, timeout=60.0)
        if is_silent(silent_s, has_begun=pulse.has_begun):
            raise ray.exceptions.GetTimeoutError(f"no step for {silent_s:.0f} s")
        fleet.check()


def _work(work: Callable[..., Any], heartbeat: Path, sign: Sign, given: tuple[Any, ...]) -> Any:
    beat = Heartbeat(ray.get_runtime_context().get_node_id(), note=sign)
    beat.begin(heartbeat)
    return work(beat, *given)
