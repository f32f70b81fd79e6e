"""The searches of a run put together for a virtual clock, and what came of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from optuna.storages import InMemoryStorage

import spaces
from search.prepare.config import Budget
from search.prepare.prepared import max_epochs
from search.refit.approaches import Lineup
from search.refit.retries import Retries
from search.store.records import TrialRecord
from search.tuning.journal import StudyJournal
from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher
from spaces.scale import Scale, choose_scale
from tests.search.builders.search_policies import PausingScheduler, PausingSearcher, Policy
from tests.search.builders.virtual_run import Train, VirtualClock, VirtualRun
from trainables.data.schema import LabelSchema

DEMO = Path(__file__).parents[3] / "results" / "demo"


def demo_schema() -> LabelSchema:
    """Returns the labels of the built-in demo."""
    study = json.loads((DEMO / "study.json").read_text(encoding="utf-8"))
    return LabelSchema.from_dict(study["data"]["schema"])


def demo_scale(epochs: int | None = None) -> Scale:
    """Returns what the spaces offer on CPUs without weights."""
    return choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A search that ended.

    Attributes:
        records: trials by space.
        lineup: of the spaces.
        run: the devices that ran it.
        seconds: that passed on the virtual clock.
    """

    records: dict[str, tuple[TrialRecord, ...]]
    lineup: Lineup
    run: VirtualRun
    seconds: float


def simulate(
    names: Sequence[str],
    train: Train,
    budget: Budget,
    *,
    devices: int,
    seed: int = 0,
    scale: Scale | None = None,
    policy: Policy | None = None,
    driver_s: float = 0.0,
) -> Simulated:
    """Runs the search of some built-in spaces on the labels of the demo.

    Args:
        names: of the spaces, in the order of `--space`.
        train: what the trainings report.
        budget: ends the search.
        devices: trials at once.
        seed: of the run.
        scale: what the spaces offer; by default that of CPUs without weights.
        policy: how it chooses and stops; by default as `headrace run` does.
        driver_s: seconds that the driver takes to hand out a trial.
    """
    schema, scale, policy = demo_schema(), scale or demo_scale(), policy or Policy()
    searched = [spaces.load(name, schema) for name in names]
    storage, clock, lineup = InMemoryStorage(), VirtualClock(), Lineup.of(schema, searched)
    journals = {
        space.name: StudyJournal(
            storage, space, schema, scale, "simulated", seed, make_sampler=policy.make_sampler
        )
        for space in searched
    }
    epochs = {space.name: max_epochs(space, schema, scale) for space in searched}
    scheduler, make = MultiSpaceScheduler(epochs, policy.make_asha), StudySearcher
    if policy.rungs is not None:
        rungs = {name: policy.rungs(number) for name, number in epochs.items()}
        scheduler = PausingScheduler(epochs, rungs)
        make = partial(PausingSearcher, discards=policy.discards)  # type: ignore[assignment]
    searcher = make(
        journals,
        scheduler,
        budget,
        lineup.shares,
        slots=devices,
        device_share=1.0,
        retries=Retries(lambda node: True),
        clock=clock,
    )
    if policy.serves_solved:
        searcher.solved.least = inf
    told = policy.told(train)
    run = VirtualRun(searcher, scheduler, told, clock, devices, driver_s)
    run.run()
    records = {name: journal.records() for name, journal in journals.items()}
    return Simulated(records=records, lineup=lineup, run=run, seconds=clock.now)
