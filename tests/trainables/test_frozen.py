"""A frozen backbone and its features in the cache: computed once, whole, and for what they are."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.search.builders.people import write_people
from trainables.backbone import names_like
from trainables.data import layouts
from trainables.data.image_store import ImageStore
from trainables.errors import ConfigError, NonFiniteLossError, OutOfMemoryError, WeightsError
from trainables.feature_store import FeatureStore
from trainables.frozen import FrozenBackbone

CPU = torch.device("cpu")
NUM = 48


def load(name="test_resnet", weights_dir=None, *, size=32):
    pretrained = weights_dir is not None
    return FrozenBackbone.load(
        name, weights_dir, pretrained=pretrained, input_size=size, device=CPU
    )


@pytest.fixture
def data(people, tmp_path):
    return layouts.load(shutil.copytree(people, tmp_path / "data"), None)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people") / "data")


def images(table, cache):
    return ImageStore.open(table, (32, 32), cache, num_threads=1).tensor(CPU)


@pytest.fixture
def counted(monkeypatch):
    """Counts the photos that backbones are shown."""
    shown = []
    forward = FrozenBackbone._forward

    def count(self, batch):
        shown.append(len(batch))
        return forward(self, batch)

    monkeypatch.setattr(FrozenBackbone, "_forward", count)
    return shown


def test_features_do_not_depend_on_who_is_in_the_batch(data, tmp_path):
    stored, backbone = images(data, tmp_path), load()
    whole = np.concatenate(list(backbone.features(stored)))
    single = np.concatenate([next(backbone.features(stored[row : row + 1])) for row in range(5)])
    np.testing.assert_allclose(whole[:5], single, atol=1e-4)
    assert whole.shape == (NUM, backbone.num_features)


def test_statistics_of_batches_are_as_loaded_after_features_were_computed(data, tmp_path):
    backbone = load()
    before = {name: value.clone() for name, value in backbone.module.state_dict().items()}
    list(backbone.features(images(data, tmp_path)))
    assert all(torch.equal(before[n], v) for n, v in backbone.module.state_dict().items())


def test_random_weights_are_the_same_every_time_and_leave_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert load().weights == load().weights
    assert torch.equal(torch.rand(1), expected)


def test_features_are_computed_once(data, tmp_path, counted):
    stored = images(data, tmp_path)
    first = FeatureStore.open(data, stored, load(), tmp_path)
    assert sum(counted) == NUM
    again = FeatureStore.open(data, stored, load(), tmp_path)
    assert sum(counted) == NUM
    assert (first.was_cached, again.was_cached) == (False, True)
    assert first.seconds == again.seconds > 0
    np.testing.assert_array_equal(first.array, again.array)


def test_other_weights_sizes_and_photos_have_features_of_their_own(data, tmp_path, counted):
    stored = images(data, tmp_path)
    FeatureStore.open(data, stored, load(), tmp_path)
    weights = tmp_path / "weights"
    weights.mkdir()
    state = load().module.state_dict()
    state = {name: value.contiguous() for name, value in state.items()}
    for shift in (0.1, 0.2):
        changed = {n: v + shift if n.endswith("conv1.weight") else v for n, v in state.items()}
        save_file(changed, weights / "test_resnet.safetensors")
        assert not FeatureStore.open(data, stored, load(weights_dir=weights), tmp_path).was_cached
    assert not FeatureStore.open(data, stored, load(size=48), tmp_path).was_cached
    photo = data.root / data.paths[0]
    os.utime(photo, ns=(1, 1))
    assert not FeatureStore.open(data, stored, load(), tmp_path).was_cached
    assert sum(counted) == 5 * NUM


def test_a_computation_that_breaks_off_leaves_nothing(data, tmp_path, monkeypatch):
    stored = images(data, tmp_path)

    def features(self, given):
        yield np.ones((4, self.num_features), dtype=np.float32)
        raise KeyboardInterrupt

    backbone = load()
    with monkeypatch.context() as patch:
        patch.setattr(FrozenBackbone, "features", features)
        with pytest.raises(KeyboardInterrupt):
            FeatureStore.open(data, stored, backbone, tmp_path)
    assert [f.suffix for f in (tmp_path / "features").iterdir()] in ([], [".lock"])
    assert not FeatureStore.open(data, stored, load(), tmp_path).was_cached


@pytest.mark.parametrize("ending", [".npy", ".json"])
def test_a_torn_file_is_computed_again(data, tmp_path, ending):
    stored = images(data, tmp_path)
    whole = np.array(FeatureStore.open(data, stored, load(), tmp_path).array)
    (path,) = (tmp_path / "features").glob(f"*{ending}")
    path.write_bytes(path.read_bytes()[:40])
    again = FeatureStore.open(data, stored, load(), tmp_path)
    assert not again.was_cached
    np.testing.assert_array_equal(again.array, whole)


def test_the_description_says_what_the_features_are_of(data, tmp_path):
    FeatureStore.open(data, images(data, tmp_path), load(), tmp_path)
    (path,) = (tmp_path / "features").glob("*.json")
    described = json.loads(path.read_text())["of"]
    assert described["data"] == data.fingerprint
    assert (described["backbone"], described["input"]) == ("test_resnet", 32)


def test_memory_that_runs_out_makes_the_batches_smaller(data, tmp_path, monkeypatch):
    stored, backbone = images(data, tmp_path), load()
    whole, forward = np.concatenate(list(backbone.features(stored))), FrozenBackbone._forward

    def small(self, batch):
        if len(batch) > 10:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, batch)

    monkeypatch.setattr(FrozenBackbone, "_forward", small)
    parts = list(backbone.features(stored))
    assert max(map(len, parts)) <= 10
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_features_that_are_not_finite_are_refused(data, tmp_path):
    backbone = load()
    nowhere = replace(backbone.preprocess, std=(float("nan"),) * 3)
    broken = replace(backbone, preprocess=nowhere)
    with pytest.raises(NonFiniteLossError, match="features of test_resnet must be finite"):
        FeatureStore.open(data, images(data, tmp_path), broken, tmp_path)
    assert not list((tmp_path / "features").glob("*.npy"))


def test_a_model_that_takes_no_such_input_is_refused():
    with pytest.raises(ConfigError, match=r"timm's 'test_vit' takes no input of 33 px"):
        load("test_vit", size=33)


def test_absent_weights_are_named_with_the_way_out(tmp_path):
    with pytest.raises(WeightsError, match=r"must lie at .*test_resnet\.safetensors"):
        load(weights_dir=tmp_path)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("test_resnet", ("test_resnet",)),
        ("test_vit?", ("test_vit2", "test_vit3", "test_vit4")),
        ("test_resnet.r160_in1k", ("test_resnet.r160_in1k",)),
        ("test_resnet.*", ("test_resnet.r160_in1k",)),
    ],
)
def test_a_pattern_gives_the_models_that_it_matches(pattern, names):
    assert names_like(pattern) == names


def test_a_pattern_also_finds_names_with_a_tag_among_the_weights():
    more = ["test_resnet.r160_in1k", "notes"]
    assert names_like("test_res*", more) == ("test_resnet", "test_resnet.r160_in1k")


def test_a_pattern_that_matches_nothing_is_refused_with_near_names():
    with pytest.raises(ConfigError, match=r"got 'mobilnet_v3\*'; near: .*mobilenet\w*") as error:
        names_like("mobilnet_v3*")
    assert len(str(error.value).splitlines()) == 1


def test_a_backbone_that_does_not_fit_is_an_error_of_ours(monkeypatch):
    def full(self, *given, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(OutOfMemoryError, match="the weights of test_resnet do not fit in memory"):
        load()
