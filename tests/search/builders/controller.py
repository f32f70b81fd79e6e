"""Ray's side of a scheduler: trials, and the calls of its controller."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from search.tuning.scheduler import MultiSpaceScheduler

CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP
EPOCHS = 9


@dataclass
class FakeTrial:
    """What a scheduler asks of Ray's trial."""

    trial_id: str
    config: dict[str, Any]
    status: str = Trial.PENDING
    temporary_state: Any = field(default_factory=lambda: SimpleNamespace(ray_actor=None))


@dataclass
class FakeController:
    trials: list[FakeTrial] = field(default_factory=list)
    stopped: list[FakeTrial] = field(default_factory=list)

    def get_trials(self) -> list[FakeTrial]:
        return self.trials

    def stop_trial(self, trial: FakeTrial) -> None:
        self.stopped.append(trial)


def added(scheduler: MultiSpaceScheduler, number: int, space: str = "age") -> FakeTrial:
    trial = FakeTrial(f"ray-{space}-{number}", {"space": space, "number": number})
    scheduler.on_trial_add(None, trial)
    return trial


def told(scheduler: MultiSpaceScheduler, trial: FakeTrial, epoch: int, value: float) -> str:
    """Tells of an epoch in the order of Ray's controller; the last epoch ends the trial itself."""
    result = {"epoch": epoch, "value": value}
    decision = CONTINUE
    if epoch < EPOCHS:
        decision = scheduler.on_trial_result(None, trial, result)
    if epoch == EPOCHS or decision == STOP:
        scheduler.on_trial_complete(None, trial, result)
    return decision
