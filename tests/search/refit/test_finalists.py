"""Which configs are refitted, and in which precision."""

from search.prepare.space_result import SpaceResult
from search.refit.finalists import finalists
from search.store.records import PRECISION
from tests.search.builders.made import made_record

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
