"""timm models by name: their weights, their frozen stages, and errors that say what to do."""

import logging

import pytest
import timm
import timm.models._hub
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from tests.trainables import tiny
from trainables.backbone import (
    build_backbone,
    check_backbone,
    check_name,
    check_shape,
    freeze,
    set_training,
    weights_in,
)
from trainables.errors import ConfigError, WeightsError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NAME = "test_resnet"
HTTP_ERROR = HfHubHTTPError.__mro__[1]
"""The root of the errors of the hub's HTTP library, some of which the hub lets through."""


def settings(**values):
    return tiny.config({f"backbone.{name}": value for name, value in values.items()}).backbone


@pytest.fixture
def weights_dir(tmp_path):
    """A folder with weights of NAME, as a download would have them: with a classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = timm.create_model(NAME, pretrained=False)
    save_file(model.state_dict(), tmp_path / f"{NAME}.safetensors")
    return tmp_path


@pytest.fixture
def unreachable(monkeypatch):
    """Makes every download fail with the given error; returns how to set it."""

    def fail_with(error):
        def download(*args, **kwargs):
            raise error

        monkeypatch.setattr(timm.models._hub, "hf_hub_download", download)

    return fail_with


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit", "test_convnext"])
@pytest.mark.parametrize("size", [32, 48])
def test_features_are_as_wide_as_said(name, size):
    loaded = build_backbone(settings(name=name), None, size)
    features = loaded.module.eval()(torch.zeros(2, 3, size, size))
    assert features.shape == (2, loaded.num_features)


def test_building_leaves_the_model_in_training_mode_and_its_buffers_fresh():
    module = build_backbone(settings(), None, 32).module
    assert module.training
    assert all(int(v) == 0 for n, v in module.named_buffers() if n.endswith("num_batches_tracked"))


def test_the_same_torch_seed_gives_the_same_start():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = build_backbone(settings(), None, 32).module.state_dict()
        torch.manual_seed(1)
        second = build_backbone(settings(), None, 32).module.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_weights_of_a_folder_are_loaded(weights_dir):
    loaded = build_backbone(settings(pretrained=True), weights_dir, 32)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        stored = timm.create_model(NAME, pretrained=False).state_dict()
    for name, value in loaded.module.state_dict().items():
        assert torch.equal(value, stored[name]), name
    assert weights_in(weights_dir) == (NAME,)


def test_hidden_files_and_those_of_no_model_are_no_weights(weights_dir):
    for name in (f"._{NAME}", "model"):
        (weights_dir / f"{name}.safetensors").write_bytes(b"")
    assert weights_in(weights_dir) == (NAME,)
    (weights_dir / f"{NAME}.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"got model\.safetensors in .*; rename it"):
        weights_in(weights_dir)


def test_a_tag_that_timm_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(ConfigError, match=r"weights a1_in1k, .*, got 'resnet18\.a1_in2k'"):
        check_name("resnet18.a1_in2k")


def test_the_weights_of_the_file_are_not_kept_a_second_time(weights_dir):
    module = build_backbone(settings(pretrained=True), weights_dir, 32).module
    assert not module.pretrained_cfg.get("state_dict")


def test_loaded_weights_bring_their_own_normalisation(weights_dir):
    loaded = build_backbone(settings(pretrained=True), weights_dir, 32)
    known = timm.get_pretrained_cfg(NAME)
    assert (loaded.mean, loaded.std) == (known.mean, known.std)
    scratch = build_backbone(settings(), None, 32)
    assert (scratch.mean, scratch.std) == ((0.5,) * 3, (0.25,) * 3)


def test_a_folder_without_the_weights_says_where_they_must_lie_and_what_is_there(weights_dir):
    wanted = settings(name="test_vit", pretrained=True)
    for check in (
        lambda: build_backbone(wanted, weights_dir, 32),
        lambda: check_backbone(wanted, weights_dir),
    ):
        with pytest.raises(WeightsError) as caught:
            check()
        message = str(caught.value)
        assert f"must lie at {weights_dir / 'test_vit.safetensors'}" in message
        assert f"weights there: {NAME};" in message
        assert "use --no-pretrained" in message


def test_an_empty_folder_of_weights_says_none(tmp_path):
    with pytest.raises(WeightsError, match="weights there: none;"):
        build_backbone(settings(pretrained=True), tmp_path, 32)


@pytest.mark.parametrize("size", [0, 7, 1000, -1])
def test_a_torn_file_of_weights_is_named(weights_dir, size):
    file = weights_dir / f"{NAME}.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(WeightsError, match=rf"{NAME}\.safetensors do not fit timm's '{NAME}'"):
        build_backbone(settings(pretrained=True), weights_dir, 32)


def test_weights_of_another_model_are_named(weights_dir):
    (weights_dir / f"{NAME}.safetensors").rename(weights_dir / "test_vit.safetensors")
    with pytest.raises(WeightsError, match=r"test_vit\.safetensors do not fit timm's 'test_vit'"):
        build_backbone(settings(name="test_vit", pretrained=True), weights_dir, 32)


def rewrite(weights_dir, change):
    """Changes the stored weights, a mapping of names, in place."""
    file = weights_dir / f"{NAME}.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file)


def test_weights_that_lack_a_layer_are_refused_and_the_layer_is_named(weights_dir):
    rewrite(weights_dir, lambda weights: weights.pop("layer3.0.conv1.weight"))
    with pytest.raises(WeightsError, match=r"Missing key\(s\).*layer3\.0\.conv1\.weight"):
        build_backbone(settings(pretrained=True), weights_dir, 32)


def test_weights_with_a_layer_too_many_are_refused_and_the_layer_is_named(weights_dir):
    rewrite(weights_dir, lambda weights: weights.update(extra=torch.zeros(1)))
    with pytest.raises(WeightsError, match=r"Unexpected key\(s\).*extra"):
        build_backbone(settings(pretrained=True), weights_dir, 32)


def test_a_file_without_weights_is_refused(weights_dir, unreachable):
    unreachable(AssertionError("asked the hub"))
    rewrite(weights_dir, lambda weights: weights.clear())
    with pytest.raises(WeightsError, match="holds no weights of a backbone"):
        build_backbone(settings(pretrained=True), weights_dir, 32)


@pytest.mark.parametrize("num_classes", [0, 10])
def test_weights_of_another_classifier_or_none_are_as_good(weights_dir, num_classes):
    model = timm.create_model(NAME, pretrained=False, num_classes=num_classes)
    save_file(model.state_dict(), weights_dir / f"{NAME}.safetensors")
    module = build_backbone(settings(pretrained=True), weights_dir, 32).module
    assert torch.equal(module.conv1[0].weight, model.conv1[0].weight)


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def test_tries_to_reach_the_hub_are_no_lines(monkeypatch):
    client, heard = logging.getLogger("huggingface_hub.utils._http"), Heard()
    monkeypatch.setattr(client, "handlers", [heard])

    def download(*_args, **_kwargs):
        client.warning("Retrying in 1s [Retry 1/5].")
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(timm.models._hub, "hf_hub_download", download)
    client.warning("said before")
    with pytest.raises(WeightsError, match="no network"):
        check_backbone(settings(pretrained=True), None)
    client.warning("said again afterwards")
    assert heard.lines == ["said before", "said again afterwards"]


@pytest.mark.parametrize(
    "error",
    [
        LocalEntryNotFoundError("cannot find the requested files"),
        ConnectionError("no route to host"),
        TimeoutError("timed out"),
        HTTP_ERROR("403 Forbidden"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_hub_out_of_reach_says_what_to_do(unreachable, error):
    unreachable(error)
    wanted = settings(pretrained=True)
    for check in (lambda: build_backbone(wanted, None, 32), lambda: check_backbone(wanted, None)):
        with pytest.raises(WeightsError) as caught:
            check()
        message = str(caught.value)
        assert f"pretrained weights of {NAME!r} could not be downloaded ({error})" in message
        assert f"give a folder with {NAME}.safetensors as --weights-dir" in message
        assert "train from scratch with --no-pretrained" in message


def test_the_hub_is_not_asked_where_nothing_is_pretrained(unreachable):
    unreachable(AssertionError("asked"))
    build_backbone(settings(), None, 32)
    check_backbone(settings(), None)


@pytest.mark.parametrize("name", ["test_resnets", "resnet 18", ""])
def test_an_unknown_model_is_refused(name):
    with pytest.raises(ConfigError, match=r"unknown timm model '.*'.*list_models\(\) lists all"):
        check_name(name)


def test_an_unknown_model_names_its_neighbours():
    with pytest.raises(ConfigError, match=r"unknown timm model 'resnet9'; near: .*resnet"):
        build_backbone(settings(name="resnet9"), None, 32)


@pytest.mark.parametrize("name", ["tiny_vit_5m_224", "rexnet_100", "vgg11"])
def test_rates_of_a_models_own_are_switched_off(name):
    """timm gives some models a dropout or stochastic depth that no config shows."""
    assert timm.create_model("rexnet_100").head.drop.p > 0
    module = build_backbone(settings(name=name), None, 224).module
    rates = [getattr(each, "drop_prob", 0.0) for each in module.modules()]
    rates += [each.p for each in module.modules() if isinstance(each, torch.nn.Dropout)]
    assert max(rates) == 0


def test_a_model_without_drop_path_says_so():
    with pytest.raises(
        ConfigError, match=r"'vgg11' refuses .*drop_path_rate.*backbone\.drop_path"
    ):
        build_backbone(settings(name="vgg11", drop_path=0.1), None, 32)


def test_no_stage_is_frozen_by_zero():
    module = build_backbone(settings(), None, 32).module
    assert all(parameter.requires_grad for parameter in module.parameters())


def frozen_layers(module):
    return {n.partition(".")[0] for n, p in module.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize(
    ("stages", "layers"),
    [
        (1, {"conv1", "bn1"}),
        (2, {"conv1", "bn1", "layer1"}),
        (4, {"conv1", "bn1", "layer1", "layer2", "layer3"}),
    ],
)
def test_the_first_stages_are_frozen_and_no_other(weights_dir, stages, layers):
    wanted = settings(pretrained=True, frozen_stages=stages)
    module = build_backbone(wanted, weights_dir, 32).module
    assert frozen_layers(module) == layers
    free = {n.partition(".")[0] for n, p in module.named_parameters() if p.requires_grad}
    assert not free & layers


def test_frozen_normalisation_keeps_its_statistics_while_training():
    module = timm.create_model(NAME, pretrained=False, num_classes=0)
    freeze(module, 2)
    set_training(module)
    before = {name: value.clone() for name, value in module.named_buffers()}
    module(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    changed = {n for n, v in module.named_buffers() if not torch.equal(v, before[n])}
    assert changed
    assert not {name for name in changed if name.startswith(("conv1", "bn1", "layer1"))}
    assert {name.partition(".")[0] for name in changed} == {"layer2", "layer3", "layer4"}


def test_a_model_without_stages_says_so_where_some_are_to_be_frozen():
    check_shape("pit_ti_224", 224, frozen_stages=0)
    with pytest.raises(ConfigError, match=r"set backbone\.frozen_stages to 0"):
        check_shape("pit_ti_224", 224, frozen_stages=1)


def test_a_model_of_one_size_says_that_it_takes_no_other():
    with pytest.raises(ConfigError, match="'efficientformer_l1' takes no input of 64 px"):
        check_shape("efficientformer_l1", 64, frozen_stages=0)
