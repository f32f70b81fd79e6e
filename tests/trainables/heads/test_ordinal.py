"""Cumulative logits; what every head keeps is tested in tests/contracts."""

import pytest
import torch
from torch.nn import functional

from trainables import heads
from trainables.config import HeadsOwn
from trainables.heads import HeadSpec, HeadTarget


def build(num_classes):
    spec = HeadSpec(
        num_features=2,
        num_classes=num_classes,
        hidden=0,
        dropout=0.0,
        loss=HeadsOwn(name="own"),
    )
    return heads.build("ordinal", spec)


def biases(head):
    with torch.no_grad():
        features = torch.zeros(1, 2)
        return (head(features) - head.layers(features))[0]


@pytest.mark.parametrize("num_classes", [2, 3, 4, 7, 12])
def test_it_starts_with_evenly_spaced_falling_logits(num_classes):
    expected = torch.linspace(1.0, -1.0, num_classes - 1)
    torch.testing.assert_close(biases(build(num_classes)), expected, atol=1e-2, rtol=0)


@pytest.mark.parametrize("value", [-50.0, 0.0, 50.0])
def test_the_logits_fall_whatever_the_optimizer_does_to_the_steps(value):
    head = build(5)
    with torch.no_grad():
        head.steps.fill_(value)
    assert (biases(head).diff() <= 0).all()


def test_a_rising_direction_moves_through_the_classes_in_order():
    head = build(5)
    position = torch.linspace(-10, 10, 200)[:, None]
    most = head.probabilities(position + biases(head)).argmax(dim=1)
    assert torch.equal(most, most.sort().values)
    assert {0, 4} <= set(most.tolist())


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_loss_is_the_mean_of_the_questions_whether_the_class_is_higher(num_classes):
    head = build(num_classes)
    classes = torch.arange(num_classes)
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(num_classes, num_classes - 1, generator=generator)
    above = (classes[:, None] > torch.arange(num_classes - 1)[None]).to(torch.float32)
    expected = functional.binary_cross_entropy_with_logits(outputs, above)
    target = HeadTarget(classes=torch.eye(num_classes))
    torch.testing.assert_close(head.loss(outputs, target), expected)


def test_a_mixed_label_asks_for_the_share_above():
    head = build(3)
    outputs = torch.zeros(1, 2)
    target = HeadTarget(classes=torch.tensor([[0.3, 0.0, 0.7]]))
    grads = torch.autograd.grad(head.loss(outputs.requires_grad_(), target), outputs)[0]
    torch.testing.assert_close(grads, (0.5 - torch.tensor([[0.7, 0.7]])) / 2)
