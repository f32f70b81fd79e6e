"""The study on disk: what it holds, what it refuses, and what a torn file costs (nothing)."""

import json

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.store.records import Cause, State
from search.tuning.journal import clear_leftovers, open_storage, sample_configs
from spaces.errors import SpaceError
from tests.search.builders.scripted import EPOCHS, SCALE, on_disk, open_journal, tiny_space
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.blocks import read_flat


@pytest.fixture
def path(tmp_path):
    return tmp_path / "optuna.journal"


@pytest.fixture
def journal(path):
    return open_journal(open_storage(path), "gender")


def test_a_trial_round_trips_through_the_file(path, journal):
    asked = journal.ask()
    journal.report(asked.number, 1, 0.25)
    journal.note(asked.number, device_seconds=3.0, seconds=6.0)
    journal.note(asked.number, gap=0.5)
    journal.complete(asked.number, 0.25)
    record = open_journal(open_storage(path), "gender").record(0)
    assert record == journal.record(0)
    assert record.config == asked.config
    assert (record.seed, record.device_seconds, record.seconds, record.gap) == (
        asked.seed,
        3.0,
        6.0,
        0.5,
    )
    assert (record.state, record.objective, record.values) == (State.COMPLETE, 0.25, {1: 0.25})
    assert 0 < record.started <= record.ended


def test_the_file_says_seed_and_config_to_anybody(path, journal):
    asked = journal.ask()
    (frozen,) = (t for t in on_disk(path, journal.name) if t.state is TrialState.RUNNING)
    assert frozen.user_attrs["seed"] == asked.seed
    config = json.loads(frozen.user_attrs["config"])
    assert read_flat(config, MASK_SCHEMA.names) == asked.config
    assert frozen.params == {"optim.lr": 0.01}


def test_study_and_objective_are_named_once_however_often_the_journal_is_opened(path, journal):
    study = optuna.load_study(study_name=journal.name, storage=open_storage(path))
    assert study.metric_names == ["validation macro-F1 of gender"]
    assert study.user_attrs["headrace"].startswith("space gender: gender by one softmax; a trial")
    before = path.read_text(encoding="utf-8")
    open_journal(open_storage(path), "gender")
    for noted in ('"op_code":2', '"op_code":3'):  # attributes of a study
        assert path.read_text(encoding="utf-8").count(noted) == before.count(noted) > 0


def test_the_objective_of_a_pruned_trial_is_its_last_value(journal):
    number = journal.ask().number
    journal.report(number, 1, 0.5)
    journal.report(number, 2, 0.25)
    journal.prune(number)
    assert journal.record(number).objective == 0.25


def test_a_failed_trial_has_no_objective(journal):
    number = journal.ask().number
    journal.report(number, 1, 0.5)
    journal.fail(number, Cause.ERROR, "ValueError: x")
    record = journal.record(number)
    assert (record.objective, record.cause, record.error) == (None, Cause.ERROR, "ValueError: x")


def test_nothing_changes_a_trial_that_was_told(path, journal):
    number = journal.ask().number
    journal.complete(number, 0.5)
    before = on_disk(path, journal.name)
    assert not journal.report(number, 2, 0.9)
    journal.note(number, device_seconds=9.0, seconds=9.0)
    journal.note(number, gap=9.0)
    journal.prune(number)
    journal.fail(number, Cause.WORKER_DIED)
    journal.complete(number, 0.9)
    assert on_disk(path, journal.name) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_not_stored(journal, value):
    number = journal.ask().number
    assert not journal.report(number, 1, value)
    assert journal.record(number).values == {}


def test_configs_that_wait_are_no_records(journal):
    assert journal.records() == ()
    journal.ask()
    assert [record.state for record in journal.records()] == [State.RUNNING]


def test_the_seed_of_a_trial_depends_on_run_space_and_number(path):
    def seeds(space, seed):
        journal = open_journal(
            optuna.storages.InMemoryStorage(),
            space,
            seed=seed,
        )
        return [journal.ask().seed for _ in range(3)]

    found = [seeds("gender", 0), seeds("gender", 1), seeds("mask", 0)]
    assert found[0] == seeds("gender", 0)
    assert len({seed for row in found for seed in row}) == 9


def test_the_same_seed_draws_the_same_configs(path):
    def configs(seed):
        journal = open_journal(optuna.storages.InMemoryStorage(), "gender", seed=seed)
        return [journal.ask().config["optim.lr"] for _ in range(5)]

    assert configs(3) == configs(3)
    assert configs(3)[:2] == configs(4)[:2]
    assert configs(3)[2:] != configs(4)[2:]


def test_two_spaces_in_one_file_are_two_studies(path):
    storage = open_storage(path)
    gender, mask = open_journal(storage, "gender"), open_journal(storage, "mask")
    gender.complete(gender.ask().number, 0.5)
    assert len(gender.records()) == 1
    assert mask.records() == ()
    assert set(optuna.get_all_study_names(storage)) == {gender.name, mask.name}
    assert gender.name.startswith("gender-")


@pytest.mark.parametrize("change", [{"source": "other"}, {"warm_start": (), "source": "x"}])
def test_a_changed_space_is_another_study(path, change):
    storage = open_storage(path)
    first = open_journal(storage, "gender")
    assert open_journal(storage, tiny_space("gender", **change)).name != first.name


def test_equal_configs_of_the_portfolio_are_asked_once(path):
    same = tiny_space("gender", warm_start=({}, {"optim.lr": 0.05}, {"optim.lr": 0.05}))
    journal = open_journal(open_storage(path), same)
    waiting = [t.state for t in on_disk(path, journal.name)]
    assert waiting == [TrialState.WAITING] * 2


def test_a_torn_last_line_is_dropped_and_the_study_goes_on(path, journal):
    journal.complete(journal.ask().number, 0.5)
    before = on_disk(path, journal.name)
    # The machine lost power in the middle of a write.
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","study_id":0,"tri')
    clear_leftovers(path)
    again = open_journal(open_storage(path), "gender")
    assert on_disk(path, journal.name) == before
    number = again.ask().number
    again.complete(number, 0.75)
    assert on_disk(path, journal.name)[number].value == 0.75


def test_a_file_that_is_one_torn_line_is_an_empty_journal(path):
    path.write_bytes(b'{"op_code":0')
    clear_leftovers(path)
    journal = open_journal(open_storage(path), "gender")
    assert journal.ask().number == 0


def test_the_lock_of_a_driver_that_was_killed_is_cleared(path, journal):
    lock = path.with_name("optuna.journal.lock")
    lock.symlink_to(path)
    clear_leftovers(path)
    storage = open_storage(path)
    assert not lock.is_symlink()
    assert open_journal(storage, "gender").ask().number == 0


def test_a_journal_that_is_not_there_has_no_leftovers(path):
    clear_leftovers(path)
    assert not path.exists()


def test_sampled_configs_begin_with_the_default_and_lie_in_the_space():
    drawn = sample_configs(tiny_space("gender"), MASK_SCHEMA, SCALE, 20, seed=5)
    rates = [config["optim.lr"] for config in drawn]
    assert rates[0] == 0.01
    assert len(set(rates)) == 21
    assert np.all((np.array(rates) >= SCALE.lr[0]) & (np.array(rates) <= SCALE.lr[1]))
    assert {config["schedule.epochs"] for config in drawn} == {EPOCHS}
    assert drawn == sample_configs(tiny_space("gender"), MASK_SCHEMA, SCALE, 20, seed=5)


def test_a_space_that_fails_says_which_and_why():
    def broken(trial, schema, scale):
        raise KeyError("colour")

    with pytest.raises(SpaceError, match=r"suggest\(\) of space 'gender' fails: KeyError"):
        sample_configs(tiny_space("gender", suggest=broken), MASK_SCHEMA, SCALE, 1, seed=0)
