"""A restart of the driver changes no decision of ASHA."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.store.records import State
from search.tuning.scheduler import MultiSpaceScheduler
from tests.search.builders.controller import CONTINUE, EPOCHS, STOP, FakeTrial, added, told
from tests.search.builders.made import made_record


@pytest.fixture
def scheduler():
    return MultiSpaceScheduler({"age": EPOCHS, "mask": EPOCHS})


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


@settings(max_examples=60)
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
