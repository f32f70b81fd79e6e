"""Which configs are refitted, and in which precision."""

from search.prepare.space_result import SpaceResult
from search.refit.finalists import finalists
from search.store.records import PRECISION
from tests.search.builders.made import made_record

DEFAULT = {"optim.lr": 0.01, "schedule.epochs": 3}


def searched(*records):
    """Returns a search with these trials."""
    return SpaceResult(name="gender", records=records, best=None, interval=None)


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
