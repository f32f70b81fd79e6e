"""Losses against slow twins written from their definitions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from torch.nn import functional

from trainables.config import CrossEntropy, CrossEntropyF1, Focal, HeadsOwn, SoftF1
from trainables.errors import ConfigError
from trainables.losses import cross_entropy, focal, soft_f1, softmax_loss

ALL_LOSSES = (
    CrossEntropy(name="ce", smoothing=0.1),
    Focal(name="focal", gamma=0.5),
    Focal(name="focal", gamma=2.0),
    SoftF1(name="f1"),
    CrossEntropyF1(name="ce_f1", smoothing=0.1, f1_weight=0.5),
)


def batch(seed, size=6, num_classes=4):
    """Returns logits and soft labels of a batch."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(size, num_classes, generator=generator, dtype=torch.float64)
    target = torch.rand(size, num_classes, generator=generator, dtype=torch.float64)
    return logits, target / target.sum(dim=1, keepdim=True)


def probability(logits, row, column):
    exps = [math.exp(value) for value in logits[row].tolist()]
    return exps[column] / sum(exps)


seeds = st.integers(0, 2**31)


@settings(max_examples=25)
@given(seed=seeds, gamma=st.floats(0.0, 5.0))
def test_focal_loss_is_its_definition(seed, gamma):
    logits, target = batch(seed)
    terms = [
        -target[i, k].item()
        * (1 - probability(logits, i, k)) ** gamma
        * math.log(probability(logits, i, k))
        for i in range(6)
        for k in range(4)
    ]
    assert focal(logits, target, gamma).item() == pytest.approx(sum(terms) / 6, rel=1e-9)


@settings(max_examples=25)
@given(seed=seeds)
def test_focal_loss_without_focus_is_cross_entropy(seed):
    logits, target = batch(seed)
    torch.testing.assert_close(focal(logits, target, 0.0), cross_entropy(logits, target, 0.0))


@settings(max_examples=25)
@given(seed=seeds, smoothing=st.floats(0.0, 0.9))
def test_smoothing_mixes_the_target_with_the_uniform_distribution(seed, smoothing):
    logits, target = batch(seed)
    smooth = (1 - smoothing) * target + smoothing / 4
    expected = -(smooth * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(cross_entropy(logits, target, smoothing), expected)


@settings(max_examples=25)
@given(seed=seeds, smoothing=st.floats(0.0, 0.9))
def test_cross_entropy_of_hard_labels_is_that_of_torch(seed, smoothing):
    logits, target = batch(seed)
    classes = target.argmax(dim=1)
    hard = functional.one_hot(classes, 4).to(logits.dtype)
    expected = functional.cross_entropy(logits, classes, label_smoothing=smoothing)
    torch.testing.assert_close(cross_entropy(logits, hard, smoothing), expected)


@settings(max_examples=25)
@given(seed=seeds)
def test_soft_f1_is_its_definition_over_the_classes_present(seed):
    logits, target = batch(seed)
    target[:, 2] = 0
    scores = []
    for k in (0, 1, 3):
        p = [probability(logits, i, k) for i in range(6)]
        t = target[:, k].tolist()
        hits = sum(a * b for a, b in zip(p, t, strict=True))
        scores.append(2 * hits / (sum(p) + sum(t)))
    assert soft_f1(logits, target).item() == pytest.approx(1 - sum(scores) / 3, rel=1e-9)


@settings(max_examples=25)
@given(truth=st.lists(st.integers(0, 3), min_size=1, max_size=20), seed=seeds)
def test_soft_f1_of_sure_predictions_is_one_minus_macro_f1(truth, seed):
    predicted = np.random.default_rng(seed).integers(0, 4, len(truth))
    logits = 100.0 * functional.one_hot(torch.from_numpy(predicted), 4).to(torch.float64)
    target = functional.one_hot(torch.tensor(truth), 4).to(torch.float64)
    present = sorted(set(truth))
    expected = f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    assert soft_f1(logits, target).item() == pytest.approx(1 - expected, abs=1e-6)


def test_soft_f1_of_perfect_predictions_is_zero():
    target = torch.eye(3)
    assert soft_f1(100 * target, target).item() == 0


@settings(max_examples=25)
@given(seed=seeds, weight=st.floats(0.1, 0.9))
def test_the_combined_loss_is_the_weighted_sum(seed, weight):
    logits, target = (values.to(torch.float32) for values in batch(seed))
    loss = CrossEntropyF1(name="ce_f1", smoothing=0.1, f1_weight=weight)
    parts = (1 - weight) * cross_entropy(logits, target, 0.1) + weight * soft_f1(logits, target)
    torch.testing.assert_close(softmax_loss(logits, target, loss), parts)


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_loss_and_gradient_stay_finite_however_sure_the_model_is(loss, scale, sign):
    target = torch.eye(3)
    logits = (sign * scale * target).requires_grad_()
    value = softmax_loss(logits, target, loss)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_half_precision_logits_are_scored_in_single(loss):
    logits, target = batch(0)
    value = softmax_loss(logits.to(torch.bfloat16), target.to(torch.float32), loss)
    assert value.dtype == torch.float32


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_the_gradient_is_that_of_finite_differences(loss):
    logits, target = batch(3)
    functions = {
        "ce": lambda x: cross_entropy(x, target, 0.1),
        "focal": lambda x: focal(x, target, 1.5),
        "f1": lambda x: soft_f1(x, target),
        "ce_f1": lambda x: 0.5 * cross_entropy(x, target, 0.1) + 0.5 * soft_f1(x, target),
    }
    assert torch.autograd.gradcheck(functions[loss.name], (logits.requires_grad_(),))


def test_the_loss_of_another_head_is_refused():
    logits, target = batch(0)
    with pytest.raises(ConfigError, match="'own' belongs to ordinal and regression heads"):
        softmax_loss(logits, target, HeadsOwn(name="own"))
