"""Durations, budgets and the config that a resumed run reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UsageError
from search.prepare.config import OPTIONS, Budget, RunConfig, format_duration, parse_duration

CONFIG = RunConfig(
    name="mine",
    spaces=("age", "joint"),
    data="",
    layout=None,
    people=300,
    budget_seconds=60.0,
    trials=None,
    max_epochs=None,
    seed=0,
    gpus_per_trial="auto",
    pretrained=None,
    weights_dir="",
    address="",
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("6m", 360), ("1h30m", 5400), ("2d", 172800), ("0.5h", 1800), ("1m1.5s", 61.5)],
)
def test_durations_are_numbers_with_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "abc", "6 m", "-6m", "6min", "m", "1h 30m", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="a duration is a number with s, m, h or d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m", "0.0d"])
def test_a_duration_of_nothing_is_refused(text):
    with pytest.raises(UsageError, match="a duration must be above zero, got '0"):
        parse_duration(text)


@given(st.integers(1, 10**6))
def test_whole_seconds_are_read_as_they_are(seconds):
    assert parse_duration(f"{seconds}s") == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (365, "6m 05s"),
        (3600, "1h 00m"),
        (7380, "2h 03m"),
    ],
)
def test_durations_are_written_as_people_do(seconds, text):
    assert format_duration(seconds) == text


def test_a_budget_needs_a_limit():
    with pytest.raises(UsageError, match="a budget needs a time, a number of trials, or both"):
        Budget()


@pytest.mark.parametrize("trials", [0, -1])
def test_a_budget_of_no_trials_is_refused(trials):
    with pytest.raises(UsageError, match=f"--trials must be at least 1, got {trials}"):
        Budget(trials=trials)


def test_time_set_aside_leaves_at_least_a_tenth():
    assert Budget(seconds=100).minus(5) == Budget(seconds=95)
    assert Budget(seconds=5, trials=3).minus(5) == Budget(seconds=0.5, trials=3)
    assert Budget(trials=3).minus(5) == Budget(trials=3)


def test_a_part_of_a_budget_is_a_part_of_its_time():
    assert Budget(seconds=100, trials=3).part(0.5) == Budget(seconds=50, trials=3)
    assert Budget(trials=3).part(0.5) == Budget(trials=3)


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(trials=24), "24 trials per space"),
        (Budget(trials=1), "1 trial per space"),
        (Budget(seconds=360), "6m 00s"),
        (Budget(trials=3, seconds=60), "3 trials per space or 1m 00s, whichever ends first"),
    ],
)
def test_a_budget_in_words(budget, text):
    assert budget.describe() == text


def test_a_config_round_trips_through_plain_values():
    assert RunConfig.from_dict(CONFIG.to_dict()) == CONFIG


def test_a_changed_config_keeps_what_is_not_given():
    changed = CONFIG.changed(trials=5, budget_seconds=None, address=None)
    assert (changed.trials, changed.budget_seconds, changed.address) == (5, 60.0, "")
    with pytest.raises(UsageError, match="--trials must be at least 1, got 0"):
        CONFIG.changed(trials=0)


def test_the_folder_of_weights_is_a_path_or_none():
    assert CONFIG.weights_path is None
    assert str(CONFIG.changed(weights_dir="w").weights_path) == "w"


@pytest.mark.parametrize("seconds", [90.0, 1_209_600.0, 12_345_678.0, 0.5])
def test_a_budget_of_whatever_length_is_written_as_it_is_read(seconds):
    (_, text) = OPTIONS["budget_seconds"].words(seconds)
    assert parse_duration(text) == seconds
