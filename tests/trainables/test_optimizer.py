"""Parameter groups and the learning-rate schedule."""

import math

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.trainables import tiny
from trainables.backbone import freeze
from trainables.optimizer import build_optimizer, lr_factor, set_lr

SGD = {"optim.name": "sgd", "optim.momentum": 0.9}


def optim(**values):
    changes = {f"optim.{name}": value for name, value in values.items()}
    return tiny.config(changes).optim


@pytest.fixture(scope="module")
def backbone():
    return timm.create_model("test_resnet", pretrained=False, num_classes=0)


def built(backbone, **values):
    heads = nn.Linear(8, 2)
    return build_optimizer(optim(**values), backbone, heads), heads


def test_every_trainable_weight_is_in_one_group(backbone):
    optimizer, heads = built(backbone)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    expected = [id(p) for p in (*backbone.parameters(), *heads.parameters())]
    assert sorted(grouped) == sorted(expected)


def test_frozen_weights_are_in_no_group():
    model = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    freeze(model, 2)
    optimizer, _ = built(model)
    grouped = {id(p) for group in optimizer.param_groups for p in group["params"]}
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    assert frozen
    assert not frozen & grouped
    assert {id(p) for p in model.parameters()} - frozen <= grouped


def test_biases_and_norms_of_the_backbone_are_not_decayed(backbone):
    optimizer, heads = built(backbone, weight_decay=0.1)
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    for parameter in backbone.parameters():
        assert decay[id(parameter)] == (0.1 if parameter.ndim > 1 else 0.0)
    assert {decay[id(p)] for p in heads.parameters()} == {0.1}


def test_what_a_model_exempts_from_decay_is_not_decayed():
    model = timm.create_model("test_vit", pretrained=False, num_classes=0)
    optimizer, _ = built(model, weight_decay=0.1)
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    named = dict(model.named_parameters())
    assert {"pos_embed", "cls_token"} <= set(model.no_weight_decay())
    assert decay[id(named["pos_embed"])] == decay[id(named["cls_token"])] == 0.0
    assert decay[id(named["blocks.0.attn.qkv.weight"])] == 0.1


def test_layer_decay_falls_from_the_top_to_the_stem_and_heads_have_their_own_ratio(backbone):
    optimizer, heads = built(backbone, layer_decay=0.5, head_lr_ratio=4.0)
    scale = {id(p): g["lr_scale"] for g in optimizer.param_groups for p in g["params"]}
    names = dict(backbone.named_parameters())
    stem = scale[id(names["conv1.0.weight"])]
    first = scale[id(names["layer1.0.conv1.weight"])]
    last = scale[id(names["layer4.0.conv1.weight"])]
    assert stem < first < last <= 1
    assert {scale[id(p)] for p in heads.parameters()} == {4.0}


def test_without_layer_decay_all_layers_have_the_base_rate(backbone):
    optimizer, _ = built(backbone)
    assert {group["lr_scale"] for group in optimizer.param_groups} == {1.0}


def test_the_base_rate_reaches_every_group_by_its_own_share(backbone):
    optimizer, _ = built(backbone, layer_decay=0.5, head_lr_ratio=4.0)
    set_lr(optimizer, 0.01)
    for group in optimizer.param_groups:
        assert group["lr"] == pytest.approx(0.01 * group["lr_scale"])


def test_the_config_names_the_optimizer(backbone):
    assert type(built(backbone)[0]) is torch.optim.AdamW
    sgd = built(backbone, name="sgd", momentum=0.8)[0]
    assert type(sgd) is torch.optim.SGD
    assert {(g["momentum"], g["nesterov"]) for g in sgd.param_groups} == {(0.8, True)}


@settings(max_examples=50)
@given(warmup=st.floats(0, 0.9), num_steps=st.integers(1, 300))
def test_the_rate_rises_then_falls_and_is_never_zero(warmup, num_steps):
    config = optim(warmup=warmup)
    factors = [lr_factor(config, step, num_steps) for step in range(num_steps)]
    top = factors.index(max(factors))
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert top <= math.ceil(warmup * num_steps)


def test_cosine_starts_at_one_and_ends_near_a_hundredth():
    config = optim(warmup=0.0)
    assert lr_factor(config, 0, 1000) == 1.0
    assert lr_factor(config, 500, 1000) == pytest.approx(0.505)
    assert lr_factor(config, 999, 1000) == pytest.approx(0.01, abs=1e-4)


def test_warm_up_is_linear():
    config = optim(warmup=0.4)
    factors = [lr_factor(config, step, 10) for step in range(4)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_a_constant_schedule_stays_after_warm_up():
    config = optim(schedule="constant", warmup=0.2)
    assert [lr_factor(config, step, 10) for step in range(2, 10)] == [1.0] * 8
    assert lr_factor(config, 0, 10) < 1
