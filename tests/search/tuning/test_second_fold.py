"""The leaders of a search trained again where other people validate: who, and on whom."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import spaces
from search.ending.faults import Fault, FaultError
from search.errors import StalledError
from search.prepare.config import Budget
from search.prepare.dataset import SPLIT_SEED
from search.prepare.timeline import Timeline
from search.refit.train import train_unit
from search.store.records import State
from search.store.run_store import RunStore
from search.tuning import second_fold, stage
from search.tuning.second_fold import (
    SecondFold,
    _that_fit,
    are_affordable,
    expected_seconds,
    expected_trainings,
    leaders,
    seconds_aside,
    seconds_taken,
)
from tests.search.builders.made import made_record
from tests.search.builders.people import shared_images, write_people
from tests.search.builders.prepared_run import prepared_run
from tests.search.builders.scripted import SCALE
from trainables.data.layouts.profiles import SCHEMA
from trainables.data.splits import make_split


def trial(number, value, **changes):
    return made_record(number, {1: value - 0.2, 2: value, 3: value}, **changes)


def numbers(records):
    return [each.number for each in records]


def test_the_default_and_the_third_that_leads_it_are_trained_again():
    scores = (0.5, 0.9, 0.3, 0.6, 0.8, 0.7, 0.4)
    found = leaders([trial(number, score) for number, score in enumerate(scores)])
    assert numbers(found) == [0, 1, 4, 5]


def test_who_leads_in_the_last_epoch_alone_or_before_it_alone_is_no_leader():
    early = made_record(1, {1: 0.9, 2: 0.9, 3: 0.4})
    late = made_record(2, {1: 0.1, 2: 0.1, 3: 0.9})
    rest = [trial(number, 0.2) for number in (3, 4)]
    assert leaders([trial(0, 0.5), early, late, *rest]) == []


@pytest.mark.parametrize(
    "records",
    [
        [trial(number, 0.5 + number / 10) for number in range(4)],  # too few
        [trial(number, 0.5 - number / 100) for number in range(9)],  # nobody leads
        [trial(number, 0.5 + number / 100) for number in range(1, 9)],  # no default
        [trial(0, 0.5, state=State.PRUNED), *(trial(n, 0.6) for n in range(1, 9))],
    ],
)
def test_where_there_is_nothing_to_see_through_nobody_is(records):
    assert leaders(records) == []
    assert expected_seconds([records], 2) == 0


def test_of_many_ten_are_trained_again():
    assert len(leaders([trial(number, 0.1 + number / 100) for number in range(80)])) == 1 + 10


@pytest.mark.parametrize(
    ("trials", "trainings"), [(3, 0), (19, 0), (20, 3), (24, 3), (60, 6), (400, 11)]
)
def test_a_plan_in_trials_counts_the_second_trainings(trials, trainings):
    assert expected_trainings(trials) == trainings


def test_what_ends_in_time_begins_and_a_default_alone_does_not():
    its = [trial(number, 0.5 + number / 10, seconds=20.0) for number in range(4)]
    others = [replace(each, space="age") for each in its[:2]]
    assert numbers(_that_fit([its], 30.0 + 1, 2)) == [0, 1]
    assert numbers(_that_fit([its], 50.0 + 1, 2)) == [0, 1, 2, 3]
    assert _that_fit([its], 30.0 + 1, 1) == []
    found = _that_fit([its, others], 70.0 + 1, 1)
    assert [(each.space, each.number) for each in found] == [("gender", 0), ("gender", 1)]
    assert _that_fit([], 100.0, 2) == []


def test_a_training_too_long_ends_its_space_alone():
    default, dear, cheap = (trial(number, 0.5 + number / 10, seconds=20.0) for number in range(3))
    its = [default, replace(dear, seconds=90.0), cheap]
    others = [replace(each, space="age") for each in (default, dear)]
    found = _that_fit([its, others], 80.0, 1)
    assert [(each.space, each.number) for each in found] == [("age", 0), ("age", 1)]


def test_a_default_whose_challengers_were_trained_earlier_is_trained():
    assert numbers(_that_fit([[trial(0, 0.5)]], 30.0, 1)) == [0]


@pytest.mark.parametrize(
    ("photo_s", "budget", "fits"),
    [
        (None, Budget(seconds=1.0), True),
        (0.1, Budget(trials=20), True),
        (0.1, Budget(seconds=100.0), False),
        (1e-6, Budget(seconds=100.0, trials=3), True),
        (0.1, Budget(seconds=3600.0), True),
    ],
)
def test_time_is_set_aside_where_two_trainings_fit_into_it(photo_s, budget, fits, tmp_path):
    run = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)])
    costs = None if photo_s is None else {"gender": photo_s}
    assert are_affordable(replace(run, photo_seconds=costs), budget) == fits


@pytest.mark.parametrize(("seconds", "fits"), [(5.0, True), (500.0, False)])
def test_a_run_that_goes_on_knows_what_its_default_takes(seconds, fits, tmp_path, monkeypatch):
    run = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)])
    run.store.root.mkdir(parents=True)
    run.store.journal.touch()
    records = {"gender": (trial(0, 0.5, seconds=seconds), trial(1, 0.5, seconds=9000.0))}
    monkeypatch.setattr(second_fold, "journal_of", lambda store: records)
    assert are_affordable(run, Budget(seconds=600.0)) == fits


def test_a_share_of_the_time_is_set_aside_and_without_an_end_all_of_it():
    assert seconds_aside(Budget(seconds=100.0)) == 15.0
    assert seconds_aside(Budget(trials=20)) == math.inf


@pytest.fixture
def images(tmp_path):
    return shared_images(write_people(tmp_path / "data"), tmp_path / "cache", tmp_path / "run")


def second_of(images):
    return SecondFold.of(RunStore(images.setting.results_dir), images.setting.table)


def test_others_validate_and_those_whom_the_search_never_sees_stay_unseen(
    images, monkeypatch, one_torch_thread
):
    table, split = images.setting.table, images.setting.split
    trained = {}

    def classifier(config, data, **_):
        trained["rows"] = data.train
        raise StopIteration

    monkeypatch.setattr("search.refit.train.ImageClassifier", classifier)
    second = second_of(images)
    record = trial(0, 0.5, config=config_of(images))
    with pytest.raises(StopIteration):
        train_unit(second.unit(record), second.folds, images, 0, second.files, second.files.folder)
    validates = second.folds.out(0)
    assert sorted([*trained["rows"], *validates]) == sorted(
        [*split.search_train, *split.search_val]
    )
    people = [set(table.group_index[rows]) for rows in (validates, split.search_val)]
    assert not people[0] & people[1]
    assert not people[0] & set(table.group_index[trained["rows"]])
    np.testing.assert_array_equal(validates, make_split(table, SPLIT_SEED, fold=1).search_val)


def test_people_who_cannot_be_told_from_luck_are_no_second_fold(tmp_path, one_torch_thread):
    data = write_people(tmp_path / "data", num_people=7)
    images = shared_images(data, tmp_path / "cache", tmp_path / "run")
    second = second_of(images)
    record = trial(0, 0.5, config={**config_of(images), "schedule.epochs": 1})
    assert len(set(images.setting.table.group_index[second.folds.out(0)])) == 1
    train_unit(second.unit(record), second.folds, images, 0, second.files, second.files.folder)
    assert not second.is_scored(record)
    assert second.predicted(record) is None


def config_of(images):
    space = spaces.load("gender", images.setting.table.schema)
    return dict(space.default_config(images.setting.table.schema, SCALE))


def test_a_second_training_is_read_back_and_of_another_config_it_is_none(images, one_torch_thread):
    config = {**config_of(images), "schedule.epochs": 1}
    second, record = second_of(images), trial(3, 0.5, config=config)
    assert second.predicted(record) is None
    train_unit(second.unit(record), second.folds, images, 0, second.files, second.files.folder)
    rows, classes = second.predicted(record)
    np.testing.assert_array_equal(rows, second.folds.out(0))
    assert classes.shape == rows.shape
    assert set(classes) <= {0, 1}
    scores = second.scores(record, record)
    assert scores.value == scores.default_config
    assert scores.people == len(set(images.setting.table.group_index[rows]))
    other = trial(3, 0.5, config={**config, "optim.lr": 0.5})
    assert second.predicted(other) is None
    assert second.scores(record, other) is None


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (StalledError("no node has room"), True),
        (FaultError(Fault.WORKER, "of gender.1"), True),
        (FaultError(Fault.DISK_FULL, "of gender.1"), False),
    ],
)
def test_what_a_search_found_is_shown_where_workers_die_afterwards(
    error, goes_on, tmp_path, monkeypatch
):
    def dies(*_):
        raise error

    monkeypatch.setattr(stage, "train_again", dies)
    console = Console(file=io.StringIO(), width=200)
    run = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)])
    told = (run, console, (), 10.0, Timeline(began=0.0))
    if goes_on:
        assert not stage._train_again(*told)
        assert f"Stopped: {error}." in console.file.getvalue()
    else:
        with pytest.raises(FaultError):
            stage._train_again(*told)


def test_second_trainings_of_earlier_starts_took_time(tmp_path):
    run = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)])
    assert seconds_taken(run) == 0.0
    parts = SecondFold.of(run.store, run.dataset.table).files.folder / "parts"
    parts.mkdir(parents=True)
    for number in range(3):
        np.savez(parts / f"gender.{number}.0.0.npz", seconds=20.0)
    assert seconds_taken(run) == 60.0 / run.resources.slots


def test_weights_are_not_kept_whatever_ends_the_trainings(tmp_path, monkeypatch):
    run = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)])
    config = run.default_config("gender")
    records = [trial(number, 0.5 + number / 10, config=config) for number in range(5)]
    folder = SecondFold.of(run.store, run.dataset.table).files.folder

    def interrupted(*given, models, **options):
        models.mkdir(parents=True)
        (models / "gender.0.0.0.safetensors").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(second_fold, "train_units", interrupted)
    with pytest.raises(KeyboardInterrupt):
        second_fold.train_again(run, Console(), [records], math.inf, Timeline(began=0.0))
    assert folder.is_dir()
    assert not list(folder.iterdir())
