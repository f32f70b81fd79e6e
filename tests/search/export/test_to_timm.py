"""The argument file for timm's train.py: the names are timm's, and so is what comes of them."""

import argparse
import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from timm.data import Mixup, create_transform, resolve_data_config
from timm.optim import create_optimizer_v2, optimizer_kwargs
from timm.scheduler import create_scheduler_v2, scheduler_kwargs

from search.errors import ResultsError
from search.export.to_timm import TIMM_VERSION, Best, losses, read_best, timm_arguments, write_timm
from tests.search.export.timm_options import TRAIN_OPTIONS
from trainables.config import TrialConfig
from trainables.data.schema import Attribute, LabelSchema
from trainables.errors import ConfigError
from trainables.optimizer import lr_factor
from trainables.preprocess import CROPS

SCHEMA = LabelSchema(
    name="people",
    attributes=(
        Attribute(name="mask", classes=("wear", "normal")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30, 60)),
    ),
)
FLAT = {
    "target.attributes": ("mask", "age"),
    "target.form": "softmax",
    "backbone.name": "test_resnet",
    "backbone.pretrained": False,
    "backbone.frozen_stages": 0,
    "backbone.drop_path": 0.0,
    "input.size": 32,
    "input.crop": "full",
    **{f"augment.{name}": 0.0 for name in ("flip", "rotate", "shift", "scale", "colour")},
    **{f"augment.{name}": 0.0 for name in ("grayscale", "erase", "mixup", "half_cutmix")},
    "optim.name": "adamw",
    "optim.lr": 0.01,
    "optim.weight_decay": 0.05,
    "optim.layer_decay": 1.0,
    "optim.head_lr_ratio": 1.0,
    "optim.batch_size": 8,
    "optim.warmup": 0.0,
    "optim.schedule": "cosine",
    "optim.ema": 0.0,
    "optim.clip_norm": 0.0,
    "head.kind": "softmax",
    "head.hidden": 0,
    "head.dropout": 0.0,
    "loss.name": "ce",
    "loss.smoothing": 0.1,
    "sampler.power": 0.0,
    "schedule.epochs": 4,
}


def made_best(*, device="cpu", weights_dir="", size=(144, 112), drop=(), **changes):
    """Returns a best config; `optim__lr=1` changes optim.lr."""
    flat = {**FLAT, **{name.replace("__", "."): value for name, value in changes.items()}}
    return Best(
        space="joint",
        config=TrialConfig.from_flat({k: v for k, v in flat.items() if k not in drop}),
        score=(0.5, 0.4, 0.6),
        stored_size=size,
        device=device,
        weights_dir=weights_dir,
    )


def options(best):
    return timm_arguments(best, SCHEMA).options


def parsed(path, *given):
    """Returns the options as a script does that takes a YAML file for its defaults."""
    parser = argparse.ArgumentParser()
    for name in sorted(TRAIN_OPTIONS):
        parser.add_argument("--" + name.replace("_", "-"), default=None)
    parser.set_defaults(**yaml.safe_load(path.read_text(encoding="utf-8")))
    return parser.parse_args(given)


FULL = {
    "augment__mixup": 0.4,
    "augment__half_cutmix": 0.3,
    "augment__erase": 0.2,
    "optim__ema": 0.99,
    "optim__clip_norm": 1.0,
    "optim__layer_decay": 0.7,
    "optim__warmup": 0.1,
    "backbone__drop_path": 0.1,
    "backbone__name": "test_vit",
    "backbone__pretrained": True,
}
CASES = [
    {},
    FULL,
    {"optim__name": "sgd", "optim__momentum": 0.9, "optim__schedule": "constant"},
    {"augment__half_cutmix": 0.3},
]


@pytest.mark.parametrize("changes", CASES)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_option_is_one_of_timms(changes, device):
    found = options(made_best(device=device, weights_dir="weights", **changes))
    assert set(found) <= TRAIN_OPTIONS
    assert all(value is not None for value in found.values())


def test_the_list_of_options_is_of_the_version_the_file_names():
    assert TIMM_VERSION == "1.0.28"
    assert len(TRAIN_OPTIONS) == 164


def test_the_file_gives_a_script_its_defaults_with_their_types(tmp_path):
    path, arguments = write_timm(tmp_path / "timm", made_best(**FULL), SCHEMA)
    found = vars(parsed(path, "--data-dir", "photos"))
    assert {name: found[name] for name in arguments.options} == arguments.options
    assert found["data_dir"] == "photos"


def test_the_file_names_its_classes_and_what_is_lost(tmp_path):
    path, arguments = write_timm(tmp_path, made_best(augment__rotate=5.0), SCHEMA)
    text = path.read_text(encoding="utf-8")
    assert path.name == "joint.yaml"
    assert "#     5  normal >=60" in text
    assert "macro-F1 0.500 [0.400, 0.600]" in text
    assert all(f"#   - {lost}" in text for lost in arguments.missing)
    assert any("augment.rotate=5 degrees" in lost for lost in arguments.missing)
    assert all(len(line) <= 150 for line in text.splitlines())


@pytest.mark.parametrize(
    ("changes", "drop", "classes"),
    [
        ({}, (), 6),
        ({"target__attributes": ("age",)}, (), 3),
        ({"target__form": "heads", "task_weight__mask": 1.0, "task_weight__age": 1.0}, (), 6),
    ],
)
def test_the_classes_are_those_of_the_target(changes, drop, classes):
    assert options(made_best(drop=drop, **changes))["num_classes"] == classes


def test_normalisation_is_the_models_own_where_its_weights_are_loaded():
    own = timm.get_pretrained_cfg("test_resnet")
    scratch = options(made_best())
    loaded = options(made_best(backbone__pretrained=True))
    assert (scratch["mean"], scratch["std"]) == ([0.5] * 3, [0.25] * 3)
    assert (loaded["mean"], loaded["std"]) == (list(own.mean), list(own.std))
    assert scratch["pretrained"] is False
    assert loaded["pretrained"] is True


def test_weights_from_a_folder_are_named():
    best = made_best(backbone__pretrained=True, weights_dir="/weights")
    assert options(best)["pretrained_path"] == "/weights/test_resnet.safetensors"
    assert "pretrained_path" not in options(made_best(weights_dir="/weights"))


def test_timm_reads_size_and_normalisation_as_we_mean_them():
    found = resolve_data_config(dict(options(made_best())), pretrained_cfg={"mean": (9, 9, 9)})
    assert found["input_size"] == (3, 32, 32)
    assert found["mean"] == (0.5, 0.5, 0.5)
    assert found["interpolation"] == "bilinear"


def test_a_model_with_a_built_in_size_is_built_for_ours():
    found = options(made_best(backbone__name="test_vit"))
    model = timm.create_model("test_vit", num_classes=2, **found["model_kwargs"])
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    assert "model_kwargs" not in options(made_best())


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_timms_optimizer_gets_our_numbers(name):
    momentum = {"optim__momentum": 0.8} if name == "sgd" else {}
    best = made_best(optim__name=name, optim__layer_decay=0.5, **momentum)
    cfg = argparse.Namespace(**{"momentum": None, **options(best)})
    model = timm.create_model("test_resnet", num_classes=2)
    optimizer = create_optimizer_v2(model, **optimizer_kwargs(cfg))
    assert type(optimizer).__name__ == {"adamw": "AdamW", "sgd": "SGD"}[name]
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.05}
    assert min(group["lr_scale"] for group in optimizer.param_groups) <= 0.5
    if name == "sgd":
        assert optimizer.defaults["momentum"] == 0.8
        assert optimizer.defaults["nesterov"] is True


@pytest.mark.parametrize(
    ("device", "precision", "mixed"),
    [
        ("cpu", None, False),
        ("cpu", "bf16", True),
        ("cpu", "float32", False),
        ("cuda", None, True),
        ("cuda", "bf16", True),
        ("cuda", "float32", False),
    ],
)
def test_the_precision_of_the_config_is_that_of_timms_training(device, precision, mixed):
    given = {} if precision is None else {"numerics__precision": precision}
    said = options(made_best(device=device, **given))
    assert said.get("amp", False) is mixed
    assert said.get("amp_dtype") == ("bfloat16" if mixed else None)


@given(
    warmup=st.sampled_from([0.0, 0.05, 0.1, 0.2]),
    schedule=st.sampled_from(["cosine", "constant"]),
    epochs=st.integers(2, 8),
)
def test_timms_learning_rate_follows_ours(warmup, schedule, epochs):
    updates = 20
    best = made_best(optim__warmup=warmup, optim__schedule=schedule, schedule__epochs=epochs)
    cfg = argparse.Namespace(**options(best))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=cfg.lr)
    scheduler, num_epochs = create_scheduler_v2(
        optimizer, **scheduler_kwargs(cfg), updates_per_epoch=updates
    )
    assert num_epochs == epochs
    for step in range(epochs * updates):
        scheduler.step_update(step)
        ours = 0.01 * lr_factor(best.config.optim, step, epochs * updates)
        # In the warm-up we are a step ahead; the cosines start a warm-up apart, which is told.
        warm = warmup * epochs * updates
        apart = 1 / warm if step < warm else 1.6 * warmup
        assert math.isclose(optimizer.param_groups[0]["lr"], ours, abs_tol=0.01 * (0.02 + apart))


@pytest.mark.parametrize("crop", sorted(CROPS))
def test_timms_training_crop_has_the_size_and_shape_of_ours(crop):
    found = options(made_best(input__crop=crop))
    transform = create_transform(
        found["img_size"], is_training=True, scale=found["scale"], ratio=found["ratio"]
    )
    _, _, share_y, share_x = CROPS[crop]
    photo = Image.new("RGB", (112, 144))
    for _ in range(5):
        _, _, height, width = transform.transforms[0].get_params(
            photo, tuple(found["scale"]), tuple(found["ratio"])
        )
        assert abs(height - 144 * share_y) <= 1
        assert abs(width - 112 * share_x) <= 1


def test_zooming_changes_the_area_of_the_training_crop():
    low, high = options(made_best(augment__scale=0.1, input__crop="centre"))["scale"]
    assert (low, high) == pytest.approx((0.64 * 0.81, 0.64 * 1.21), abs=1e-6)
    assert options(made_best(augment__scale=0.1))["scale"] == pytest.approx([0.81, 1.0])


@pytest.mark.parametrize(("size", "share"), [((144, 112), 0.75), ((112, 144), 0.68)])
def test_evaluation_sees_the_share_of_the_shorter_side(size, share):
    assert options(made_best(input__crop="face", size=size))["crop_pct"] == share


@pytest.mark.parametrize(("mixup", "expected"), [(0.4, 1.0), (0.0, 0.3)])
def test_timm_mixes_as_often_as_we_do(mixup, expected):
    found = options(made_best(augment__mixup=mixup, augment__half_cutmix=0.3))
    # timm's mixing draws from the global generator.
    np.random.seed(0)  # noqa: NPY002
    mix = Mixup(
        mixup_alpha=found["mixup"],
        cutmix_alpha=found["cutmix"],
        prob=found.get("mixup_prob", 1.0),
        switch_prob=found.get("mixup_switch_prob", 0.5),
        num_classes=6,
    )
    drawn = [mix._params_per_batch() for _ in range(2000)]
    boxes = [share for share, is_box in drawn if is_box and share != 1.0]
    assert np.mean([share != 1.0 for share, _ in drawn]) == pytest.approx(expected, abs=0.05)
    assert len(boxes) / 2000 == pytest.approx(0.3, abs=0.05)
    assert np.mean(boxes) == pytest.approx(0.5, abs=0.02)


def test_smoothing_is_zero_where_the_loss_has_none():
    focal = made_best(loss__name="focal", loss__gamma=2.0, drop=("loss.smoothing",))
    assert options(made_best())["smoothing"] == 0.1
    assert options(focal)["smoothing"] == 0.0
    assert any("loss.name=focal" in text for text in losses(focal.config))


def test_another_head_becomes_a_softmax():
    best = made_best(
        target__attributes=("age",),
        head__kind="ordinal",
        loss__name="own",
        drop=("loss.smoothing",),
    )
    assert options(best)["num_classes"] == 3
    assert any("head.kind=ordinal" in text for text in losses(best.config))


def test_a_model_that_timm_lacks_is_refused():
    with pytest.raises(ConfigError, match="unknown timm model 'test_resnat'"):
        options(made_best(backbone__name="test_resnat"))


DATA = {
    **{"path": "", "layout": None, "demo_people": 24, "fingerprint": "a", "split": "b"},
    "stored_size": [144, 112],
}


def saved(folder: Path, **changes: object) -> Path:
    """Writes a best config as a run does, with changed or dropped (None) keys."""
    values = {
        "schema": 1,
        "space": "joint",
        "score": {"value": 0.5, "interval": [0.4, 0.6], "probabilities": "0" * 16},
        "trial": 3,
        "seed": 5,
        "data": DATA,
        "training": {"device": "cpu", "num_threads": 1, "weights_dir": ""},
        "config": made_best().config.to_tree(),
        **changes,
    }
    path = folder / "joint.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))
    return path


def test_a_best_config_is_read_as_it_was_written(tmp_path):
    assert read_best(saved(tmp_path), SCHEMA) == made_best()


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        ({"kind": "joint", "attribute": ""}, {}),
        ({"kind": "attribute", "attribute": "age"}, {"target__attributes": ("age",)}),
        (
            {"kind": "multihead", "attribute": ""},
            {"target__form": "heads", "task_weight__mask": 1.0, "task_weight__age": 1.0},
        ),
    ],
)
def test_a_best_config_of_a_headrace_before_blocks_is_read(tmp_path, target, changes):
    best = made_best(**changes)
    path = saved(tmp_path, config={**best.config.to_tree(), "target": target})
    assert read_best(path, SCHEMA) == best


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": None}, "is not a best config of headrace: it lacks score.value, score.int"),
        ({"training": []}, "is not a best config of headrace: it lacks training.device"),
        (
            {"score": {"value": 0.9, "interval": [0.4, 0.6], "probabilities": ""}},
            "is not a best config of headrace: `low <= score <= high` must hold",
        ),
        ({"seed": [1]}, "is not a best config of headrace: TypeError"),
        ({"data": {**DATA, "stored_size": [144]}}, "is not a best config of headrace: not enough"),
    ],
)
def test_a_torn_best_config_is_refused(tmp_path, changes, message):
    with pytest.raises(ResultsError, match=message):
        read_best(saved(tmp_path, **changes), SCHEMA)


def test_a_best_config_with_unknown_options_is_refused(tmp_path):
    tree = made_best().config.to_tree()
    tree["optim"]["speed"] = 1
    path = saved(tmp_path, config=tree)
    with pytest.raises(ConfigError, match=r"unknown name 'optim\.speed'"):
        read_best(path, SCHEMA)


def test_a_space_without_a_best_config_is_refused_with_those_that_have_one(tmp_path):
    saved(tmp_path)
    with pytest.raises(ResultsError, match=r"no best config .*age\.yaml; .*one: joint$"):
        read_best(tmp_path / "age.yaml", SCHEMA)


def test_a_best_config_that_is_not_yaml_is_refused(tmp_path):
    (tmp_path / "age.yaml").write_text("a: [")
    with pytest.raises(ResultsError, match="is not a best config of headrace"):
        read_best(tmp_path / "age.yaml", SCHEMA)


@pytest.mark.parametrize(("name", "found"), [("tiny_vit_11m_224", 0.0), ("test_vit", None)])
def test_a_stochastic_depth_of_the_models_own_is_switched_off_as_in_the_search(name, found):
    """timm gives this tiny_vit a rate of 0.1 where nobody says another."""
    best = made_best(backbone__name=name, input__size=224)
    assert options(best).get("drop_path") == found
