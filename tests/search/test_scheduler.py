"""One ASHA a space: its rungs, what it stopped, and a restart that changes no decision."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from search.records import State
from search.scheduler import MultiSpaceScheduler, grace_epochs
from tests.search.made import made_record

CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP
EPOCHS = 9


@dataclass
class FakeTrial:
    """What a scheduler asks of Ray's trial."""

    trial_id: str
    config: dict[str, Any]
    status: str = Trial.PENDING


@dataclass
class FakeController:
    trials: list[FakeTrial] = field(default_factory=list)

    def get_trials(self) -> list[FakeTrial]:
        return self.trials


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


@pytest.fixture
def scheduler():
    return MultiSpaceScheduler({"age": EPOCHS, "mask": EPOCHS})


@pytest.mark.parametrize(("epochs", "grace"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 2), (100, 2)])
def test_every_trial_gets_two_epochs_and_one_in_short_schedules(epochs, grace):
    assert grace_epochs(epochs) == grace


def test_trials_meet_rungs_at_2_and_6_epochs(scheduler):
    good = added(scheduler, 0)
    for epoch in range(1, 9):
        assert told(scheduler, good, epoch, 0.9) == CONTINUE
    stops = []
    for number, value in ((1, 0.1), (2, 0.95)):
        trial = added(scheduler, number)
        decisions = [told(scheduler, trial, epoch, value) for epoch in range(1, 3)]
        stops.append(decisions)
    assert stops == [[CONTINUE, STOP], [CONTINUE, CONTINUE]]
    late = added(scheduler, 3)
    values = {1: 0.95, 2: 0.95, 3: 0.1, 4: 0.1, 5: 0.1, 6: 0.1}
    decisions = [told(scheduler, late, epoch, value) for epoch, value in values.items()]
    assert decisions == [CONTINUE] * 5 + [STOP]
    assert scheduler.stopped == {"ray-age-1": 2, "ray-age-3": 6}


def test_only_the_best_third_at_a_rung_goes_on(scheduler):
    trials = [added(scheduler, number) for number in range(30)]
    # From the worst to the best each is the best so far; then from the best down all are stopped.
    rising = [told(scheduler, trial, 2, number / 30) for number, trial in enumerate(trials)]
    assert set(rising) == {CONTINUE}
    low, high = added(scheduler, 30), added(scheduler, 31)
    assert told(scheduler, low, 2, 18 / 30) == STOP
    assert told(scheduler, high, 2, 21 / 30) == CONTINUE


def test_the_first_trial_at_a_rung_is_never_stopped(scheduler):
    assert told(scheduler, added(scheduler, 0), 2, 0.0) == CONTINUE


def test_the_last_epoch_is_no_rung():
    scheduler = MultiSpaceScheduler({"age": 6})
    for number, value in enumerate((0.9, 0.1)):
        trial = added(scheduler, number)
        assert scheduler.on_trial_result(None, trial, {"epoch": 1, "value": value}) == CONTINUE
        scheduler.on_trial_result(None, trial, {"epoch": 6, "value": value})
    assert scheduler.stopped == {}


def test_the_default_config_is_never_stopped(scheduler):
    for number in range(1, 4):
        told(scheduler, added(scheduler, number), 2, 0.9)
    baseline = added(scheduler, 0)
    assert [told(scheduler, baseline, epoch, 0.1) for epoch in range(1, 9)] == [CONTINUE] * 8
    assert scheduler.stopped == {}


def test_spaces_do_not_compete(scheduler):
    for number in range(5):
        told(scheduler, added(scheduler, number, "mask"), 2, 0.9)
    assert told(scheduler, added(scheduler, 0, "age"), 2, 0.1) == CONTINUE


def test_a_trial_that_is_to_be_cut_stops_without_being_called_stopped(scheduler):
    trial = added(scheduler, 0)
    scheduler.cut.add(trial.trial_id)
    assert scheduler.on_trial_result(None, trial, {"epoch": 1, "value": 0.9}) == STOP
    assert scheduler.stopped == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_ends_the_trial_and_stands_on_no_rung(scheduler, value):
    assert told(scheduler, added(scheduler, 0), 2, value) == STOP
    assert scheduler.stopped == {}
    assert told(scheduler, added(scheduler, 1), 2, 0.1) == CONTINUE
    assert told(scheduler, added(scheduler, 2), 2, 0.0) == STOP


def test_a_broken_trial_leaves_no_value(scheduler):
    trial = added(scheduler, 0)
    scheduler.on_trial_complete(None, trial, {"cause": "error", "done": True})
    scheduler.on_trial_complete(None, added(scheduler, 1), {})
    assert told(scheduler, added(scheduler, 2), 2, 0.0) == CONTINUE


def test_a_trial_of_a_dead_worker_goes_on_past_the_rungs_that_it_met(scheduler):
    trial = added(scheduler, 0)
    told(scheduler, trial, 2, 0.5)
    for number in range(1, 4):
        told(scheduler, added(scheduler, number), 2, 0.9)
    # Ray puts the trial back and adds it again under its id.
    scheduler.on_trial_error(None, trial)
    scheduler.on_trial_add(None, trial)
    assert [told(scheduler, trial, epoch, 0.1) for epoch in (1, 2, 3)] == [CONTINUE] * 3


def test_a_removed_trial_is_forgotten(scheduler):
    trial = added(scheduler, 0)
    scheduler.on_trial_remove(None, trial)
    assert scheduler.stopped == {}


def test_the_first_trial_that_waits_runs_next(scheduler):
    running = FakeTrial("a", {}, Trial.RUNNING)
    paused, pending = FakeTrial("b", {}, Trial.PAUSED), FakeTrial("c", {}, Trial.PENDING)
    assert scheduler.choose_trial_to_run(FakeController([running, paused, pending])) is pending
    assert scheduler.choose_trial_to_run(FakeController([running, paused])) is paused
    assert scheduler.choose_trial_to_run(FakeController([running])) is None
    assert scheduler.debug_string() == "ASHA for age, mask"


def test_stored_values_stand_on_the_rungs_of_a_new_scheduler(scheduler):
    past = [made_record(n, {1: 0.8, 2: 0.8}, space="age", state=State.PRUNED) for n in range(3)]
    scheduler.refill(past)
    assert told(scheduler, added(scheduler, 3), 2, 0.5) == STOP
    assert told(scheduler, added(scheduler, 0, "mask"), 2, 0.5) == CONTINUE


def test_an_attached_trial_does_not_meet_a_passed_rung_again(scheduler):
    past = [made_record(n, {1: 0.8, 2: 0.8}, space="age", state=State.PRUNED) for n in range(3)]
    running = made_record(3, {1: 0.9, 2: 0.9, 3: 0.1}, space="age", state=State.RUNNING)
    scheduler.refill([*past, running])
    trial = added(scheduler, 3)
    # It begins again at its checkpoint, before its last stored epoch.
    assert [told(scheduler, trial, epoch, 0.1) for epoch in (2, 3, 4, 5)] == [CONTINUE] * 4
    # Its own value stands on the first rung once.
    assert told(scheduler, added(scheduler, 4), 2, 0.85) == CONTINUE
    assert told(scheduler, added(scheduler, 5), 2, 0.79) == STOP


def test_an_attached_trial_does_meet_the_rungs_that_are_still_ahead(scheduler):
    past = [made_record(0, dict.fromkeys(range(1, 10), 0.8), space="age")]
    running = made_record(1, {1: 0.9, 2: 0.9}, space="age", state=State.RUNNING)
    scheduler.refill([*past, running])
    trial = added(scheduler, 1)
    decisions = [told(scheduler, trial, epoch, 0.5) for epoch in (3, 4, 5, 6)]
    assert decisions == [CONTINUE] * 3 + [STOP]


class Course:
    """Trials that report in a given order; remembers every decision and what a study stores."""

    def __init__(self, values: list[list[float]]) -> None:
        self.scheduler = MultiSpaceScheduler({"age": EPOCHS})
        self.values = values
        self.trials: dict[int, FakeTrial] = {}
        self.epochs = dict.fromkeys(range(len(values)), 0)
        self.states: dict[int, State] = {}
        self.decisions: list[tuple[int, int, str]] = []

    def step(self, number: int) -> None:
        """The trial reports its next epoch, unless it has ended."""
        if self.states.get(number, State.RUNNING) is not State.RUNNING:
            return
        if number not in self.trials:
            self.trials[number] = added(self.scheduler, number)
        self.states[number] = State.RUNNING
        self.epochs[number] += 1
        epoch = self.epochs[number]
        value = self.values[number][epoch - 1]
        decision = told(self.scheduler, self.trials[number], epoch, value)
        self.decisions.append((number, epoch, decision))
        ends = {STOP: State.PRUNED, CONTINUE: State.RUNNING}
        self.states[number] = State.COMPLETE if epoch == EPOCHS else ends[decision]

    def restart(self) -> None:
        """The driver dies; the new one refills its scheduler from the study."""
        records = [
            made_record(
                number,
                {e: self.values[number][e - 1] for e in range(1, self.epochs[number] + 1)},
                space="age",
                state=state,
            )
            for number, state in self.states.items()
        ]
        self.scheduler = MultiSpaceScheduler({"age": EPOCHS})
        self.scheduler.refill(records)
        running = [number for number, state in self.states.items() if state is State.RUNNING]
        self.trials = {number: added(self.scheduler, number) for number in running}


courses = st.integers(2, 7).flatmap(
    lambda count: st.tuples(
        st.lists(
            st.lists(st.integers(0, 9).map(lambda v: v / 10), min_size=EPOCHS, max_size=EPOCHS),
            min_size=count,
            max_size=count,
        ),
        st.lists(st.integers(0, count - 1), min_size=10, max_size=60),
        st.lists(st.integers(0, 59), max_size=3),
    )
)


@settings(max_examples=60, deadline=None)
@given(courses)
def test_a_refilled_scheduler_decides_as_the_uninterrupted_one(course):
    values, order, restarts = course
    whole, cut = Course(values), Course(values)
    for position, number in enumerate(order):
        whole.step(number)
        for _ in range(restarts.count(position)):
            cut.restart()
        cut.step(number)
    assert cut.decisions == whole.decisions
    assert cut.states == whole.states
