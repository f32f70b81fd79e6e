"""A photo without a label trains the heads of those it has, and adds nothing to the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables import tiny
from tests.trainables.tiny import classifier, training_data
from trainables.data.schema import UNKNOWN
from trainables.errors import ConfigError
from trainables.heads import HeadTarget
from trainables.preprocess import Mix
from trainables.stepping import _known
from trainables.targets import AUXILIARY, sampling_classes, training_targets

pytestmark = pytest.mark.usefixtures("one_torch_thread")

# Layer normalisation: with batch normalisation every photo of a batch changes what others give.
LAYER_NORM = {"backbone.name": "test_convnext", "optim.batch_size": 24}
COLUMNS = {"mask": 0, "gender": 1, "age": 2}
LOSSES = (
    {},
    {"loss.smoothing": 0.1},
    {"loss.name": "focal", "loss.gamma": 2.0, "loss.smoothing": None},
    {"loss.name": "f1", "loss.smoothing": None},
)


def partly(rows=(1, 4, 5), names=("age",)):
    """Returns the tiny data without some labels of some rows."""
    data = training_data()
    labels, raw = data.labels.copy(), {name: each.copy() for name, each in data.raw.items()}
    for name in names:
        labels[list(rows), COLUMNS[name]] = UNKNOWN
        if name in raw:
            raw[name][list(rows)] = np.nan
    return replace(data, labels=labels, raw=raw)


def of_head(model, rows, head):
    """Returns the loss of one head on a batch, and its gradients by weight, None where none."""
    samples = torch.tensor(rows)
    outputs = model.network(model.preprocess.evaluate(model._data.images.stored[samples]))
    targets = model._stepping.batch_targets(samples)
    loss = model._stepping._head_losses(outputs, targets)[head]
    weights = dict(model.network.named_parameters())
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return loss, {n: g for n, g in zip(weights, gradients, strict=True) if g is not None}


def backward(model, rows):
    """Returns the loss of all heads on a batch, and its gradients by weight."""
    samples = torch.tensor(rows)
    x = model.preprocess.evaluate(model._data.images.stored[samples])
    loss = model._stepping.backward(x, model._stepping.batch_targets(samples))
    return loss, {n: p.grad for n, p in model.network.named_parameters() if p.grad is not None}


def assert_close(found, expected):
    torch.testing.assert_close(found[0], expected[0])
    assert found[1].keys() == expected[1].keys()
    for name, each in expected[1].items():
        torch.testing.assert_close(found[1][name], each, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_photo_without_a_label_adds_nothing_to_the_loss_and_gradient_of_its_head(loss):
    model = classifier(LAYER_NORM, tiny.MULTIHEAD, loss, data=partly())
    expected = of_head(model, [0, 2, 3], "age")
    assert_close(of_head(model, [0, 1, 2, 3, 4, 5], "age"), expected)
    assert any(float(each.abs().max()) > 0 for each in expected[1].values())


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5], [1, 4]])
def test_it_trains_the_heads_of_its_other_labels(rows):
    some, whole = (
        classifier(LAYER_NORM, tiny.MULTIHEAD, data=data) for data in (partly(), training_data())
    )
    assert_close(of_head(some, rows, "gender"), of_head(whole, rows, "gender"))


@pytest.mark.parametrize("rows", [[1, 4], [1]])
def test_a_batch_in_which_nobody_has_a_label_leaves_its_head_alone(rows):
    model = classifier(LAYER_NORM, tiny.MULTIHEAD, data=partly())
    loss, gradients = of_head(model, rows, "age")
    assert float(loss.detach()) == 0
    assert all(float(each.abs().max()) == 0 for each in gradients.values())


def test_micro_batches_add_up_where_some_have_no_label():
    data = partly(rows=(0, 1, 2, 3, 4, 5, 6, 13))
    whole, parts = (classifier(LAYER_NORM, tiny.MULTIHEAD, data=data) for _ in range(2))
    parts._stepping.micro_batch = 6
    expected, found = (backward(model, list(range(24))) for model in (whole, parts))
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-5)
    for name, each in expected[1].items():
        torch.testing.assert_close(found[1][name], each, rtol=1e-3, atol=1e-5, msg=name)


def test_of_two_mixed_photos_both_must_have_the_label():
    model = classifier(LAYER_NORM, tiny.MULTIHEAD, data=partly())
    mix = Mix(partner=torch.tensor([1, 2, 0]), share=0.7)
    target = model._stepping.batch_targets(torch.tensor([0, 1, 2]), mix)["age"]
    assert (target.classes.sum(dim=1) > 0.99).tolist() == [False, False, True]


def test_a_softmax_trains_on_whoever_has_all_its_labels_and_heads_on_whoever_has_one():
    data = partly()
    assert set(classifier(data=data)._train) == set(range(24))
    age = (tiny.AGE_TARGET,)
    assert set(classifier(*age, data=data)._train) == set(range(24)) - {1, 4, 5}
    assert set(classifier(tiny.JOINT, data=data)._train) == set(range(24)) - {1, 4, 5}
    assert set(classifier(tiny.MULTIHEAD, data=data)._train) == set(range(24))
    nobody = partly(rows=range(32))
    with pytest.raises(ConfigError, match="two samples or more, got 0"):
        classifier(*age, data=nobody)


def test_raw_numbers_are_standardised_by_those_that_are_known():
    data = partly()
    config = tiny.config(tiny.AGE_TARGET, tiny.REGRESSION)
    targets = training_targets(config, data.schema, data.labels, data.raw, data.train)
    known = np.delete(data.raw["age"][:24], [1, 4, 5])
    assert targets["age"].raw_mean == pytest.approx(known.mean())
    assert np.isnan(targets["age"].raw[[1, 4, 5]]).all()


def test_an_unknown_label_is_a_class_of_its_own_for_the_sampler():
    data = partly()
    targets = training_targets(
        tiny.config(tiny.MULTIHEAD), data.schema, data.labels, data.raw, data.train
    )
    classes = sampling_classes(targets)
    assert classes.min() >= 0
    pairs = {tuple(row) for row in data.labels.tolist()}
    assert len(set(classes.tolist())) == len(pairs)


@pytest.mark.parametrize(
    "changes",
    [
        (tiny.BUSY, tiny.MULTIHEAD, tiny.AUX),
        (tiny.BUSY, tiny.AGE_TARGET, tiny.REGRESSION),
        (tiny.BUSY, tiny.AGE_TARGET, tiny.ORDINAL),
        (tiny.BUSY, tiny.JOINT, tiny.AUX),
    ],
    ids=["multihead", "regression", "ordinal", "joint"],
)
def test_every_kind_of_model_trains_and_predicts_where_labels_are_missing(changes):
    model = classifier(*changes, data=partly(names=("gender", "age")))
    assert np.isfinite(model.train_epoch().loss)
    for probs in model.predict(np.arange(32)).values():
        assert np.isfinite(probs).all()
    assert AUXILIARY not in model.predict(np.arange(2))


def test_a_mixed_photo_whose_partner_lacks_the_number_is_unknown_however_small_its_share():
    classes = torch.tensor([[0.9999, 0.0], [1.0, 0.0]])
    raw = torch.tensor([float("nan"), 0.5])
    assert _known(HeadTarget(classes=classes, raw=raw)).tolist() == [False, True]
    assert _known(HeadTarget(classes=classes, raw=None)).tolist() == [True, True]
