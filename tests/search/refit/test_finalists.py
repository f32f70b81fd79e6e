"""Which configs are refitted, and in which precision."""

from dataclasses import replace

import pytest

from search.prepare.space_result import SpaceResult
from search.refit.finalists import finalists, measured_costs, plan, training_seconds
from search.refit.plan import FULL, smallest
from search.store.records import PRECISION
from tests.search.builders.made import made_record
from tests.search.builders.prepared_run import prepared_run
from tests.search.builders.scripted import tiny_space

DEFAULT = {"optim.lr": 0.01, "schedule.epochs": 3}


def searched(*records, best=None):
    """Returns a search with these trials."""
    return SpaceResult(name="gender", records=records, best=best, interval=None)


def record(number, lr, value, **more):
    config = {**DEFAULT, "optim.lr": lr, **more}
    return made_record(number, {1: value}, config=config)


def test_the_default_config_and_the_best_are_refitted_once_each():
    result = searched(record(0, 0.01, 0.5), record(1, 0.02, 0.7), record(2, 0.03, 0.6))
    found = finalists(result, DEFAULT, 2)
    assert {name: config["optim.lr"] for name, config in found.items()} == {
        "default": 0.01,
        "1": 0.02,
        "2": 0.03,
    }


def test_the_chosen_config_is_refitted_before_those_of_a_higher_score():
    records = [record(0, 0.01, 0.5), record(1, 0.02, 0.7), record(2, 0.03, 0.6)]
    chosen = finalists(searched(*records, best=records[2]), DEFAULT, 1)
    assert [config["optim.lr"] for config in chosen.values()] == [0.01, 0.03]
    alone = finalists(searched(*records, best=records[0]), DEFAULT, 1, with_default=False)
    assert alone == {"default": DEFAULT}


def test_the_default_config_is_refitted_in_the_precision_of_its_trial_and_once():
    bf16 = {PRECISION: "bf16"}
    result = searched(record(0, 0.01, 0.7, **bf16), record(1, 0.02, 0.5, **bf16))
    found = finalists(result, DEFAULT, 2)
    assert found == {
        "default": {**DEFAULT, **bf16},
        "1": {**DEFAULT, "optim.lr": 0.02, **bf16},
    }


def test_without_its_trial_the_default_config_has_no_precision():
    assert finalists(searched(), DEFAULT, 2) == {"default": DEFAULT}


@pytest.fixture
def prepared(tmp_path):
    return prepared_run(tmp_path, (tiny_space("gender"), tiny_space("mask")))


def trained(run, number, **changes):
    """Returns a trial of gender whose device seconds are one per photo and epoch."""
    photos = len(run.dataset.split.search_train)
    config = {**run.default_config("gender"), **changes.pop("config", {})}
    values = {1: 0.25, 2: 0.5}
    seconds = changes.pop("each", 1.0) * photos * len(values)
    return made_record(number, values, config=config, device_seconds=seconds, **changes)


def results_of(records):
    return [
        SpaceResult(name=name, records=its, best=None, interval=None)
        for name, its in (("gender", records), ("mask", ()))
    ]


def test_a_space_without_a_trial_costs_as_much_as_the_default_configs_of_the_others(prepared):
    records = (trained(prepared, 0), trained(prepared, 1, config={"optim.lr": 0.05}, each=4.0))
    costs = measured_costs(prepared, results_of(records), 100)
    assert costs.photo_seconds["gender"] == pytest.approx((1.0, 4.0))
    assert costs.photo_seconds["mask"] == pytest.approx((1.0,))


def test_a_search_that_measured_nothing_leaves_what_was_timed_before_it(prepared):
    timed = replace(prepared, photo_seconds={"gender": 2.0, "mask": 3.0})
    costs = measured_costs(timed, results_of(()), 100)
    assert costs.photo_seconds == {"gender": (2.0,), "mask": (3.0,)}


def test_a_search_with_next_to_no_time_left_has_the_smallest_refit(prepared):
    planned = plan(prepared, results_of((trained(prepared, 0),)), 0.5)
    assert planned.shape == smallest(FULL)
    assert planned.cuts[-1].endswith(" instead of 0s: the run ends later than its budget")


def test_a_training_takes_what_the_search_measured_of_its_config(prepared):
    records = (trained(prepared, 0), trained(prepared, 1, config={"optim.lr": 0.05}, each=4.0))
    default = prepared.default_config("gender")
    configs = {
        "gender": {
            "default": {**default, "schedule.epochs": 2},
            "1": {**default, "optim.lr": 0.05, "schedule.epochs": 6},
        }
    }
    found = training_seconds(prepared, results_of(records), configs, num_folds=3)
    photos = prepared.dataset.table.num_samples * 2 / 3
    assert found == pytest.approx({"gender.default": 2 * photos, "gender.1": 6 * 4.0 * photos})
