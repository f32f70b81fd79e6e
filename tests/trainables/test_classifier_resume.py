"""Resuming is the uninterrupted training bit for bit, and the seed decides everything."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables import tiny
from tests.trainables.tiny import MODELS, assert_same, classifier, training_data
from trainables.checkpoint import load_checkpoint, save_checkpoint
from trainables.data.schema import Attribute, LabelSchema
from trainables.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ALL = np.arange(32)
models = pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)


def without_time(report):
    return replace(report, seconds=0.0)


@models
@pytest.mark.parametrize("interrupted_after", [1, 2])
def test_resuming_from_disk_is_the_uninterrupted_training_bit_for_bit(
    changes, interrupted_after, tmp_path
):
    whole = classifier(*changes)
    reports = []
    for _ in range(3):
        reports.append(whole.train_epoch())
        whole.predict(ALL)

    first = classifier(*changes)
    for _ in range(interrupted_after):
        first.train_epoch()
    save_checkpoint(tmp_path / "c.pt", {"classifier": first.state_dict(), "best": 0.5})
    del first
    second = classifier(*changes)
    second.load_state_dict(load_checkpoint(tmp_path / "c.pt")["classifier"])
    assert second.epoch == interrupted_after
    rest = [second.train_epoch() for _ in range(3 - interrupted_after)]

    assert [without_time(r) for r in rest] == [
        without_time(r) for r in reports[interrupted_after:]
    ]
    assert_same(second.state_dict(), whole.state_dict())
    assert_same(second.weights(), whole.weights())
    assert_same(second.predict(ALL), whole.predict(ALL))


@models
def test_the_same_seed_gives_the_same_training_and_another_seed_another(changes):
    one, again, other = (classifier(*changes, seed=seed) for seed in (1, 1, 2))
    for each in (one, again, other):
        each.train_epoch()
    assert_same(one.state_dict(), again.state_dict())
    for name, probabilities in one.predict(ALL).items():
        assert not np.array_equal(probabilities, other.predict(ALL)[name])


class Recorder:
    """Stands for a preprocessing and keeps what it made."""

    def __init__(self, preprocess):
        self.preprocess, self.made, self.seeds = preprocess, [], []

    def train(self, *args):
        self.made.append(self.preprocess.train(*args))
        self.seeds.append(torch.initial_seed())
        return self.made[-1]


class OnTheHost:
    """Stands for photos that do not lie on the device; notes where they are asked for."""

    def __init__(self, images):
        self.images, self.asked, self.device = images, [], images.device

    def index_select(self, axis, rows):
        self.rows = self.images.index_select(axis, rows)
        return self

    def to(self, device):
        self.asked.append(device)
        return self.rows


def test_photos_are_on_the_device_before_they_are_changed():
    """There a GPU crops, resizes and augments them, whatever memory was free for all of them."""
    model = classifier({"optim.batch_size": 24})
    model._images = photos = OnTheHost(model._images)
    model.preprocess = recorder = Recorder(model.preprocess)
    model.train_epoch()
    assert photos.asked == [torch.device("cpu")] * len(recorder.made)


def recorded(changes):
    """Returns what three epochs of one batch each were made of."""
    model = classifier({"optim.batch_size": 24}, changes)
    model.preprocess = recorder = Recorder(model.preprocess)
    for _ in range(3):
        model.train_epoch()
    return recorder


def test_every_epoch_has_another_order():
    batches = [x for x, _ in recorded({}).made]
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[1], batches[2])
    sums = [x.sum(dim=(1, 2, 3)).sort().values for x in batches]
    torch.testing.assert_close(sums[0], sums[1])


def test_every_epoch_is_augmented_anew():
    sums = [x.sum(dim=(1, 2, 3)).sort().values for x, _ in recorded({"augment.colour": 0.5}).made]
    assert not torch.allclose(sums[0], sums[1])
    assert not torch.allclose(sums[1], sums[2])


def test_every_epoch_is_mixed_by_another_share():
    assert len({mix.share for _, mix in recorded({"augment.mixup": 1.0}).made}) == 3


def test_every_epoch_drops_other_features():
    assert len(set(recorded({"head.dropout": 0.5}).seeds)) == 3


def test_torch_s_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    model = classifier(tiny.BUSY, tiny.MULTIHEAD)
    model.train_epoch()
    model.predict(ALL)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_torch_s_global_generator_decides_nothing():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        one = classifier(tiny.BUSY)
        torch.manual_seed(6)
        other = classifier(tiny.BUSY)
        one.train_epoch()
        torch.manual_seed(7)
        other.train_epoch()
    assert_same(one.state_dict(), other.state_dict())


def test_predicting_between_epochs_changes_nothing():
    quiet, asked = classifier(tiny.BUSY), classifier(tiny.BUSY)
    for _ in range(2):
        quiet.train_epoch()
        asked.train_epoch()
        asked.predict(ALL)
    assert_same(asked.state_dict(), quiet.state_dict())


def test_a_state_of_another_seed_is_refused():
    with pytest.raises(CheckpointError, match=r"own seed and config, got 2 .*expected 1 .*delete"):
        classifier(seed=1).load_state_dict(classifier(seed=2).state_dict())


@pytest.mark.parametrize(
    "other",
    [tiny.JOINT, {"head.hidden": 8}, {"optim.layer_decay": 0.5}, {"optim.ema": 0.9}],
    ids=str,
)
def test_a_state_of_another_config_is_refused(other):
    with pytest.raises(CheckpointError, match=r"continues with its own seed and config.*delete"):
        classifier().load_state_dict(classifier(other).state_dict())


def test_a_state_of_data_with_other_classes_is_refused():
    genders = Attribute(name="gender", classes=("male", "female", "unknown"))
    other = training_data(schema=LabelSchema(name="other", attributes=(genders,)))
    with pytest.raises(CheckpointError, match=r"to another network: .*size mismatch.*delete"):
        classifier().load_state_dict(classifier(data=other).state_dict())


def test_a_refused_state_changes_no_epoch():
    model = classifier()
    model.train_epoch()
    with pytest.raises(CheckpointError, match="own seed"):
        model.load_state_dict(classifier(seed=2).state_dict())
    assert model.epoch == 1
