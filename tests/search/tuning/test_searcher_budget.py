"""Numbers of trials, slots and device seconds: nobody gets more than the budget says."""

import heapq
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from ray.tune.search import Searcher

from search.prepare.config import Budget
from search.refit.approaches import Lineup
from search.store.records import Cause, State
from tests.search.builders.scripted import Script, result, suggest_nothing, tiny_space
from tests.trainables.data.folders import MASK_SCHEMA

FIVE_SPACES = ("mask", "gender", "age", "joint", "multihead")

LINEUP = Lineup.of(MASK_SCHEMA, map(tiny_space, FIVE_SPACES))
Cost = Callable[[str, int], tuple[int, float]]
"""Epochs and seconds an epoch of a trial, from its space and number."""


def run_to_the_end(script: Script, cost: Cost, *, gap: float = 0.0) -> None:
    """Lets scripted workers train until the search is over, in the order of the clock."""
    events: list[tuple[float, int, str, int]] = []
    order = count()
    began: dict[str, float] = {}

    def fill_slots() -> None:
        for trial in script.fill():
            began[trial] = script.clock.now + gap
            heapq.heappush(events, (began[trial] + seconds_of(trial), next(order), trial, 1))

    def seconds_of(trial: str) -> float:
        return cost(script.asked[trial]["space"], script.asked[trial]["number"])[1]

    fill_slots()
    while events and not script.searcher.is_over():
        when, _, trial, epoch = heapq.heappop(events)
        script.clock.now = when
        if script.searcher.is_over():
            break
        extra = {"seconds": when - began[trial], "started": began[trial]}
        epochs, seconds = cost(script.asked[trial]["space"], script.asked[trial]["number"])
        if epoch == epochs:
            script.finish(trial, epoch, 0.5, **extra)
        elif trial in script.scheduler.cut:
            script.stop(trial, epoch, 0.5, **extra)
        else:
            script.report(trial, epoch, 0.5, **extra)
            heapq.heappush(events, (when + seconds, next(order), trial, epoch + 1))
            continue
        fill_slots()
    script.searcher.close()


def in_memory(seconds: float, slots: int) -> Script:
    """A search of all five spaces whose trials cost the test no time."""
    return Script(
        Path(),
        FIVE_SPACES,
        budget=Budget(seconds=seconds),
        slots=slots,
        storage=InMemoryStorage(),
        suggest=suggest_nothing,
    )


def steady(epochs: int, seconds: float) -> Cost:
    return lambda space, number: (epochs, seconds)


@pytest.mark.parametrize("slots", [1, 2, 3, 8])
def test_five_trials_are_five_trials_at_any_number_of_slots(tmp_path, slots):
    script = Script(tmp_path / "journal", budget=Budget(trials=5), slots=slots)
    run_to_the_end(script, steady(3, 1.0))
    assert [r.state for r in script.records()] == [State.COMPLETE] * 5
    assert script.suggest() == Searcher.FINISHED


def test_every_space_gets_its_five_trials(tmp_path):
    script = Script(tmp_path / "journal", FIVE_SPACES, budget=Budget(trials=5), slots=4)
    run_to_the_end(script, lambda space, number: (3, 1.0 + 5 * (space == "age")))
    assert {name: len(script.records(name)) for name in FIVE_SPACES} == dict.fromkeys(
        FIVE_SPACES, 5
    )


def test_a_broken_trial_uses_up_one_of_the_trials(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=2), slots=1)
    script.break_off(script.start(), "error", "ValueError: x")
    script.die(script.start())
    assert script.suggest() == Searcher.FINISHED


def test_a_trial_cut_off_by_the_budget_does_not_use_up_a_trial(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=2), slots=1)
    trial = script.start()
    script.scheduler.cut.add(trial)
    script.searcher.on_trial_complete(trial)
    script.finish(script.start(), 3, 0.5)
    script.finish(script.start(), 3, 0.5)
    assert script.suggest() == Searcher.FINISHED
    assert [r.counts for r in script.records()] == [False, True, True]


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_no_more_trials_run_than_there_are_slots(tmp_path, slots):
    script = Script(tmp_path / "journal", FIVE_SPACES, slots=slots)
    trials = [script.start() for _ in range(slots)]
    assert script.suggest() is None
    script.finish(trials[0], 3, 0.5)
    script.start()
    assert script.suggest() is None


def test_a_search_with_trials_left_to_end_waits_and_then_is_finished(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=1), slots=2)
    trial = script.start()
    assert script.suggest() is None
    script.finish(trial, 3, 0.5)
    assert script.suggest() == Searcher.FINISHED


def test_the_search_is_over_when_the_time_is_up(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(seconds=60))
    assert script.searcher.seconds_left() == 60
    script.clock.now += 59
    assert not script.searcher.is_over()
    script.clock.now += 1
    assert script.searcher.is_over()
    assert script.suggest() == Searcher.FINISHED


def test_a_number_of_trials_alone_leaves_the_time_open(tmp_path):
    script = Script(tmp_path / "journal", budget=Budget(trials=3))
    script.clock.now += 1e9
    assert script.searcher.seconds_left() == float("inf")
    assert not script.searcher.is_over()


def test_whichever_ends_first_ends_the_search(tmp_path):
    script = Script(tmp_path / "a", budget=Budget(trials=2, seconds=1e6), slots=1)
    run_to_the_end(script, steady(3, 1.0))
    assert len(script.records()) == 2
    script = Script(tmp_path / "b", budget=Budget(trials=1000, seconds=10), slots=1)
    run_to_the_end(script, steady(3, 1.0))
    assert [r.cause for r in script.records()] == [Cause.NONE] * 3 + [Cause.BUDGET]


def test_an_approach_that_used_up_its_share_has_its_trial_cut_at_the_next_epoch(tmp_path):
    # Two approaches on one device: 100 of the 200 seconds each.
    script = Script(tmp_path / "journal", ("gender", "joint"), budget=Budget(seconds=200), slots=1)
    trial = script.start()
    assert script.asked[trial]["space"] == "gender"
    script.clock.now += 99
    script.report(trial, 1, 0.5, seconds=99.0)
    assert script.scheduler.cut == set()
    script.clock.now += 1
    script.report(trial, 2, 0.5, seconds=100.0)
    assert script.scheduler.cut == {trial}
    script.searcher.on_trial_complete(trial, result(3, 0.5, seconds=101.0))
    assert script.record(trial).cause is Cause.BUDGET
    assert script.asked[script.start()]["space"] == "joint"


def test_a_search_of_one_approach_has_all_the_time(tmp_path):
    script = Script(tmp_path / "journal", ("mask", "age"), budget=Budget(seconds=200), slots=1)
    trial = script.start()
    script.clock.now += 199
    script.report(trial, 1, 0.5, seconds=199.0)
    assert script.scheduler.cut == set()


def approach_seconds(script: Script, spaces: tuple[str, ...]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for name in spaces:
        (approach,) = LINEUP.of_space(name)
        seconds = sum(record.device_seconds for record in script.records(name))
        spent[approach] = spent.get(approach, 0.0) + seconds
    return spent


@st.composite
def costs(draw: st.DrawFn) -> dict[str, list[tuple[int, float]]]:
    """Of every space a typical cost and how its trials scatter round it."""
    found = {}
    for space in FIVE_SPACES:
        seconds = draw(st.floats(2.0, 8.0))
        factors = draw(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=4))
        found[space] = [(draw(st.integers(2, 6)), seconds * factor) for factor in factors]
    return found


@settings(max_examples=50)
@given(costs(), st.integers(1, 4), st.floats(0.0, 1.0))
def test_approaches_with_unequal_trials_use_equal_device_seconds(pattern, slots, gap):
    script = in_memory(2400 / slots, slots)

    def cost(space: str, number: int) -> tuple[int, float]:
        return pattern[space][number % len(pattern[space])]

    run_to_the_end(script, cost, gap=gap)
    spent = approach_seconds(script, FIVE_SPACES)
    assert set(spent) == {"separate", "joint", "multihead"}
    assert max(spent.values()) - min(spent.values()) <= 0.15 * max(spent.values())


@pytest.mark.parametrize("slow", FIVE_SPACES)
def test_a_space_ten_times_as_slow_as_the_others_does_not_take_their_time(slow):
    script = in_memory(900, 2)
    run_to_the_end(script, lambda space, number: (4, 10.0 if space == slow else 1.0))
    spent = approach_seconds(script, FIVE_SPACES)
    assert max(spent.values()) - min(spent.values()) <= 0.15 * max(spent.values())


def test_the_spaces_of_an_approach_share_its_time():
    script = in_memory(900, 2)
    run_to_the_end(script, lambda space, number: (4, 4.0 if space == "age" else 1.0))
    spent = {
        name: sum(r.device_seconds for r in script.records(name))
        for name in ("mask", "gender", "age")
    }
    assert max(spent.values()) - min(spent.values()) <= 0.15 * max(spent.values())


def test_a_budget_of_time_is_used_to_its_end_by_every_slot():
    script = in_memory(600, 3)
    run_to_the_end(script, lambda space, number: (3, 2.0 + number % 3))
    used = sum(approach_seconds(script, FIVE_SPACES).values())
    assert used == pytest.approx(3 * 600, rel=0.03)


def test_an_attribute_that_is_solved_gives_its_time_to_the_others_of_its_approach(tmp_path):
    script = Script(tmp_path / "journal", ("mask", "gender", "joint"), slots=1)
    served = []
    for value in (0.99, 0.7, 0.5, 0.7, 0.5, 0.7, 0.5):
        trial = script.start()
        served.append(script.asked[trial]["space"])
        script.finish(trial, 3, value, seconds=10.0)
    assert served == ["mask", "joint", *["gender", "joint"] * 2, "gender"]


def test_a_resumed_run_knows_what_was_solved(tmp_path):
    script = Script(tmp_path / "journal", ("mask", "gender"), slots=1)
    script.finish(script.start(), 3, 0.99)
    resumed = Script(tmp_path / "journal", ("mask", "gender"), slots=1)
    assert resumed.asked[resumed.start()]["space"] == "gender"
    resumed.finish("ray1", 3, 0.5, seconds=100.0)
    assert resumed.asked[resumed.start()]["space"] == "gender"


def test_the_scheduler_hears_what_time_a_space_has_and_what_its_default_costs(tmp_path):
    budget = Budget(seconds=120.0)
    script = Script(tmp_path / "journal", ("mask", "gender", "joint"), budget=budget, slots=2)
    first, second, third = script.start(), script.start(), None
    script.report(first, 1, 0.5, seconds=3.0)
    assert script.scheduler.suited == {"mask": (60.0, 3.0)}
    script.finish(first, 3, 0.5, seconds=9.0)
    script.finish(second, 3, 0.5, seconds=9.0)
    third = script.start()
    script.report(third, 1, 0.5, seconds=4.0)
    assert script.scheduler.suited["gender"] == (60.0, 4.0)
    resumed = Script(tmp_path / "journal", ("mask", "gender", "joint"), budget=budget, slots=2)
    # What was used before is told by the clock of the journal, which this one is not.
    assert resumed.scheduler.suited["mask"] == (pytest.approx(60.0, abs=3.0), 3.0)


def test_without_a_time_the_scheduler_hears_nothing(tmp_path):
    script = Script(tmp_path / "journal", ("mask",), budget=Budget(trials=3))
    script.report(script.start(), 1, 0.5)
    assert script.scheduler.suited == {}
