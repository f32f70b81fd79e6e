"""A space: frozen data around a define-by-run function."""

import warnings
from dataclasses import replace

import numpy as np
import optuna
import pytest

from spaces.errors import SpaceError
from spaces.scale import choose_scale
from spaces.space import Space
from tests.spaces.schemas import FACES, FRUIT

SCALE = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=None)
DEFAULT = {
    "optim.name": "adamw",
    "optim.lr": 0.1,
    "loss.name": "ce",
    "loss.smoothing": 0.1,
    "head.kind": "softmax",
}


def suggest_lr(trial, schema, scale):
    trial.suggest_float("optim.lr", 0.01, 1.0)


def default(schema, scale):
    return dict(DEFAULT)


def space(suggest=suggest_lr, **changes):
    options = {"name": "gender", "attributes": ("gender",)}
    return Space(**{**options, "suggest": suggest, "default": default, "source": "x", **changes})


def asked(suggest):
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(0)).ask()
    return trial, space(suggest).config(trial, FACES, SCALE)


@pytest.fixture(autouse=True)
def _quiet():
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(level)


def test_an_unknown_form_is_refused():
    with pytest.raises(SpaceError, match=r"must be one of softmax, heads, got 'both'"):
        space(form="both")


@pytest.mark.parametrize(
    ("attributes", "form"),
    [((), "softmax"), (("age", "age"), "softmax"), (("age",), "heads"), ((), "heads")],
)
def test_a_space_predicts_different_attributes_and_two_or_more_by_heads(attributes, form):
    with pytest.raises(SpaceError, match=r"different attributes, two or more by heads, got form="):
        space(attributes=attributes, form=form)


def test_data_without_the_attribute_is_refused_and_names_what_there_is():
    with pytest.raises(SpaceError, match=r"needs the attribute 'gender'; .* has: kind, ripeness"):
        space().check(FRUIT)


def test_data_that_fits_gives_the_space_itself():
    checked = space()
    assert checked.check(FACES) is checked


def test_the_default_config_says_its_target():
    assert space().default_config(FACES, SCALE) == {
        "target.attributes": ("gender",),
        "target.form": "softmax",
        **DEFAULT,
    }
    heads = space(attributes=("mask", "age"), form="heads").default_config(FACES, SCALE)
    assert heads == {"target.attributes": ("mask", "age"), "target.form": "heads", **DEFAULT}


def test_what_is_not_suggested_comes_from_the_default():
    trial, config = asked(suggest_lr)
    assert config == {**space().default_config(FACES, SCALE), "optim.lr": trial.params["optim.lr"]}


def test_constants_of_the_function_win_over_the_default():
    def suggest(trial, schema, scale):
        trial.suggest_float("optim.lr", 0.01, 1.0)
        return {"loss.smoothing": 0.3}

    assert asked(suggest)[1]["loss.smoothing"] == 0.3


def test_another_branch_takes_nothing_of_the_default_s_branch():
    def suggest(trial, schema, scale):
        trial.suggest_categorical("loss.name", ("focal",))
        trial.suggest_float("loss.gamma", 1.0, 2.0)

    config = asked(suggest)[1]
    assert "loss.smoothing" not in config
    assert 1.0 <= config["loss.gamma"] <= 2.0


def test_the_default_s_own_branch_keeps_its_values():
    def suggest(trial, schema, scale):
        trial.suggest_categorical("loss.name", ("ce",))

    assert asked(suggest)[1]["loss.smoothing"] == 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "gender2"},
        {"attributes": ("age",)},
        {"attributes": ("gender", "age")},
        {"attributes": ("gender", "age"), "form": "heads"},
        {"source": "y"},
        {"default": lambda schema, scale: {**DEFAULT, "optim.lr": 0.2}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_fingerprint_changes_with_everything_that_is_searched(changes):
    assert space().fingerprint(FACES, SCALE) == space().fingerprint(FACES, SCALE)
    assert space(**changes).fingerprint(FACES, SCALE) != space().fingerprint(FACES, SCALE)


def test_the_fingerprint_changes_with_the_scale():
    longer = replace(SCALE, max_epochs=SCALE.max_epochs + 1)
    assert space().fingerprint(FACES, longer) != space().fingerprint(FACES, SCALE)


def test_a_space_without_a_name_is_refused():
    with pytest.raises(SpaceError, match=r"needs a name; .*--space NAME=path/to/space\.py"):
        space(name="")


@pytest.mark.parametrize("name", ["hair/colour", ".hidden", ".."])
def test_a_name_need_not_be_a_file_name(name):
    assert space(name=name).name == name


def test_a_name_may_be_of_any_script():
    assert space(name="\ub098\uc774").name == "\ub098\uc774"


def test_warm_starts_that_are_no_mappings_are_refused():
    with pytest.raises(SpaceError, match=r"warm starts of space 'gender' must be mappings"):
        space(warm_start=("optim.lr",))


@pytest.mark.parametrize("returned", [[1, 2], {1: 2}, "optim.lr"])
def test_a_suggest_that_returns_no_mapping_of_names_is_refused(returned):
    with pytest.raises(SpaceError, match=r"must return a mapping of config names to values"):
        asked(lambda trial, schema, scale: returned)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [(lambda: 1 / 0, "ZeroDivisionError: division by zero"), (lambda: None, "TypeError: ")],
)
def test_a_default_that_breaks_or_is_no_mapping_is_refused(returns, reason):
    broken = space(default=lambda schema, scale: returns())
    with pytest.raises(SpaceError, match=rf"default\(\) of space 'gender' fails: {reason}"):
        broken.default_config(FACES, SCALE)


@pytest.mark.parametrize(
    "given",
    [{"target.attributes": ("age",)}, {"target.attributes": ["age"]}, {"target.form": "heads"}],
)
def test_what_is_predicted_is_not_said_twice(given):
    (name,) = given
    with pytest.raises(SpaceError, match=rf"default\(\) of space 'gender' must leave {name} to"):
        space(default=lambda *_: {**DEFAULT, **given}).default_config(FACES, SCALE)
    with pytest.raises(SpaceError, match=rf"suggest\(\) of space 'gender' must leave {name} to"):
        asked(lambda *_: given)


def test_the_same_target_from_a_file_is_a_tuple():
    same = {**DEFAULT, "target.attributes": ["gender"], "target.form": "softmax"}
    found = space(default=lambda *_: same).default_config(FACES, SCALE)
    assert found["target.attributes"] == ("gender",)


def test_choices_that_no_journal_could_hold_are_refused():
    def suggest(trial, schema, scale):
        warnings.simplefilter("ignore")  # Optuna's own, which nobody reads
        trial.suggest_categorical("optim.batch_size", list(2 ** np.arange(4, 7)))

    with (
        warnings.catch_warnings(),
        pytest.raises(SpaceError, match=r"must be plain text, numbers, .* got .*16.* \(int64\)"),
    ):
        asked(suggest)


@pytest.mark.parametrize("value", [np.int64(16), np.float32(0.1), [16]])
def test_constants_and_defaults_that_no_journal_could_hold_are_refused(value):
    odd = {**DEFAULT, "optim.batch_size": value}
    said = rf"must give plain text, numbers, .* got .*\({type(value).__name__}\) for optim.batch"
    with pytest.raises(SpaceError, match=rf"default\(\) of space .* {said}"):
        space(default=lambda *_: odd).default_config(FACES, SCALE)
    with pytest.raises(SpaceError, match=rf"suggest\(\) of space .* {said}"):
        asked(lambda *_: {"optim.batch_size": value})


def test_a_branch_that_the_default_lacks_may_be_suggested():
    short = {name: value for name, value in DEFAULT.items() if name != "optim.name"}

    def suggest(trial, schema, scale):
        trial.suggest_categorical("optim.name", ["sgd"])

    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(0)).ask()
    found = space(suggest, default=lambda *_: short).config(trial, FACES, SCALE)
    assert found["optim.name"] == "sgd"


@pytest.mark.parametrize("extra", [{"optim.lr": None.__class__}, {"optim.lr": [0.1]}, {1: 2}])
def test_a_warm_start_of_no_plain_value_is_refused(extra):
    with pytest.raises(SpaceError, match="must give config names plain values, got"):
        space(warm_start=(extra,))


def test_attributes_are_names():
    with pytest.raises(SpaceError, match="must predict attributes by their names"):
        space(attributes=(["gender"],))
