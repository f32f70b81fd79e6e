"""One epoch a call: what it reports, learns, predicts, exports and refuses."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

import trainables.classifier
from tests.trainables import tiny
from tests.trainables.tiny import AUX, MODELS, assert_same, classifier, training_data
from trainables.classifier import ImageClassifier
from trainables.data.schema import Attribute, LabelSchema
from trainables.data.training_images import TrainingImages
from trainables.errors import (
    ConfigError,
    NonFiniteLossError,
    OutOfMemoryError,
    WeightsError,
)
from trainables.preprocess import resized
from trainables.targets import AUXILIARY

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ALL = np.arange(32)
models = pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)


@models
def test_predictions_are_probabilities_of_the_main_heads(changes):
    model = classifier(*changes)
    model.train_epoch()
    found = model.predict(ALL[:5])
    sizes = {"mask": 3, "gender": 2, "age": 3, "joint": 18}
    assert AUXILIARY not in found
    for name, probabilities in found.items():
        assert probabilities.shape == (5, sizes[name])
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_every_batch_that_is_trained_or_predicted_is_a_sign_of_life():
    steps = []
    data = replace(training_data(num_train=300), on_step=lambda: steps.append(1))
    model = classifier({"input.size": 16, "optim.batch_size": 100}, data=data)
    model.train_epoch()
    assert len(steps) == 3
    model.predict(data.train)
    assert len(steps) == 3 + 5  # 300 photos, 64 at once


def test_a_prediction_follows_the_order_of_the_indices():
    model = classifier()
    model.train_epoch()
    order = np.array([30, 2, 2, 17])
    np.testing.assert_allclose(
        model.predict(order)["gender"], model.predict(ALL)["gender"][order], atol=1e-6
    )


def test_images_from_outside_are_predicted_like_those_of_the_table():
    data = training_data()
    model = classifier(data=data)
    chunks = [data.images.stored[:10], data.images.stored[10:]]
    np.testing.assert_allclose(
        model.predict_images(chunks)["gender"], model.predict(ALL)["gender"], atol=1e-6
    )


def test_read_only_indices_and_a_prediction_of_many_chunks():
    data = training_data(num_train=300)
    data.train.setflags(write=False)
    model = classifier({"input.size": 16}, data=data)
    assert model.predict(data.train)["gender"].shape == (300, 2)


@pytest.mark.parametrize("kind", [{}, tiny.AGE_TARGET, tiny.JOINT, tiny.MULTIHEAD], ids=str)
def test_a_few_epochs_learn_the_training_photos(kind):
    long = {"schedule.epochs": 12, "optim.lr": 5e-3}
    data = training_data(num_train=40)
    model = classifier(kind, long, data=data)
    losses = [model.train_epoch().loss for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    for name, probabilities in model.predict(data.train).items():
        truth = {
            **dict(zip(data.schema, data.labels.T, strict=True)),
            "joint": data.schema.joint_code(data.labels),
        }[name][data.train]
        correct = float((probabilities.argmax(axis=1) == truth).mean())
        majority = float(np.bincount(truth).max() / len(truth))
        assert correct > majority + 0.1


def test_a_report_says_what_the_epoch_did():
    model = classifier({"optim.warmup": 0.0})
    first, last = model.train_epoch(), [model.train_epoch() for _ in range(2)][-1]
    assert (first.epoch, last.epoch, model.epoch) == (1, 3, 3)
    assert first.num_samples == 24
    assert first.seconds > 0
    assert math.isfinite(first.loss)
    assert 0 < last.lr < first.lr <= 3e-3
    assert first.gradient_cosine == {}


def test_the_seconds_of_an_epoch_are_of_its_steps_alone(monkeypatch):
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr(trainables.classifier, "time", clock)
    model = classifier(tiny.MULTIHEAD, AUX)

    def cosine():
        now[0] += 100.0
        return {"mask|age": 0.5}

    monkeypatch.setattr(model, "_gradient_cosine", cosine)
    report = model.train_epoch()
    assert (report.seconds, report.gradient_cosine) == (0.0, {"mask|age": 0.5})


def test_a_multihead_report_has_the_cosine_of_every_pair_of_main_heads():
    report = classifier(tiny.MULTIHEAD, AUX).train_epoch()
    assert set(report.gradient_cosine) == {"mask|gender", "mask|age", "gender|age"}
    assert all(-1.0001 <= cosine <= 1.0001 for cosine in report.gradient_cosine.values())


def test_averaged_weights_predict_and_are_exported():
    model = classifier({"optim.ema": 0.99})
    model.train_epoch()
    raw, averaged = model.network.state_dict(), model.weights()
    assert raw.keys() == averaged.keys()
    assert any(not torch.equal(raw[name], averaged[name]) for name in raw)
    plain = classifier()
    plain.train_epoch()
    assert_same(plain.weights(), dict(plain.network.state_dict()))


def test_exported_weights_do_not_change_with_further_training():
    model = classifier()
    weights = model.weights()
    kept = {name: value.clone() for name, value in weights.items()}
    model.train_epoch()
    assert_same(weights, kept)


def test_every_weight_is_counted():
    model = classifier(tiny.MULTIHEAD)
    assert model.num_parameters == sum(p.numel() for p in model.network.parameters())
    heads = (3 + 2 + 3) * (model.network.head("mask").layers[-1].in_features + 1)
    assert model.num_parameters > heads


@pytest.mark.parametrize("batch_size", [2, 3, 5])
@pytest.mark.parametrize("num_train", [2, 3, 5, 7])
def test_no_size_of_training_set_and_batch_leaves_a_sample_alone(batch_size, num_train):
    data = training_data(num_train=num_train)
    report = classifier({"optim.batch_size": batch_size}, data=data).train_epoch()
    assert report.num_samples == num_train
    assert math.isfinite(report.loss)


@pytest.mark.parametrize("num_train", [0, 1])
def test_fewer_than_two_training_samples_are_refused(num_train):
    with pytest.raises(ConfigError, match=rf"needs two samples or more, got {num_train}$"):
        classifier(data=training_data(num_train=num_train))


def test_a_diverging_training_raises_and_says_why():
    model = classifier({"optim.lr": 1.0, "optim.clip_norm": 0.0, "loss.smoothing": 0.0})
    with torch.no_grad():
        next(model.network.parameters()).fill_(float("nan"))
    with pytest.raises(
        NonFiniteLossError, match=r"must stay finite, got nan in epoch 1; the learn"
    ):
        model.train_epoch()
    assert model.epoch == 0


def test_the_first_loss_that_is_not_finite_is_reported(monkeypatch):
    model = classifier()
    losses = iter([1.0, float("inf"), 2.0])
    monkeypatch.setattr(model._stepping, "step", lambda *_: torch.tensor(next(losses)))
    with pytest.raises(NonFiniteLossError, match="got inf in epoch 1"):
        model.train_epoch()


@models
def test_weights_that_diverged_in_the_last_step_predict_no_class(changes):
    model = classifier(*changes)
    with torch.no_grad():
        for network in (model.network, model._stepping.predictor):
            next(network.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="must be finite, got NaN: the weights diverged"):
        model.predict(ALL)


@pytest.mark.parametrize("name", ["type", "a.b", "keys"])
def test_attributes_of_any_name_are_trained(name):
    schema = LabelSchema(
        name="cars",
        attributes=(
            Attribute(name=name, classes=("van", "bus")),
            Attribute(name="colour", classes=("red", "blue", "grey")),
        ),
    )
    weights = {f"task_weight.{name}": 1.0, "task_weight.colour": 1.0}
    target = {"target.attributes": (name, "colour"), "target.form": "heads"}
    model = classifier(target, weights, data=training_data(schema=schema))
    model.train_epoch()
    assert set(model.predict(ALL)) == {name, "colour"}


def test_pretrained_weights_of_a_folder_start_the_training(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(9)
        stored = timm.create_model("test_resnet", pretrained=False).state_dict()
    save_file(stored, tmp_path / "test_resnet.safetensors")
    config = tiny.config({"backbone.pretrained": True, "backbone.frozen_stages": 1})
    loaded = ImageClassifier(
        config, training_data(), seed=1, device=tiny.CPU, weights_dir=tmp_path
    )
    scratch = classifier()
    key = "backbone.layer4.0.conv1.weight"
    assert torch.equal(loaded.weights()[key], stored[key.removeprefix("backbone.")])
    assert not torch.equal(loaded.weights()[key], scratch.weights()[key])
    loaded.train_epoch()
    trained = loaded.weights()
    assert not torch.equal(trained[key], stored[key.removeprefix("backbone.")])
    assert torch.equal(trained["backbone.conv1.0.weight"], stored["conv1.0.weight"])
    assert torch.equal(trained["backbone.bn1.running_mean"], stored["bn1.running_mean"])


def test_a_folder_without_the_weights_is_refused_before_training(tmp_path):
    config = tiny.config({"backbone.pretrained": True})
    with pytest.raises(WeightsError, match=r"must lie at .*test_resnet\.safetensors"):
        ImageClassifier(config, training_data(), seed=1, device=tiny.CPU, weights_dir=tmp_path)


@models
def test_resized_images_change_no_bit_of_a_training(changes):
    data = training_data()
    asked = []

    def kept(wanted):
        asked.append(wanted)
        return resized(data.images.stored, wanted).permute(0, 2, 3, 1)

    images = TrainingImages(stored=data.images.stored, resized=kept)
    plain, with_kept = (
        classifier(*changes, data=each) for each in (data, replace(data, images=images))
    )
    for model in (plain, with_kept):
        model.train_epoch()
        model.train_epoch()
    assert asked == [with_kept.config.input]
    assert_same(with_kept.weights(), plain.weights())
    assert_same(with_kept.predict(ALL), plain.predict(ALL))
    assert_same(with_kept.predict(ALL, mirrored=True), plain.predict(ALL, mirrored=True))


def _refusing(model, limit):
    """Lets the network take so many photos at once; returns how many it was shown each time."""
    shown = []

    def check(module, inputs):
        shown.append(len(inputs[0]))
        if len(inputs[0]) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")

    model.network.register_forward_pre_hook(check)
    return shown


def test_photos_that_do_not_fit_are_predicted_in_smaller_batches_and_stay_so():
    model = classifier()
    expected = model.predict(ALL)
    shown = _refusing(model, 10)
    found = model.predict(ALL)
    assert shown == [32, 16, 8, 8, 8, 8]
    np.testing.assert_allclose(found["gender"], expected["gender"], rtol=1e-5)
    shown.clear()
    model.predict(ALL)
    assert shown == [8, 8, 8, 8]


def test_one_photo_that_does_not_fit_ends_the_trial_with_a_way_out():
    model = classifier()
    _refusing(model, 0)
    with pytest.raises(OutOfMemoryError, match=r"one photo of 32 px .* offer smaller models"):
        model.predict(ALL)
