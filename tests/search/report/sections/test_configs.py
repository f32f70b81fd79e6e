from dataclasses import replace

from search.report.contents import SpaceConfig
from search.report.document import Table
from search.report.sections.configs import changed, config_section
from tests.search.builders.example import contents

DEFAULT = {"target.form": "softmax", "optim.lr": 0.002, "optim.ema": 0.0, "schedule.epochs": 9}


def space(name, default=DEFAULT, **new):
    best = {**default, **{key.replace("_", "."): value for key, value in new.items()}}
    return SpaceConfig(space=name, best=best, default=default)


def test_a_chosen_config_stands_against_the_default():
    found = config_section(contents(configs=(space("age", optim_lr=0.0123456), space("mask"))))
    assert found.heading == "The default config was kept in 1 of 2 spaces"
    text, table, _ = found.blocks
    assert text.text == "The default config was kept in: mask."
    assert isinstance(table, Table)
    assert table.columns == ("parameter", "default", "age")
    assert [[cell.text for cell in row] for row in table.rows] == [["optim.lr", "0.002", "0.0123"]]


def test_where_the_refit_chose_another_one_is_said():
    spaces = (space("age", optim_lr=0.5), replace(space("mask", optim_ema=0.9), is_of_refit=True))
    text, _, _ = config_section(contents(configs=spaces)).blocks
    assert text.text == "The refit chose another config than the search in: mask."


def test_numbers_that_differ_read_differently():
    default = {**DEFAULT, "optim.lr": 0.00123412}
    spaces = (space("age", default, optim_lr=0.00123449), space("mask", default, optim_ema=0.5))
    table, _ = config_section(contents(configs=spaces)).blocks
    assert [cell.text for cell in table.rows[0]] == ["optim.lr", "0.0012341", "0.0012345", ""]


def test_a_space_whose_default_was_no_trial_is_said():
    spaces = (space("age", optim_lr=0.5), SpaceConfig(space="mask", best=DEFAULT))
    text, table, _ = config_section(contents(configs=spaces)).blocks
    assert text.text == "The default config was no trial of: mask."
    assert table.columns == ("parameter", "default", "age")


def test_what_the_search_did_not_choose_is_no_change():
    found = SpaceConfig(
        space="age",
        best={**DEFAULT, "schedule.epochs": 3, "target.form": "heads", "loss.gamma": 2.0},
        default=DEFAULT,
    )
    assert changed(found) == {"loss.gamma": 2.0}


def test_defaults_that_differ_stand_behind_the_values():
    other = {**DEFAULT, "optim.lr": 0.1}
    spaces = (space("age", optim_lr=0.5), space("mask", default=other, optim_lr=0.2))
    table, _ = config_section(contents(configs=spaces)).blocks
    assert [cell.text for cell in table.rows[0]] == [
        "optim.lr",
        "of each space",
        "0.5 (default 0.002)",
        "0.2 (default 0.1)",
    ]


def test_a_space_that_lacks_a_parameter_has_no_default_of_it():
    with_age = {**DEFAULT, "age.drop": "none"}
    spaces = (space("mask", optim_lr=0.5), space("age", default=with_age, age_drop="57-59"))
    table, _ = config_section(contents(configs=spaces)).blocks
    assert [cell.text for cell in table.rows[1]] == ["age.drop", "none", "", "57-59"]


def test_without_a_default_there_is_nothing_to_compare():
    assert config_section(contents(configs=(SpaceConfig(space="age", best=DEFAULT),))) is None
    assert config_section(contents(configs=())) is None
