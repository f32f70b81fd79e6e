"""The configs that a study begins with lie in its space."""

import pytest

from search.tuning.journal import open_storage
from search.tuning.known_configs import check_warm_starts, known_configs
from spaces import load
from spaces.errors import SpaceError
from tests.search.builders.scripted import SCALE, open_journal, tiny_space
from tests.spaces.schemas import FACES
from tests.trainables.data.folders import MASK_SCHEMA


def known(space):
    return known_configs(space, MASK_SCHEMA, SCALE)


def searching(suggest, **changes):
    return tiny_space("gender", **{"suggest": suggest, "warm_start": (), **changes})


def test_the_default_config_comes_first_then_the_warm_starts():
    space = tiny_space("gender")
    default = space.default_config(MASK_SCHEMA, SCALE)
    assert known(space) == (default, {**default, "optim.lr": 0.05})


def test_a_choice_that_is_not_offered_becomes_the_first_one(tmp_path):
    def other(trial, schema, scale):
        trial.suggest_categorical("schedule.epochs", [5, 7])

    space = searching(other)
    assert known(space)[0]["schedule.epochs"] == 5
    # Optuna itself takes the config and does not break on it.
    asked = open_journal(open_storage(tmp_path / "optuna.journal"), space).ask()
    assert asked.config["schedule.epochs"] == 5


@pytest.mark.parametrize(("low", "high", "lr"), [(0.1, 0.5, 0.1), (1e-4, 1e-3, 1e-3)])
def test_a_number_outside_becomes_the_nearer_bound(low, high, lr):
    space = searching(lambda trial, *given: trial.suggest_float("optim.lr", low, high) and None)
    assert known(space)[0]["optim.lr"] == lr


def test_a_warm_start_of_what_is_not_searched_does_not_repeat_the_default():
    space = searching(lambda *given: None, warm_start=({"optim.lr": 0.05},))
    assert len(known(space)) == 1
    check_warm_starts(space, MASK_SCHEMA, SCALE)


@pytest.mark.parametrize("lr", [7.0, "high"])
def test_a_warm_start_outside_the_space_is_refused(lr):
    space = tiny_space("gender", warm_start=({"optim.lr": lr},))
    with pytest.raises(SpaceError, match=r"must lie in the space, got optim\.lr=.* for Float"):
        check_warm_starts(space, MASK_SCHEMA, SCALE)


def test_a_warm_start_of_raw_ages_means_nothing_on_data_without_them():
    space = load("age", FACES)
    check_warm_starts(space, FACES, SCALE)
    assert len(known_configs(space, FACES, SCALE)) == 1


def test_a_warm_start_of_an_unknown_name_is_refused():
    space = tiny_space("gender", warm_start=({"optim.speed": 0.5},))
    with pytest.raises(SpaceError, match=r"only what the space searches, got optim\.speed=0\.5"):
        check_warm_starts(space, MASK_SCHEMA, SCALE)
