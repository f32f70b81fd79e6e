from dataclasses import replace

import pytest

from search.why.changes import FewerPeople, WrongLabels
from search.why.controls import Control, Training, retargeted
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.made_why import LINEUP, SPACES, config_of, made_design
from trainables.config import TrialConfig
from trainables.data.schema import Attribute, LabelSchema

FACES = LabelSchema(
    name="faces",
    attributes=(
        Attribute(name="mask", classes=("wear", "incorrect", "none")),
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30, 60)),
    ),
)


def names(units):
    return sorted(unit.name for unit in units)


def default_of(space, schema=FACES):
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=3)
    return load(space, schema).default_config(schema, scale)


@pytest.mark.parametrize("attribute", ["mask", "gender", "age"])
def test_a_joint_config_retargeted_to_an_attribute_is_a_valid_config_of_it(attribute):
    joint = {**default_of("joint"), "optim.lr": 0.5, "age.old_from": 58, "loss.name": "focal"}
    del joint["loss.smoothing"]
    joint["loss.gamma"] = 2.0
    found = retargeted(joint, default_of(attribute))
    config = TrialConfig.from_flat(found)
    assert (config.target.attributes, config.target.form) == ((attribute,), "softmax")
    assert (config.optim.lr, config.loss.name) == (0.5, "focal")
    assert (config.age is not None) == (attribute == "age")
    assert config.age is None or config.age.old_from == 58


def test_what_a_joint_config_lacks_takes_the_default_of_the_attribute():
    joint = {name: v for name, v in default_of("joint").items() if not name.startswith("age.")}
    found = retargeted(joint, {**default_of("age"), "age.old_from": 59})
    assert found["age.old_from"] == 59


@pytest.mark.parametrize("own", [{}, {"numerics.precision": "float32"}])
@pytest.mark.parametrize("joint", [{}, {"numerics.precision": "bf16"}])
def test_models_that_share_a_config_are_rounded_alike(joint, own):
    found = retargeted({**default_of("joint"), **joint}, {**default_of("age"), **own})
    assert {name: value for name, value in found.items() if name.startswith("numerics")} == joint


def test_shared_trains_every_attribute_once_with_the_config_of_joint():
    units = made_design().units(Control.SHARED, 1, 2)
    assert names(units) == ["gender.shared.1.2", "mask.shared.1.2"]
    assert {unit.config["optim.lr"] for unit in units} == {config_of("joint")["optim.lr"]}
    assert [unit.config["target.attributes"] for unit in units] == [("gender",), ("mask",)]


def test_averages_train_the_joint_winner_under_seeds_that_the_refit_has_not():
    design = made_design(num_seeds=3)
    # Three averages of two need six models; the refit has three.
    assert design.seeds_of(Control.AVERAGED, 3) == (3, 4, 5)
    assert design.seeds_of(Control.AVERAGED, 2) == (3,)
    assert design.seeds_of(Control.AVERAGED, 1) == ()
    assert [design.repeats(Control.AVERAGED, num) for num in range(4)] == [1, 2, 2, 3]
    (unit,) = design.units(Control.AVERAGED, 4, 0)
    assert (unit.name, unit.change) == ("joint.1.4.0", None)
    assert unit.config == design.winners["joint"].config
    assert design.units(Control.AVERAGED, 2, 0) == []


def test_people_and_noise_change_the_data_of_every_winner_and_nothing_else():
    design = made_design()
    people = design.units(Control.PEOPLE, 0, 1)
    noise = design.units(Control.NOISE, 0, 1)
    config_ids = {f"{space}.people-{percent}.0.1" for space in SPACES for percent in (25, 50)}
    assert {unit.name for unit in people} == config_ids
    changes = [unit.change for unit in people]
    assert {change.share for change in changes if isinstance(change, FewerPeople)} == {0.25, 0.5}
    assert len({change.seed for change in changes}) == 1  # nested
    assert {(u.change.attribute, u.change.share) for u in noise} == {
        ("gender", 0.02),
        ("gender", 0.05),
    }
    assert all(isinstance(unit.change, WrongLabels) for unit in noise)
    assert all(u.config == design.winners[u.space].config for u in (*people, *noise))


def test_the_plain_setting_is_the_refit_itself():
    design = made_design()
    for control in Control:
        assert design.levels(control)[0].trainings["joint"].config_id != "shared"
    for control in (Control.PEOPLE, Control.NOISE):
        assert design.levels(control)[0].trainings == design.winners


def test_a_winner_with_a_strength_of_the_sampler_control_is_not_trained_again_at_it():
    design = made_design()
    balanced = Training(config_id="1", config=config_of("joint", **{"sampler.power": 1.0}))
    design = replace(design, winners={**design.winners, "joint": balanced})
    units = design.units(Control.SAMPLER, 0, 0)
    assert len(units) == 3 * len(SPACES) - 1
    assert "joint.sampler-100.0.0" not in names(units)
    assert {unit.config["sampler.power"] for unit in units} == {0.0, 0.5, 1.0}
    assert {unit.change for unit in units} == {None}


def test_controls_need_their_approaches_and_an_attribute_to_flip():
    design = made_design()
    assert design.controls == tuple(Control)
    blocks = {name: block for name, block in LINEUP.blocks.items() if name != "joint"}
    no_joint = replace(design, lineup=replace(LINEUP, blocks=blocks), noisy="")
    assert no_joint.controls == (Control.PEOPLE, Control.SAMPLER)
