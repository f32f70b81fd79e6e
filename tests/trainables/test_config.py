"""A config is a valid tree or an error that lists everything wrong with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables import tiny
from tests.trainables.tiny import flat
from trainables.config import AGE_DROPS, TrialConfig, is_name
from trainables.errors import ConfigError

BRANCHES = {
    "gender": {},
    "age": tiny.AGE_TARGET,
    "age-ordinal": {**tiny.AGE_TARGET, **tiny.ORDINAL},
    "age-regression": {**tiny.AGE_TARGET, **tiny.REGRESSION},
    "joint": tiny.JOINT,
    "multihead": tiny.MULTIHEAD,
    "focal": {"loss.name": "focal", "loss.gamma": 2.0, "loss.smoothing": None},
    "f1": {"loss.name": "f1", "loss.smoothing": None},
    "ce_f1": {"loss.name": "ce_f1", "loss.f1_weight": 0.3},
    "sgd": {"optim.name": "sgd", "optim.momentum": 0.9},
}


@pytest.mark.parametrize("changes", BRANCHES.values(), ids=BRANCHES)
def test_flat_names_and_tree_read_back_to_an_equal_config(changes):
    names = flat(changes)
    config = TrialConfig.from_flat(names)
    assert config.to_flat().items() >= names.items()
    assert TrialConfig.from_flat(config.to_flat()) == config
    assert TrialConfig.from_tree(config.to_tree()) == config


@settings(max_examples=25)
@given(name=st.sampled_from(sorted(tiny.FLAT)))
def test_every_name_is_needed(name):
    with pytest.raises(ConfigError, match=r"missing name|target\.attribute is given exactly|tag"):
        TrialConfig.from_flat(flat({name: None}))


@settings(max_examples=25)
@given(section=st.sampled_from(sorted({name.partition(".")[0] for name in tiny.FLAT})))
def test_an_unknown_name_is_refused_in_every_section(section):
    with pytest.raises(ConfigError, match=rf"unknown name '{section}\.speed' \(value 3\)"):
        TrialConfig.from_flat(flat({f"{section}.speed": 3}))


def test_an_unknown_section_is_refused():
    with pytest.raises(ConfigError, match="unknown name 'optimiser'"):
        TrialConfig.from_flat(flat({"optimiser.lr": 0.1}))


def test_a_name_without_a_section_is_refused():
    with pytest.raises(ConfigError, match=r"a config name is section\.field, got 'lr'"):
        TrialConfig.from_flat(flat({"lr": 0.1}))


def test_every_mistake_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        TrialConfig.from_flat(flat({"optim.lr": 2.0, "input.size": 8, "head.width": 3}))
    message = str(caught.value)
    assert "optim.lr: Input should be less than or equal to 1, got 2.0" in message
    assert "input.size: Input should be greater than or equal to 16, got 8" in message
    assert "unknown name 'head.width' (value 3)" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim.lr": 0.0}, r"optim\.lr: Input should be greater than 0, got 0\.0"),
        ({"optim.lr": float("nan")}, r"optim\.lr: .*finite"),
        ({"optim.weight_decay": float("inf")}, r"optim\.weight_decay: .*finite"),
        (
            {"optim.batch_size": 1},
            r"optim\.batch_size: Input should be greater than or equal to 2",
        ),
        ({"optim.batch_size": 8.5}, r"optim\.batch_size: .*integer"),
        ({"optim.ema": 1.0}, r"optim\.ema: Input should be less than 1"),
        ({"input.crop": "left"}, r"input\.crop: .*'full'.*got 'left'"),
        ({"optim.name": "adam"}, r"optim: .*'adam'.*'adamw', 'sgd'"),
        ({"loss.name": "mse"}, r"loss: .*'mse'"),
        ({"loss.gamma": 2.0}, r"unknown name 'loss\.gamma'"),
        ({"loss.name": "focal", "loss.smoothing": None}, r"missing name 'loss\.gamma'"),
        ({"optim.momentum": 0.9}, r"unknown name 'optim\.momentum'"),
        ({"optim.name": "sgd"}, r"missing name 'optim\.momentum'"),
        ({"target.attributes": ()}, r"needs different attributes, got \[\]"),
        ({"target.attributes": ("age", "age")}, r"different attributes, got \['age', 'age'\]"),
        ({"target.form": "heads"}, r"needs two attributes or more, got \['gender'\]"),
        ({"target.form": "tree"}, r"target\.form: .*'softmax' or 'heads'"),
        ({"target.kind": "joint"}, r"unknown name 'target\.kind'"),
        ({"backbone.frozen_stages": 1}, r"frozen_stages=1 freezes random weights; use 0"),
        ({"head.kind": "ordinal"}, r"got head\.kind='ordinal' loss\.name='ce'"),
        ({"loss.name": "own", "loss.smoothing": None}, r"head\.kind='softmax' loss\.name='own'"),
        ({**tiny.JOINT, **tiny.ORDINAL}, r"'ordinal' needs a single attribute, got"),
        ({"task_weight.gender": 1.0}, r"given exactly when target\.form is 'heads'"),
        ({**tiny.MULTIHEAD, "task_weight.age": 0.0}, r"task_weight\.age: .*greater than 0"),
        ({**tiny.AGE, "age.drop": "20-30"}, r"unknown age\.drop '20-30'; available: none, 57-59"),
        ({"age.old_from": 59}, r"missing name 'age\.drop'; missing name 'age\.aux_weight'"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named_with_the_rule(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrialConfig.from_flat(flat(changes))


def test_a_multihead_config_needs_task_weights():
    without = {"target.attributes": tiny.ALL, "target.form": "heads"}
    with pytest.raises(ConfigError, match=r"task_weight\.<attribute> is given exactly"):
        TrialConfig.from_flat(flat(without))


@pytest.mark.parametrize("tree", [None, [], "x", 3, {}, {"optim": 3}])
def test_a_tree_of_another_shape_is_a_config_error(tree):
    with pytest.raises(ConfigError, match="the config is not valid"):
        TrialConfig.from_tree(tree)


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        tiny.config().optim.lr = 0.1


def test_the_ages_to_drop_are_ranges_in_order():
    assert AGE_DROPS["none"] == ()
    assert all(low <= high for ranges in AGE_DROPS.values() for low, high in ranges)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("optim.lr", True),
        ("optim.momentum", True),
        ("loss.gamma", True),
        ("age.old_from", True),
        ("task_weight.anything", True),
        ("optim.speed", False),
        ("engine.size", False),
        ("optim", False),
        ("", False),
    ],
)
def test_a_name_is_known_whatever_the_branch_of_its_section(name, known):
    assert is_name(name) == known
