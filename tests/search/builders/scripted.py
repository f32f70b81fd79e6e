"""A search without Ray: journals on disk, a clock of our own, and the calls Ray would make."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from search.ending.faults import FaultError
from search.prepare.config import Budget
from search.refit.approaches import Lineup
from search.refit.retries import Retries
from search.store.records import TrialRecord
from search.tuning.journal import StudyJournal, open_storage, to_record
from search.tuning.searcher import StudySearcher
from spaces.scale import Scale
from spaces.space import Space
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.data.schema import LabelSchema

EPOCHS = 3
SEPARATE = ("mask", "gender", "age")
SCALE = Scale(
    backbones=("test_resnet",),
    pretrained=False,
    input_sizes=(32,),
    batch_sizes=(8,),
    lr=(1e-4, 1e-1),
    max_epochs=EPOCHS,
    reason="a test",
)
PORTFOLIO = ({"optim.lr": 0.05},)


def suggest(trial: optuna.Trial, schema: LabelSchema, scale: Scale) -> dict[str, Any]:
    """One parameter, so that the sampler takes no time."""
    trial.suggest_float("optim.lr", *scale.lr, log=True)
    return {}


def suggest_nothing(trial: optuna.Trial, schema: LabelSchema, scale: Scale) -> dict[str, Any]:
    """No parameter at all: hundreds of trials take no time."""
    return {}


def default(schema: LabelSchema, scale: Scale) -> dict[str, Any]:
    """The config of trial 0."""
    return {"optim.lr": 0.01, "schedule.epochs": scale.max_epochs}


def tiny_space(name: str, **changes: Any) -> Space:
    """Returns a space of one parameter, of the attribute of its name or of all attributes."""
    options: dict[str, Any] = {
        "name": name,
        "attributes": (name,) if name in SEPARATE else MASK_SCHEMA.names,
        "form": "heads" if name == "multihead" else "softmax",
        "suggest": suggest,
        "default": default,
        "warm_start": PORTFOLIO,
    }
    return Space(**{**options, **changes})


def open_journal(
    storage: BaseStorage,
    space: Space | str,
    *,
    seed: int = 0,
    data: str = "0123456789abcdef",
    **more: Any,
) -> StudyJournal:
    """Opens the study of a space in a storage."""
    space = tiny_space(space) if isinstance(space, str) else space
    return StudyJournal(storage, space, MASK_SCHEMA, SCALE, data, seed, **more)


def on_disk(path: Path, study: str) -> tuple[FrozenTrial, ...]:
    """Returns the trials of a study that anybody would read in the journal file."""
    storage = JournalStorage(JournalFileBackend(str(path)))
    return tuple(optuna.load_study(study_name=study, storage=storage).trials)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class ScriptedScheduler:
    """Stops what the test says; the searcher reads these."""

    stopped: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    suited: dict[str, tuple[float, float]] = field(default_factory=dict)

    def suit(self, space: str, seconds: float, epoch_s: float) -> None:
        self.suited[space] = (seconds, epoch_s)


@dataclass(slots=True)
class Heard:
    """A listener that writes down what it hears."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    faults: list[FaultError] = field(default_factory=list)

    def trial_started(self, asked: Any) -> None:
        self.events.append(("started", asked.space, asked.number))

    def trial_reported(self, space: str, number: int, epoch: int, value: float) -> None:
        self.events.append(("reported", space, number, epoch, value))

    def trial_lost(self, asked: Any, why: str) -> None:
        self.events.append(("lost", asked.space, asked.number, why))

    def trial_ended(self, record: TrialRecord) -> None:
        self.events.append(("ended", record.space, record.number, record.state))

    def trial_kept(self, asked: Any, fault: FaultError) -> None:
        self.events.append(("kept", asked.space, asked.number, fault.kind))
        self.faults.append(fault)


class Script:
    """A searcher over tiny spaces, driven in the order of calls of Ray's controller.

    Args:
        path: the journal file; one that is there is gone on with.
        spaces: their names.
        budget: ends the search.
        slots: trials at once.
        storage: instead of the file.
        share: of a device that a trial holds.
        retries: who begins again; by default nobody.
        heartbeats: folder of signs of life.
        left: approaches that left the race.
        leave: leaves a node alone.
        changes: of the tiny spaces.
    """

    def __init__(
        self,
        path: Path,
        spaces: Sequence[str] = ("gender",),
        *,
        budget: Budget | None = None,
        slots: int = 2,
        storage: BaseStorage | None = None,
        share: float = 1.0,
        retries: Retries | None = None,
        heartbeats: Path | None = None,
        left: Collection[str] = (),
        host: Callable[[str], str] = lambda _: "",
        leave: Callable[[str], bool] = lambda _: False,
        **changes: Any,
    ) -> None:
        self.path = path
        self.clock = Clock()
        self.scheduler = ScriptedScheduler()
        self.heard = Heard()
        storage = storage or open_storage(path)
        self.journals = {n: open_journal(storage, tiny_space(n, **changes)) for n in spaces}
        self.searcher = StudySearcher(
            self.journals,
            self.scheduler,  # type: ignore[arg-type]
            budget or Budget(trials=100),
            Lineup.of(MASK_SCHEMA, [j.space for j in self.journals.values()]).shares,
            slots=slots,
            device_share=share,
            retries=retries or Retries(lambda node: True, max_deaths=0),
            host=host,
            leave=leave,
            heartbeats=heartbeats,
            listeners=(self.heard,),
            left=left,
            clock=self.clock,
        )
        self._trial = 0
        self.asked: dict[str, Mapping[str, Any]] = {}
        """What the searcher handed out, by Ray's trial id."""

    def suggest(self) -> Any:
        """Returns what the searcher answers to a free slot."""
        self._trial += 1
        answer = self.searcher.suggest(f"ray{self._trial}")
        if isinstance(answer, dict):
            self.asked[f"ray{self._trial}"] = answer
        return answer

    def start(self) -> str:
        """Starts a trial and returns Ray's id of it."""
        answer = self.suggest()
        assert isinstance(answer, dict), answer
        return f"ray{self._trial}"

    def fill(self) -> list[str]:
        """Starts trials until the searcher has none; returns Ray's ids of them."""
        before = len(self.asked)
        while isinstance(self.suggest(), dict):
            pass
        return list(self.asked)[before:]

    def report(self, trial: str, epoch: int, value: float, **extra: Any) -> None:
        """An epoch that is neither the last nor the scheduler's stop."""
        self.searcher.on_trial_result(trial, result(epoch, value, **extra))

    def stop(self, trial: str, epoch: int, value: float, **extra: Any) -> None:
        """An epoch after which the scheduler stops the trial: the searcher hears of the end."""
        self.scheduler.stopped[trial] = epoch
        self.searcher.on_trial_complete(trial, {**result(epoch, value, **extra), "done": True})

    def finish(self, trial: str, epoch: int, value: float, **extra: Any) -> None:
        """The last epoch of the trial's schedule."""
        last = {"last_epoch": True, "done": True}
        self.searcher.on_trial_complete(trial, {**result(epoch, value, **extra), **last})

    def break_off(self, trial: str, cause: str, error: str = "", **extra: Any) -> None:
        """The worker ends the trial because something broke."""
        broken = {"cause": cause, "error": error, "done": True, "started": 1.0, "seconds": 1.0}
        self.searcher.on_trial_complete(trial, {**broken, **extra})

    def die(self, trial: str) -> None:
        """The worker process died once too often."""
        self.searcher.on_trial_complete(trial, error=True)

    def frozen(self, trial: str) -> FrozenTrial:
        """Returns a trial as the file has it."""
        asked = self.asked[trial]
        return on_disk(self.path, self.journals[asked["space"]].name)[asked["number"]]

    def record(self, trial: str) -> TrialRecord:
        """Returns a trial's record as the file has it."""
        return to_record(self.asked[trial]["space"], self.frozen(trial), MASK_SCHEMA.names)

    def records(self, space: str = "gender") -> tuple[TrialRecord, ...]:
        """Returns the records of a space."""
        return self.journals[space].records()


def result(epoch: int, value: float, **extra: Any) -> dict[str, Any]:
    """Returns what a worker sends after an epoch; it takes a second."""
    costs = {"started": 1.0, "seconds": float(epoch)}
    return {"epoch": epoch, "value": value, **costs, "last_epoch": False, "done": False, **extra}
