"""What a training may know: labels of its own samples, and changed ones where the config asks."""

from dataclasses import replace

import numpy as np
import pytest

from tests.trainables import tiny
from tests.trainables.tiny import MODELS, assert_same, classifier, training_data
from trainables.data.training_images import TrainingImages
from trainables.errors import ConfigError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ALL = np.arange(32)
AGE_KINDS = {
    "softmax": (tiny.AGE_TARGET,),
    "regression": (tiny.AGE_TARGET, tiny.REGRESSION),
    "ordinal": (tiny.AGE_TARGET, tiny.ORDINAL),
    "joint": (tiny.JOINT, tiny.AGE),
    "multihead": (tiny.MULTIHEAD, tiny.AGE),
}
age_kinds = pytest.mark.parametrize("changes", AGE_KINDS.values(), ids=AGE_KINDS)


def poisoned(data, seed):
    """Returns the data with other labels and raw numbers for all samples but the training ones."""
    rng = np.random.default_rng(seed)
    other = np.setdiff1d(np.arange(len(data.labels)), data.train)
    labels, ages = data.labels.copy(), data.raw["age"].copy()
    ages[other] = rng.uniform(1, 110, len(other))
    for column, name in enumerate(data.schema):
        labels[other, column] = rng.integers(0, len(data.schema[name].classes), len(other))
    return replace(data, labels=labels, raw={"age": ages})


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_labels_and_numbers_of_other_samples_change_nothing(changes, seed):
    data = training_data()
    clean, dirty = (classifier(*changes, data=each) for each in (data, poisoned(data, seed)))
    for model in (clean, dirty):
        for _ in range(2):
            model.train_epoch()
    assert_same(dirty.state_dict(), clean.state_dict())
    assert_same(dirty.predict(ALL), clean.predict(ALL))


def test_photos_of_other_samples_change_nothing():
    data = training_data()
    images = data.images.stored.clone()
    images[24:] = 0
    grey = replace(data, images=TrainingImages(stored=images))
    clean, dirty = (classifier(tiny.BUSY, data=d) for d in (data, grey))
    for model in (clean, dirty):
        model.train_epoch()
    assert_same(dirty.state_dict(), clean.state_dict())


def test_labels_of_the_training_samples_do_change_it():
    data = training_data()
    labels = data.labels.copy()
    labels[:12, 1] = 1 - labels[:12, 1]
    clean, dirty = (classifier(data=each) for each in (data, replace(data, labels=labels)))
    losses = [model.train_epoch().loss for model in (clean, dirty)]
    assert losses[0] != losses[1]


@pytest.fixture
def data():
    """Training people of every age from 20 to 60, most of them near the boundary."""
    base = training_data(num_train=24)
    ages = np.array([20, 25, 27, 28, 29, 30, 35, 40, 45, 50, 54, 55, 56, 57, 57, 58, 58, 59, 59])
    ages = np.concatenate([ages, [60] * 5, np.full(8, 40)]).astype(float)
    labels = base.labels.copy()
    labels[:, 2] = base.schema["age"].encode_raw(ages)
    return replace(base, labels=labels, raw={"age": ages})


@age_kinds
@pytest.mark.parametrize(
    ("drop", "num_left"), [("none", 24), ("57-59", 18), ("55-59", 16), ("57-59,27-29", 15)]
)
def test_dropped_ages_are_not_trained_on_but_predicted(changes, drop, num_left, data):
    model = classifier(*changes, {"age.drop": drop}, data=data)
    assert model.train_epoch().num_samples == num_left
    assert {len(p) for p in model.predict(ALL).values()} == {32}


@age_kinds
def test_the_labels_of_dropped_people_change_nothing(changes, data):
    dropped = {"age.drop": "57-59"}
    labels = data.labels.copy()
    labels[13:19, :2] = 0
    one, other = (
        classifier(*changes, dropped, data=d) for d in (data, replace(data, labels=labels))
    )
    for model in (one, other):
        model.train_epoch()
    assert_same(other.state_dict(), one.state_dict())


@age_kinds
def test_the_cut_changes_training_and_neither_the_given_labels_nor_the_start(changes, data):
    labels, ages = data.labels.copy(), data.raw["age"].copy()
    plain, cut = (
        classifier(*changes, {"age.old_from": old_from}, data=data) for old_from in (60, 57)
    )
    # What is learned starts alike; where classes part is a constant of a regression head.
    assert_same(cut.network.state_dict(), plain.network.state_dict())
    images = data.images.stored.clone()
    for model in (plain, cut):
        model.train_epoch()
    predicted = [model.predict(ALL) for model in (plain, cut)]
    assert any(not np.array_equal(predicted[0][name], predicted[1][name]) for name in predicted[0])
    np.testing.assert_array_equal(data.labels, labels)
    np.testing.assert_array_equal(data.raw["age"], ages)
    assert bool((data.images.stored == images).all())


def test_a_cut_makes_more_people_old():
    data = training_data(num_train=60)
    long = {"schedule.epochs": 8, "optim.lr": 5e-3}
    shares = []
    for old_from in (60, 40):
        model = classifier(tiny.AGE_TARGET, long, {"age.old_from": old_from}, data=data)
        for _ in range(8):
            model.train_epoch()
        shares.append(float(model.predict(data.train)["age"][:, 2].mean()))
    assert shares[1] > shares[0] + 0.1


def test_dropping_everyone_is_refused_and_says_what_dropped_them(data):
    only_old = replace(data, train=np.arange(13, 19))
    with pytest.raises(ConfigError, match=r"got 0 after age\.drop='57-59'"):
        classifier(tiny.AGE_TARGET, {"age.drop": "57-59"}, data=only_old)


@pytest.mark.parametrize("drop", ["none", "57-59"])
def test_age_options_on_data_without_raw_ages_are_refused(drop, data):
    with pytest.raises(ConfigError, match="needs an attribute 'age' with raw numbers"):
        classifier(tiny.AGE, {"age.drop": drop}, data=without_raw(data))


def without_raw(data):
    attributes = tuple(replace(each, edges=()) for each in data.schema.attributes)
    return replace(data, schema=replace(data.schema, attributes=attributes), raw={})


def test_data_without_raw_ages_trains_its_classes(data):
    plain = without_raw(data)
    for changes in ({"target.attributes": ("age",)}, tiny.JOINT, tiny.MULTIHEAD):
        assert classifier(changes, data=plain).train_epoch().num_samples == 24


def test_regression_on_data_without_raw_numbers_is_refused(data):
    with pytest.raises(ConfigError, match=r"'regression' needs an attribute with raw numbers"):
        classifier({"target.attributes": ("age",)}, tiny.REGRESSION, data=without_raw(data))
