"""Cosines between the gradients of heads on shared weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.gradients import gradient_cosines


def weights():
    return [
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([[3.0]], requires_grad=True),
    ]


def test_the_same_direction_is_one_and_the_opposite_minus_one():
    shared = weights()
    loss = shared[0].sum() + shared[1].sum()
    found = gradient_cosines({"a": loss, "b": 3 * loss, "c": -loss}, shared)
    assert found == pytest.approx({"a|b": 1.0, "a|c": -1.0, "b|c": -1.0})


def test_losses_on_different_weights_are_orthogonal():
    shared = weights()
    found = gradient_cosines({"a": shared[0].sum(), "b": shared[1].sum()}, shared)
    assert found == pytest.approx({"a|b": 0.0})


def test_a_loss_without_gradient_has_cosine_zero():
    shared = weights()
    found = gradient_cosines({"a": shared[0].sum(), "b": 0 * shared[1].sum()}, shared)
    assert found == {"a|b": 0.0}


def test_one_loss_has_no_pair():
    shared = weights()
    assert gradient_cosines({"a": shared[0].sum()}, shared) == {}


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_the_cosine_is_that_of_the_gradients_laid_end_to_end(seed):
    generator = torch.Generator().manual_seed(seed)
    shared = [torch.randn(3, generator=generator).requires_grad_() for _ in range(2)]
    ga, gb = (torch.randn(6, generator=generator) for _ in range(2))
    losses = {
        name: (shared[0] * g[:3]).sum() + (shared[1] * g[3:]).sum()
        for name, g in (("a", ga), ("b", gb))
    }
    expected = float(ga @ gb / (ga.norm() * gb.norm()))
    assert gradient_cosines(losses, shared)["a|b"] == pytest.approx(expected, abs=1e-5)


def test_no_gradient_is_left_on_the_weights():
    shared = weights()
    gradient_cosines({"a": shared[0].sum(), "b": shared[1].sum()}, shared)
    assert all(weight.grad is None for weight in shared)
