"""Class probabilities of images: chunk by chunk, and never of weights that diverged."""

import numpy as np
import pytest
import torch

from tests.trainables import tiny
from tests.trainables.tiny import classifier, training_data
from trainables.errors import NonFiniteLossError
from trainables.prediction import predict_probabilities

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CPU = torch.device("cpu")


def predict(model, chunks, heads):
    return predict_probabilities(model.network, model.preprocess, chunks, heads, CPU)


def test_only_the_heads_asked_for_are_predicted():
    model, images = classifier(tiny.MULTIHEAD), training_data().images.stored[:4]
    found = predict(model, [images], ("age", "mask"))
    assert {name: p.shape for name, p in found.items()} == {"age": (4, 3), "mask": (4, 3)}


def test_chunks_are_joined_in_order():
    model, images = classifier(), training_data().images.stored
    whole = predict(model, [images], ("gender",))["gender"]
    parts = predict(model, (part for part in images.split(5)), ("gender",))["gender"]
    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_the_network_predicts_in_evaluation_mode_and_without_gradient():
    model, images = classifier({"head.dropout": 0.5}), training_data().images.stored[:4]
    model.network.train()
    one, again = (predict(model, [images], ("gender",))["gender"] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not model.network.training
    assert all(parameter.grad is None for parameter in model.network.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_diverged_are_an_error_that_names_the_head(value):
    model, images = classifier(tiny.MULTIHEAD), training_data().images.stored[:4]
    with torch.no_grad():
        model.network.head("age").layers[-1].weight.fill_(value)
    with pytest.raises(NonFiniteLossError, match="probabilities of 'age' must be finite"):
        predict(model, [images], ("mask", "age"))
    assert set(predict(model, [images], ("mask",))) == {"mask"}
