"""What is checked before anything runs."""

from dataclasses import replace

import pytest
import torch

from search.cli.preflight import check_gpu, check_spaces
from search.errors import UsageError
from search.prepare.prepared import max_epochs
from spaces.errors import SpaceError
from tests.search.builders.scripted import SCALE, tiny_space
from tests.trainables import tiny
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.errors import ConfigError, WeightsError


def space_of(*changes, suggest=lambda trial, schema, scale: {}):
    flat = tiny.flat(*changes)
    return tiny_space(
        "gender", default=lambda schema, scale: dict(flat), suggest=suggest, warm_start=()
    )


def check(*spaces, weights=None):
    return check_spaces(spaces, MASK_SCHEMA, SCALE, weights)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU that PyTorch can use")
def test_a_gpu_that_only_ray_can_see_is_refused_with_what_pytorch_says():
    with pytest.raises(
        UsageError, match=r"got: .*(NVIDIA|CUDA).*; update .*\(CUDA_VISIBLE_DEVICES= headrace"
    ):
        check_gpu()


def test_the_largest_input_of_all_spaces_is_returned():
    def sizes(trial, schema, scale):
        trial.suggest_categorical("input.size", (32, 48))

    assert check(space_of(), space_of(suggest=sizes)).largest_input == 48


def test_the_offer_names_the_backbones_of_the_spaces():
    other = space_of({"backbone.name": "test_efficientnet"})
    assert check(space_of(), other).backbones == ("test_efficientnet", "test_resnet")


def test_a_config_that_is_not_valid_is_refused():
    with pytest.raises(ConfigError, match=r"optim\.lr"):
        check(space_of({"optim.lr": 5.0}))


def test_a_config_that_only_the_sampler_finds_is_refused_too():
    def rarely(trial, schema, scale):
        return {"optim.lr": 5.0 if trial.suggest_float("optim.warmup", 0, 0.5) > 0.4 else 0.1}

    with pytest.raises(ConfigError, match=r"optim\.lr"):
        check(space_of(suggest=rarely))


def test_stochastic_depth_that_a_model_has_not_is_refused_before_any_trial():
    def depth(trial, schema, scale):
        trial.suggest_float("backbone.drop_path", 0.0, 0.2)

    with pytest.raises(ConfigError, match=r"'vgg11' refuses .*backbone\.drop_path"):
        check(space_of({"backbone.name": "vgg11"}, suggest=depth))


def test_a_searched_number_of_epochs_is_refused():
    def lengths(trial, schema, scale):
        trial.suggest_int("schedule.epochs", 1, 9)

    with pytest.raises(SpaceError, match=r"the same for all trials of space 'gender'.*max-epochs"):
        check(space_of(suggest=lengths))


def test_a_warm_start_of_a_name_that_no_config_has_is_refused():
    space = replace(space_of(), warm_start=({"optim.lrr": 0.01},))
    with pytest.raises(SpaceError, match=r"'gender' may set only what .*got optim\.lrr=0\.01;"):
        check(space)


def test_a_model_that_timm_lacks_is_refused_with_near_names():
    with pytest.raises(ConfigError, match="unknown timm model 'test_resnett'; near: test_resnet"):
        check(space_of({"backbone.name": "test_resnett"}))


def test_weights_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"weights of 'test_resnet' must lie at .*there: none"):
        check(space_of({"backbone.pretrained": True}), weights=tmp_path)


def test_the_length_of_the_schedule_is_the_default_configs():
    scale = replace(SCALE, max_epochs=7)
    assert max_epochs(tiny_space("gender"), MASK_SCHEMA, scale) == 7


def test_a_backbone_that_takes_no_such_input_is_refused_before_any_trial():
    with pytest.raises(ConfigError, match="'efficientformer_l1' takes no input of"):
        check(space_of({"backbone.name": "efficientformer_l1"}))
