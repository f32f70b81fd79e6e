"""The configs that a study begins with lie in its space."""

from dataclasses import replace

import pytest

from search.prepare.offered import first_config
from search.store.portfolio_file import SIZE, Candidate
from search.tuning.journal import open_storage
from search.tuning.known_configs import (
    check_warm_starts,
    few_of,
    known_configs,
    warm_start_line,
)
from spaces import load
from spaces.errors import SpaceError
from tests.search.builders.scripted import SCALE, open_journal, tiny_space
from tests.spaces.schemas import FACES, SCHEMAS
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.data.schema import Attribute, LabelSchema


def known(space):
    return tuple(each.config for each in known_configs(space, MASK_SCHEMA, SCALE))


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


def test_a_warm_start_that_repeats_what_the_default_has_is_no_further_config():
    lr = tiny_space("gender").default_config(MASK_SCHEMA, SCALE)["optim.lr"]
    space = searching(lambda *given: None, warm_start=({"optim.lr": lr},))
    assert len(known(space)) == 1
    check_warm_starts(space, MASK_SCHEMA, SCALE)


def test_a_warm_start_of_what_is_not_searched_here_is_left_out():
    """On another machine it may be: frozen stages are searched with pretrained weights alone."""
    space = searching(lambda *given: None, warm_start=({"optim.lr": 0.05},))
    assert len(known(space)) == 1
    check_warm_starts(space, MASK_SCHEMA, SCALE)


def test_the_first_config_is_the_default_within_the_space():
    plain = tiny_space("gender")
    assert first_config(plain, MASK_SCHEMA, SCALE) == plain.default_config(MASK_SCHEMA, SCALE)

    def narrow(trial, schema, scale):
        trial.suggest_float("optim.lr", 2.0, 3.0)
        trial.suggest_categorical("schedule.epochs", [5, 7])

    space = searching(narrow)
    found = first_config(space, MASK_SCHEMA, SCALE)
    assert (found["optim.lr"], found["schedule.epochs"]) == (2.0, 5)
    assert found == {**plain.default_config(MASK_SCHEMA, SCALE), **known(space)[0]}


@pytest.mark.parametrize("lr", [7.0, "high"])
def test_a_warm_start_outside_the_space_is_refused(lr):
    space = tiny_space("gender", warm_start=({"optim.lr": lr},))
    with pytest.raises(SpaceError, match=r"must lie in the space, got optim\.lr=.* for Float"):
        check_warm_starts(space, MASK_SCHEMA, SCALE)


@pytest.mark.parametrize("edges", [(18, 65), (30,), (20, 40), (25, 45, 70), (29.5, 59.5)])
def test_the_founding_case_s_cut_of_ages_is_left_out_where_other_ages_are_cut(edges):
    """Its space must begin on data whose last cut lies elsewhere."""
    classes = tuple("abcd"[: len(edges) + 1])
    age = Attribute(name="age", classes=classes, edges=edges)
    schema = LabelSchema(name="ages", attributes=(age,))
    space = load("age", schema)
    check_warm_starts(space, schema, SCALE)
    found = [each.config.get("age.old_from") for each in known_configs(space, schema, SCALE)]
    assert 59 not in found


def test_every_built_in_space_begins_on_every_data():
    for schema in SCHEMAS.values():
        for name in schema.names:
            check_warm_starts(load(name, schema), schema, SCALE)


def test_a_warm_start_of_raw_ages_means_nothing_on_data_without_them():
    space = load("age", FACES)
    check_warm_starts(space, FACES, SCALE)
    assert len(known_configs(space, FACES, SCALE)) == 1


def test_a_warm_start_of_an_unknown_name_is_refused():
    space = tiny_space("gender", warm_start=({"optim.speed": 0.5},))
    with pytest.raises(SpaceError, match=r"only what the space searches, got optim\.speed=0\.5"):
        check_warm_starts(space, MASK_SCHEMA, SCALE)


def candidate(space="gender", trial=1, **params):
    named = {name.replace("_", ".", 1): value for name, value in params.items()}
    return Candidate(
        space=space,
        params=named,
        score=0.5,
        default_score=0.4,
        run="one",
        trial=trial,
        commit="",
        data="",
    )


def test_configs_of_a_portfolio_come_after_the_default_and_the_warm_starts():
    space = tiny_space("gender")
    found = known_configs(space, MASK_SCHEMA, SCALE, [candidate(optim_lr=0.02)])
    assert [each.config["optim.lr"] for each in found] == [0.01, 0.05, 0.02]
    assert [each.origin for each in found] == ["", "", "gender trial 1 of one"]


MISFITS = [
    ({"optim_lr": 7.0}, "optim.lr=7.0 is not on offer"),
    ({"optim_lr": "high"}, "optim.lr='high' is not on offer"),
    ({"optim_lr": True}, "optim.lr=True is not on offer"),
    ({"optim_speed": 1.0}, "optim.speed is not searched"),
    ({"input_crop": "foot"}, "input.crop='foot' is not on offer"),
    ({"backbone_frozen": 1.5}, "backbone.frozen=1.5 is not on offer"),
]


def several(trial, schema, scale):
    trial.suggest_float("optim.lr", *scale.lr, log=True)
    trial.suggest_categorical("input.crop", ["full", "face"])
    trial.suggest_int("backbone.frozen", 0, 2)
    return {}


@pytest.mark.parametrize(("params", "why"), MISFITS)
def test_a_config_that_does_not_fit_the_space_is_skipped_and_named(params, why, tmp_path):
    space, misfit = searching(several), candidate(trial=7, **params)
    good = candidate(optim_lr=0.02, input_crop="face", backbone_frozen=2)
    assert len(known_configs(space, MASK_SCHEMA, SCALE, [misfit, good])) == 2
    line = warm_start_line([misfit, good], [space], MASK_SCHEMA, SCALE)
    assert line == (
        "tried after the default config: 1 config of other runs; 1 skipped: gender trial 7 of "
        f"one ({why})"
    )
    journal = open_journal(open_storage(tmp_path / "j"), space, portfolio=[misfit, good])
    assert journal.ask().number == 0
    assert journal.ask().config["input.crop"] == "face"


def test_the_line_says_which_space_a_run_lacks_and_names_a_few_of_many():
    many = [candidate("mask", trial=number, optim_lr=0.02) for number in range(7)]
    line = warm_start_line(many, [tiny_space("gender")], MASK_SCHEMA, SCALE)
    assert line.startswith(
        "tried after the default config: 0 configs of other runs; 7 skipped: mask "
    )
    assert line.endswith("mask trial 4 of one (no space mask) and 2 more")


def test_a_restart_does_not_enqueue_a_portfolio_again(tmp_path):
    space, other = searching(several), candidate(optim_lr=0.02)
    for _ in range(2):
        journal = open_journal(open_storage(tmp_path / "j"), space, portfolio=[other])
    assert [journal.ask().number for _ in range(2)] == [0, 1]
    assert journal.record(1).config["optim.lr"] == 0.02
    assert [journal.record(number).origin for number in (0, 1)] == ["", "gender trial 1 of one"]
    assert journal.ask().number == 2
    assert journal.record(2).origin == ""
    waiting = [trial for trial in journal.records() if trial.number > 2]
    assert waiting == []


def test_of_the_configs_of_several_runs_a_few_cover_the_others():
    space = searching(several)
    misfit = candidate("mask", trial=99, optim_lr=0.02)
    many = [
        candidate(trial=n, optim_lr=0.01 + 0.001 * n, input_crop="face", backbone_frozen=n % 3)
        for n in range(2 * SIZE)
    ]
    many = [replace(each, score=0.5 + 0.001 * each.trial) for each in many]
    best = replace(many[5], default_score=0.1)  # not the highest score, but the largest lead
    many[5] = best
    few = few_of([misfit, *many], [space], MASK_SCHEMA, SCALE)
    assert few[0] == misfit  # the plan names it
    assert best in few
    assert 3 <= len(few) <= 1 + SIZE
    # Copies of one config need no place each.
    alike = [replace(many[0], trial=n) for n in range(2 * SIZE)]
    assert few_of(alike, [space], MASK_SCHEMA, SCALE) == (alike[0],)
    assert few_of(many[:SIZE], [space], MASK_SCHEMA, SCALE) == tuple(many[:SIZE])


def test_configs_that_are_tried_anyway_are_not_counted_twice():
    space, one = searching(several), candidate(optim_lr=0.02)
    line = warm_start_line([one, replace(one, run="two")], [space], MASK_SCHEMA, SCALE)
    assert line == (
        "tried after the default config: 1 config of other runs; 1 more that is tried anyway"
    )
