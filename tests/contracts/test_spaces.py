"""What every space keeps, whichever it is, on every data set and scale it applies to."""

from functools import cache

import numpy as np
import optuna
import pytest

import spaces
from spaces.errors import SpaceError
from spaces.scale import IMAGENET_BACKBONES, SMALL_BACKBONES, choose_scale
from spaces.space import FORMS
from tests.spaces.schemas import SCHEMAS
from trainables.backbone import check_name
from trainables.config import TrialConfig
from trainables.targets import kept, training_targets

SCALES = {
    "small": choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=None),
    "pretrained": choose_scale(
        device="cpu", pretrained=None, weights=("test_resnet", "test_vit"), max_epochs=7
    ),
    "gpu": choose_scale(device="cuda", pretrained=None, weights=(), max_epochs=None),
}
NUM_SAMPLED = {("founding", "small"): 1000}
BRANCHES = ("loss.name", "head.kind", "optim.name")


def applicable(schema):
    """Returns the names of the spaces that this data has the labels for."""
    found = []
    for name in dict.fromkeys((*spaces.names(), *schema.names)):
        try:
            spaces.load(name, schema)
        except SpaceError:
            continue
        found.append(name)
    return found


CASES = [
    (name, data, scale)
    for data, schema in SCHEMAS.items()
    for name in applicable(schema)
    for scale in SCALES
]
cases = pytest.mark.parametrize(("name", "data", "scale"), CASES)


@pytest.fixture(autouse=True)
def _quiet():
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(level)


def new_study(seed=0):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))


def ages(schema, count=40):
    raw = {name: np.linspace(18, 80, count).round() for name in schema if schema[name].has_raw}
    columns = [
        schema[n].encode_raw(raw[n]) if n in raw else np.arange(count) % len(schema[n].classes)
        for n in schema
    ]
    return np.stack(columns, axis=1), raw


@cache
def sample(name, data, scale, seed):
    """Returns trials of the space and their configs; the tests share them."""
    schema, study = SCHEMAS[data], new_study(seed)
    space = spaces.load(name, schema)
    trials = [study.ask() for _ in range(NUM_SAMPLED.get((data, scale), 120))]
    return trials, [space.config(trial, schema, SCALES[scale]) for trial in trials]


def test_every_built_in_space_is_tested():
    tested = {name for name, _, _ in CASES}
    assert set(spaces.names()) <= tested
    assert {"kind", "ripeness", "region"} <= tested


@cases
def test_sampled_configs_are_valid_and_every_choice_occurs(name, data, scale, seed):
    schema = SCHEMAS[data]
    trials, configs = sample(name, data, scale, seed)
    labels, raw = ages(schema)
    built = [TrialConfig.from_flat(config) for config in configs]
    for config in built[:: len(built) // 20]:
        assert training_targets(config, schema, labels, raw, np.arange(30))
        mask = kept(config, raw, schema)
        if mask is not None:  # every class has somebody left who teaches it
            age = labels[:, schema.names.index("age")]
            assert set(age[mask]) == set(age)
    offered, chosen = {}, {}
    for trial in trials:
        for parameter, distribution in trial.distributions.items():
            assert offered.setdefault(parameter, distribution) == distribution
            chosen.setdefault(parameter, set()).add(trial.params[parameter])
    choices = {p: set(d.choices) for p, d in offered.items() if hasattr(d, "choices")}
    assert choices == {parameter: chosen[parameter] for parameter in choices}
    assert all(len(chosen[p]) > 1 for p, d in offered.items() if not d.single())


@cases
def test_parameters_are_names_of_the_config_and_every_branch_has_its_own(name, data, scale, seed):
    trials, configs = sample(name, data, scale, seed)
    branches = {}
    for trial, config in zip(trials, configs, strict=True):
        assert set(trial.params) <= set(config)
        assert {n: config[n] for n in trial.params} == trial.params
        key = tuple(str(config[branch]) for branch in BRANCHES)
        names = branches.setdefault(key, frozenset(config))
        assert names == frozenset(config), "a branch of the config always has the same names"
    assert branches


@cases
def test_the_target_is_what_the_space_says(name, data, scale, seed):
    space = spaces.load(name, SCHEMAS[data])
    assert space.form in FORMS
    assert set(space.attributes) <= set(SCHEMAS[data].names)
    for config in sample(name, data, scale, seed)[1]:
        target = TrialConfig.from_flat(config).target
        assert (target.attributes, target.form) == (space.attributes, space.form)


@cases
def test_the_default_config_is_valid_and_lies_in_the_space(name, data, scale):
    schema, study = SCHEMAS[data], new_study()
    space = spaces.load(name, schema)
    default = space.default_config(schema, SCALES[scale])
    assert TrialConfig.from_flat(default)
    study.enqueue_trial(default)
    assert space.config(study.ask(), schema, SCALES[scale]) == default


@cases
def test_warm_starts_lie_in_the_space_and_differ_from_the_default(name, data, scale, seed):
    schema, study = SCHEMAS[data], new_study()
    space = spaces.load(name, schema)
    default = space.default_config(schema, SCALES[scale])
    for override in space.warm_start:
        known = {n: value for n, value in override.items() if n in default}
        offered = sample(name, data, scale, seed)[0][0].distributions
        usable = {n: v for n, v in known.items() if v in getattr(offered[n], "choices", (v,))}
        study.enqueue_trial({**default, **usable})
        asked = space.config(study.ask(), schema, SCALES[scale])
        assert asked == {**default, **usable}
        assert TrialConfig.from_flat(asked)


def test_warm_starts_are_all_of_use_in_the_founding_case():
    schema = SCHEMAS["founding"]
    for name in spaces.names():
        space = spaces.load(name, schema)
        default = space.default_config(schema, SCALES["small"])
        for override in space.warm_start:
            assert override.keys() <= default.keys()
            assert {**default, **override} != default


@cases
def test_the_scale_decides_backbones_sizes_and_epochs(name, data, scale, seed):
    wanted = SCALES[scale]
    for config in sample(name, data, scale, seed)[1]:
        assert config["backbone.name"] in wanted.backbones
        assert config["input.size"] in wanted.input_sizes
        assert config["optim.batch_size"] in wanted.batch_sizes
        assert wanted.lr[0] <= config["optim.lr"] <= wanted.lr[1]
        assert config["schedule.epochs"] == wanted.max_epochs
        assert config["backbone.pretrained"] == wanted.pretrained


def test_raw_ages_bring_cuts_and_regression_and_their_absence_takes_them_away(seed):
    for name in ("age", "joint", "multihead"):
        with_raw = sample(name, "founding", "small", seed)[1]
        assert {config["age.old_from"] for config in with_raw} == {57, 58, 59, 60}
        assert len({config["age.drop"] for config in with_raw}) == 4
        without = sample(name, "faces", "small", seed)[1]
        assert not any(n.startswith("age.") for config in without for n in config)
    kinds = [
        {config["head.kind"] for config in sample("age", data, "small", seed)[1]}
        for data in ("founding", "faces")
    ]
    assert kinds == [{"softmax", "ordinal", "regression"}, {"softmax", "ordinal"}]


def test_other_bins_have_cuts_below_their_own_boundary_and_drop_no_foreign_ages(seed):
    for name in ("age", "joint", "multihead"):
        configs = sample(name, "census", "small", seed)[1]
        assert {config["age.old_from"] for config in configs} == {62, 63, 64, 65}
        assert {config["age.drop"] for config in configs} == {"none"}


def test_only_ordered_attributes_of_three_classes_have_an_ordinal_head(seed):
    kinds = {
        name: {config["head.kind"] for config in sample(name, data, "small", seed)[1]}
        for name, data in (
            ("kind", "fruit"),
            ("ripeness", "fruit"),
            ("region", "census"),
            ("age", "alphabetical"),
        )
    }
    ordinal, plain = {"softmax", "ordinal"}, {"softmax"}
    assert kinds == {"kind": plain, "ripeness": ordinal, "region": plain, "age": plain}


def test_timm_has_every_backbone_on_offer():
    for name in (*SMALL_BACKBONES, *IMAGENET_BACKBONES):
        check_name(name)
