"""How large a search may think: chosen from what is at hand, never hidden."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.errors import SpaceError
from spaces.scale import IMAGENET_BACKBONES, SMALL_BACKBONES, Scale, choose_scale

OPTIONS = {
    "backbones": ("test_resnet",),
    "pretrained": False,
    "input_sizes": (64,),
    "batch_sizes": (32,),
    "lr": (1e-4, 1e-2),
    "max_epochs": 5,
    "reason": "a test",
}


def choose(device="cpu", pretrained=None, weights=(), max_epochs=None):
    return choose_scale(
        device=device, pretrained=pretrained, weights=weights, max_epochs=max_epochs
    )


def test_backbones_that_are_asked_for_take_the_place_of_the_scales_own():
    wish = {"device": "cpu", "pretrained": None, "weights": (), "max_epochs": None}
    asked = choose_scale(**wish, backbones=("resnet18", "test_vit"))
    assert asked.backbones == ("resnet18", "test_vit")
    assert asked.reason == f"{choose().reason}; backbones as given"
    assert choose_scale(**wish, backbones=()) == choose()


@pytest.mark.parametrize("name", ["backbones", "input_sizes", "batch_sizes"])
def test_an_empty_offer_is_refused(name):
    with pytest.raises(SpaceError, match="must offer a backbone, an input size and a batch size"):
        Scale(**{**OPTIONS, name: ()})


@pytest.mark.parametrize("lr", [(0.0, 1e-2), (1e-2, 1e-2), (1e-2, 1e-3), (-1e-3, 1e-2)])
def test_a_learning_rate_range_that_is_none_is_refused(lr):
    with pytest.raises(SpaceError, match=r"0 < low < high must hold for lr, got \("):
        Scale(**{**OPTIONS, "lr": lr})


@pytest.mark.parametrize("max_epochs", [0, -1])
def test_no_epoch_is_refused(max_epochs):
    with pytest.raises(SpaceError, match=f"max_epochs must be at least 1, got {max_epochs}"):
        Scale(**{**OPTIONS, "max_epochs": max_epochs})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("pretrained", [True, False])
def test_no_epoch_is_refused_whatever_the_device(device, pretrained):
    with pytest.raises(SpaceError, match="max_epochs must be at least 1, got 0"):
        choose(device, pretrained, max_epochs=0)


@settings(max_examples=25)
@given(low=st.floats(1e-6, 1e-2), factor=st.floats(1.5, 1000))
def test_the_default_rate_is_the_geometric_mean_to_two_digits(low, factor):
    scale = Scale(**{**OPTIONS, "lr": (low, low * factor)})
    assert scale.default_lr == pytest.approx(low * factor**0.5, rel=0.06)
    assert scale.lr[0] <= scale.default_lr <= scale.lr[1]
    assert len(f"{scale.default_lr:.10e}".rstrip("0")) <= 20


def test_a_cpu_alone_gets_small_models_from_scratch():
    scale = choose()
    assert scale.backbones == SMALL_BACKBONES
    assert not scale.pretrained
    assert max(scale.input_sizes) <= 96


def test_a_folder_of_weights_on_a_cpu_is_used_as_it_is():
    scale = choose(weights=("tf_efficientnet_lite0",))
    assert scale.backbones == ("tf_efficientnet_lite0",)
    assert scale.pretrained
    assert max(scale.input_sizes) <= 96


def test_pretrained_on_a_cpu_without_a_folder_takes_the_smallest_of_the_hub():
    scale = choose(pretrained=True)
    assert scale.backbones == IMAGENET_BACKBONES[:2]
    assert scale.pretrained


def test_a_gpu_gets_imagenet_models():
    scale = choose("cuda")
    assert scale.backbones == IMAGENET_BACKBONES
    assert scale.pretrained
    assert min(scale.input_sizes) >= 224


def test_a_folder_of_weights_on_a_gpu_limits_the_offer_to_what_lies_there():
    there = (IMAGENET_BACKBONES[3], IMAGENET_BACKBONES[0], "my_own")
    assert choose("cuda", weights=there).backbones == (
        IMAGENET_BACKBONES[0],
        IMAGENET_BACKBONES[3],
    )
    assert choose("cuda", weights=("my_own",)).backbones == ("my_own",)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_from_scratch_is_possible_everywhere_and_learns_faster(device):
    scratch = choose(device, pretrained=False, weights=("test_resnet",))
    loaded = choose(device, pretrained=True)
    assert not scratch.pretrained
    assert scratch.lr[1] > loaded.lr[1]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("pretrained", [True, False])
def test_the_wish_for_epochs_is_followed(device, pretrained):
    assert choose(device, pretrained, max_epochs=3).max_epochs == 3
    assert choose(device, pretrained).max_epochs > 3


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("weights", [(), ("test_resnet",)])
def test_the_reason_is_one_sentence_for_the_plan(device, weights):
    assert choose(device, weights=weights).reason
    assert "\n" not in choose(device, weights=weights).reason
