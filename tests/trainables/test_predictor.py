"""A network brought back from its file predicts as the one that was trained, bit for bit."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.trainables import tiny
from tests.trainables.data.folders import COLOUR_SCHEMA, MASK_SCHEMA
from trainables.classifier import ImageClassifier
from trainables.errors import OutOfMemoryError, WeightsError
from trainables.predictor import Predictor

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def trained(*changes, seed=1, weights_dir=None):
    """Returns a classifier after one epoch, its moving average apart from its weights."""
    model = ImageClassifier(
        tiny.config(*changes),
        tiny.training_data(),
        seed=seed,
        device=tiny.CPU,
        weights_dir=weights_dir,
    )
    model.train_epoch()
    return model


def saved(model, folder, name="a"):
    path = folder / f"{name}.safetensors"
    save_file(model.weights(), path)
    return path


def predictor(model, path, schema=MASK_SCHEMA, **changes):
    seen = {"mean": model.preprocess.mean, "std": model.preprocess.std, "device": tiny.CPU}
    return Predictor(model.config, schema, path, **{**seen, **changes})


def photos(count=20, seed=3):
    return tiny.training_data(num_train=count, num_other=0, seed=seed).images.stored


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("changes", tiny.MODELS.values(), ids=tiny.MODELS)
def test_it_predicts_as_the_trained_network_bit_for_bit(tmp_path, changes, mirrored):
    model = trained(*changes)
    found = predictor(model, saved(model, tmp_path)).predict(photos(), mirrored=mirrored)
    tiny.assert_same(found, model.predict_images([photos()], mirrored=mirrored))


def test_the_mirror_image_is_another_photo(tmp_path):
    model = trained()
    back = predictor(model, saved(model, tmp_path))
    plain, mirrored = (back.predict(photos(), mirrored=m)["gender"] for m in (False, True))
    assert not np.array_equal(plain, mirrored)


def test_its_preprocessing_is_that_of_training(tmp_path):
    model = trained(tiny.BUSY, tiny.JOINT, {"input.crop": "face"})
    assert predictor(model, saved(model, tmp_path)).preprocess == model.preprocess


def test_a_pretrained_config_needs_no_pretrained_file_and_keeps_its_normalisation(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    save_file(timm.create_model("test_resnet").state_dict(), folder / "test_resnet.safetensors")
    frozen = {"backbone.pretrained": True, "backbone.frozen_stages": 1}
    model = trained(frozen, weights_dir=folder)
    path = saved(model, tmp_path)
    (folder / "test_resnet.safetensors").unlink()
    back = predictor(model, path)
    assert back.preprocess == model.preprocess
    assert back.preprocess.std != tiny.classifier().preprocess.std
    tiny.assert_same(back.predict(photos()), model.predict_images([photos()]))


def test_an_auxiliary_head_is_loaded_and_not_predicted(tmp_path):
    model = trained(tiny.MULTIHEAD, tiny.AUX)
    back = predictor(model, saved(model, tmp_path))
    assert back.heads == MASK_SCHEMA.names
    assert list(back.predict(photos())) == list(MASK_SCHEMA.names)


def test_the_next_fold_goes_into_the_same_network(tmp_path):
    changes = tiny.MODELS["regression"]
    first, second = trained(*changes), trained(*changes, seed=2)
    back = predictor(first, saved(first, tmp_path))
    back.load(saved(second, tmp_path, "b"))
    tiny.assert_same(back.predict(photos()), second.predict_images([photos()]))


def test_the_boundaries_of_a_regression_come_from_the_file(tmp_path):
    model = trained(*tiny.MODELS["regression"])
    path = saved(model, tmp_path)
    weights = load_file(path)
    moved = {n: v + 1 if n.endswith(".edges") else v for n, v in weights.items()}
    save_file(moved, path)
    shifted = predictor(model, path).predict(photos())["age"]
    plain = model.predict_images([photos()])["age"]
    assert (shifted[:, 0] > plain[:, 0]).all()


def test_weights_without_the_boundaries_are_refused(tmp_path):
    model = trained(*tiny.MODELS["regression"])
    weights = {n: v for n, v in model.weights().items() if not n.endswith(".edges")}
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"another network than test_resnet .*head_age\.edges"):
        predictor(model, tmp_path / "a.safetensors")


def test_building_it_leaves_the_global_generator_alone(tmp_path):
    model = trained()
    path = saved(model, tmp_path)
    before = torch.get_rng_state()
    predictor(model, path)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_network_are_named(tmp_path):
    gender, joint = trained(), trained(tiny.JOINT)
    with pytest.raises(WeightsError, match=r"a\.safetensors are of another network .*head_gender"):
        predictor(gender, saved(joint, tmp_path))


@pytest.mark.parametrize("size", [0, 100])
def test_a_torn_file_is_named(tmp_path, size):
    model = trained()
    path = saved(model, tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WeightsError, match=r"the weights .*a\.safetensors cannot be read"):
        predictor(model, path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"the weights .*none\.safetensors cannot be read"):
        predictor(trained(), tmp_path / "none.safetensors")


def test_a_schema_without_the_attribute_is_refused(tmp_path):
    model = trained()
    with pytest.raises(ValueError, match="unknown attribute 'gender'; available: colour"):
        predictor(model, saved(model, tmp_path), COLOUR_SCHEMA)


def with_little_memory(back, limit, error=None):
    sizes = []

    def check(module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > limit:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB")

    back.network.register_forward_pre_hook(check)
    return sizes


def test_where_memory_runs_out_batches_halve_and_nothing_is_lost(tmp_path):
    model = trained(tiny.JOINT)
    back = predictor(model, saved(model, tmp_path))
    sizes = with_little_memory(back, 5)
    found = back.predict(photos(20))
    assert sizes == [20, 10, 5, 5, 5, 5]
    assert back.batch_size == 5
    expected = model.predict_images([photos(20)])["joint"]
    np.testing.assert_allclose(found["joint"], expected, atol=1e-6)


def test_a_single_photo_that_does_not_fit_is_an_error(tmp_path):
    model = trained()
    back = predictor(model, saved(model, tmp_path))
    with_little_memory(back, 0)
    with pytest.raises(OutOfMemoryError, match=r"one photo of 32 px does not fit .* test_resnet"):
        back.predict(photos(3))


def test_any_other_error_is_passed_on(tmp_path):
    model = trained()
    back = predictor(model, saved(model, tmp_path))
    sizes = with_little_memory(back, 0, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        back.predict(photos(3))
    assert sizes == [3]


def test_a_network_that_does_not_fit_is_an_error_of_ours(tmp_path, monkeypatch):
    model = trained()
    weights = saved(model, tmp_path)

    def full(self, *given, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(OutOfMemoryError, match="the weights of test_resnet do not fit in memory"):
        predictor(model, weights)
