"""Optimizer steps: micro-batches that fit add up to the whole batch."""

from itertools import count

import pytest
import torch
from torch.nn import functional

from tests.trainables import tiny
from tests.trainables.tiny import classifier, training_data
from trainables.errors import OutOfMemoryError
from trainables.preprocess import Mix
from trainables.targets import AUXILIARY

pytestmark = pytest.mark.usefixtures("one_torch_thread")

# Layer normalisation: with batch normalisation the parts of a batch would see other statistics.
LAYER_NORM = {"backbone.name": "test_convnext", "optim.batch_size": 24}


def full_memory(model, limit, error=None):
    """Lets a forward pass of more than `limit` samples run out of memory; returns the sizes."""
    sizes = []

    def check(module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > limit:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")

    model.network.register_forward_pre_hook(check)
    return sizes


def gradients(model, seed=0):
    """Returns the gradients of one batch of all training samples, by name."""
    samples = torch.from_numpy(model._train)
    x = model.preprocess.evaluate(model._data.images.stored[samples])
    loss = model._stepping.backward(x, model._stepping.batch_targets(samples))
    return loss, {name: p.grad for name, p in model.network.named_parameters()}


OF_THE_BATCH = {"loss.name": "f1", "loss.smoothing": None}
MIXED = {"loss.name": "ce_f1", "loss.f1_weight": 0.7}


@pytest.mark.parametrize(
    "changes",
    [{}, tiny.MULTIHEAD, tiny.JOINT, OF_THE_BATCH, {**tiny.MULTIHEAD, **MIXED}],
    ids=str,
)
@pytest.mark.parametrize(("limit", "micro_batch"), [(12, 12), (11, 6), (6, 6), (5, 4), (4, 4)])
def test_half_micro_batches_give_the_same_loss_and_nearly_the_same_gradients(
    changes, limit, micro_batch
):
    whole, parts = classifier(LAYER_NORM, changes), classifier(LAYER_NORM, changes)
    sizes = full_memory(parts, limit)
    loss, expected = gradients(whole)
    loss_of_parts, found = gradients(parts)
    assert whole.micro_batch == 24
    assert parts.micro_batch == micro_batch
    assert max(sizes) == 24
    torch.testing.assert_close(loss_of_parts, loss, rtol=1e-4, atol=1e-5)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_the_trial_goes_on_with_the_smaller_micro_batch():
    model = classifier(LAYER_NORM)
    sizes = full_memory(model, 8)
    first = model.train_epoch()
    assert sizes == [24, 12, 6, 6, 6, 6]
    sizes.clear()
    second = model.train_epoch()
    assert sizes == [6, 6, 6, 6]
    assert (first.num_samples, second.epoch, model.micro_batch) == (24, 2, 6)


@pytest.mark.parametrize(("name", "rel"), [("test_convnext", 0.01), ("test_resnet", 0.3)])
def test_a_training_after_an_error_is_close_to_one_without(name, rel):
    changes = {"backbone.name": name, "optim.batch_size": 24, "optim.lr": 1e-3}
    whole, parts = classifier(changes), classifier(changes)
    full_memory(parts, 12)
    losses = [[model.train_epoch().loss for _ in range(3)] for model in (whole, parts)]
    assert losses[1] == pytest.approx(losses[0], rel=rel)


def test_the_micro_batch_survives_a_resume():
    model = classifier(LAYER_NORM)
    full_memory(model, 8)
    model.train_epoch()
    resumed = classifier(LAYER_NORM)
    resumed.load_state_dict(model.state_dict())
    assert resumed.micro_batch == 6


@pytest.mark.parametrize(
    "error",
    [None, MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
    ids=repr,
)
def test_the_smallest_micro_batch_that_does_not_fit_ends_the_trial(error):
    model = classifier(LAYER_NORM)
    sizes = full_memory(model, 3, error)
    with pytest.raises(
        OutOfMemoryError,
        match=r"micro-batch of 4 images of 32 px does not fit .* test_convnext; offer smaller",
    ):
        model.train_epoch()
    assert sizes == [24, 12, 6, 4]
    assert model.epoch == 0


def test_a_batch_smaller_than_the_smallest_micro_batch_ends_the_trial_too():
    model = classifier(LAYER_NORM, {"optim.batch_size": 2})
    full_memory(model, 1)
    with pytest.raises(OutOfMemoryError, match="a micro-batch of 2 images"):
        model.train_epoch()


def test_any_other_error_is_passed_on():
    model = classifier(LAYER_NORM)
    sizes = full_memory(model, 0, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model.train_epoch()
    assert sizes == [24]
    assert model.micro_batch == 24


@pytest.mark.parametrize("num_train", [5, 7, 9, 11, 13])
def test_no_part_of_a_batch_is_a_single_sample(num_train):
    model = classifier({"optim.batch_size": 16}, data=training_data(num_train=num_train))
    sizes = full_memory(model, 4)
    model.train_epoch()
    assert min(sizes) >= 2


def test_a_micro_batch_of_one_is_never_tried_for_an_odd_number_in_pairs():
    model = classifier({"optim.batch_size": 2}, data=training_data(num_train=5))
    sizes = full_memory(model, 99)
    model.train_epoch()
    assert sorted(sizes) == [2, 3]


def test_targets_of_a_batch_are_one_hot_and_weighted_as_the_images_are_mixed():
    data = training_data()
    model = classifier(tiny.MULTIHEAD, {**tiny.AGE, "age.aux_weight": 0.1}, data=data)
    samples = torch.from_numpy(data.train[[3, 5, 8]])
    mix = Mix(partner=torch.tensor([1, 2, 0]), share=0.7)
    plain, mixed = (model._stepping.batch_targets(samples, m) for m in (None, mix))
    hot = functional.one_hot(torch.from_numpy(data.labels[samples, 0]), 3).to(torch.float32)
    assert torch.equal(plain["mask"].classes, hot)
    torch.testing.assert_close(mixed["mask"].classes, 0.7 * hot + 0.3 * hot[[1, 2, 0]])
    raw = plain[AUXILIARY].raw
    torch.testing.assert_close(mixed[AUXILIARY].raw, 0.7 * raw + 0.3 * raw[[1, 2, 0]])
    assert plain["mask"].raw is None


def test_heads_count_by_their_weight():
    heavy = {**tiny.MULTIHEAD, "task_weight.age": 4.0}
    light, heavier = (classifier(LAYER_NORM, each) for each in (tiny.MULTIHEAD, heavy))
    _, one = gradients(light)
    _, two = gradients(heavier)
    key = "heads.head_{}.layers.0.weight".format
    torch.testing.assert_close(two[key("age")], 2 * one[key("age")])
    torch.testing.assert_close(two[key("mask")], one[key("mask")])


def test_clipping_bounds_the_norm_of_the_gradient():
    norms = []
    for clip in (0.0, 0.01):
        model = classifier(LAYER_NORM, {"optim.clip_norm": clip})
        model.train_epoch()
        grads = [p.grad for p in model.network.parameters() if p.grad is not None]
        norms.append(float(torch.stack([g.norm() for g in grads]).norm()))
    assert norms[0] > 0.05
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_every_step_has_its_own_learning_rate():
    model = classifier({"optim.warmup": 0.5, "optim.schedule": "constant"})
    seen = []
    step = model._stepping._optimizer.step
    group = model._stepping._optimizer.param_groups[0]
    model._stepping._optimizer.step = lambda: (seen.append(group["lr"]), step())
    for _ in range(3):
        model.train_epoch()
    numbers = count(1)
    expected = [min(1.0, next(numbers) / 5.5) * 3e-3 for _ in range(9)]
    assert seen == pytest.approx(expected)


def test_an_update_that_does_not_fit_ends_the_trial_as_one_that_is_too_large(monkeypatch):
    model = classifier()

    def full():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(model._stepping._optimizer, "step", full)
    with pytest.raises(OutOfMemoryError, match=r"test_\w+ and its optimizer do not fit in memory"):
        model.train_epoch()


def test_gradients_for_a_curve_that_do_not_fit_end_no_trial(monkeypatch):
    model = classifier(tiny.MULTIHEAD)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(model._stepping, "gradient_cosine", full)
    report = model.train_epoch()
    assert (report.epoch, report.gradient_cosine) == (1, {})
