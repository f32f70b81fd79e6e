"""The ensemble from Python: against a slow twin, on any photos, anywhere it is copied to."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from search.errors import ResultsError, UsageError
from search.predict import ensemble as predict
from search.predict.ensemble import Ensemble
from search.predict.spec import Member
from tests.search.builders.ensembles import (
    SCHEMA,
    SIZE,
    SPACES,
    made_files,
    made_member,
    made_members,
    made_part,
    made_photos,
    made_spec,
    with_weights,
    write_ensemble,
)
from tests.search.builders.runs import ROOT
from tests.trainables import tiny
from trainables.errors import DataError, WeightsError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NUM = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of an ensemble of all approaches; nobody may write to it."""
    path = tmp_path_factory.mktemp("made") / "ensemble"
    write_ensemble(path)
    return path


@pytest.fixture
def ensemble(folder):
    return Ensemble.load(folder, "cpu")


def head_probs(folder, part, fold, images, mirrored):
    """Returns the probabilities of every head, by the classifier that was saved."""
    model = tiny.classifier(*SPACES[part.space])
    network = model._stepping.predictor
    weights = load_file(folder / part.files[fold])
    network.load_state_dict({n: v for n, v in weights.items() if not n.endswith(".edges")})
    return model.predict_images([torch.from_numpy(images)], mirrored=mirrored)


def slow_twin(spec, folder, images):
    """Returns what the module docstring of ensemble_format says, one photo and class at a time."""
    probs = np.zeros((len(images), 18))
    for member in spec.members:
        for fold in range(2):
            calibrated = {}
            for part in member.parts:
                plain = head_probs(folder, part, fold, images, mirrored=False)
                flipped = head_probs(folder, part, fold, images, mirrored=True)
                for head, temperature in zip(part.heads, part.temperatures, strict=True):
                    both = (plain[head].astype(float) + flipped[head].astype(float)) / 2
                    powers = (both if spec.mirrored else plain[head].astype(float)) ** (
                        1 / temperature
                    )
                    calibrated[head] = powers / powers.sum(axis=1, keepdims=True)
            for code in range(18):
                mask, gender, age = code // 6, code // 3 % 2, code % 3
                classes = {"mask": mask, "gender": gender, "age": age}
                classes |= {"joint": code, "mask+age": 3 * mask + age}
                joint = np.ones(len(images))
                for head, values in calibrated.items():
                    joint *= values[:, classes[head]]
                probs[:, code] += member.weight * joint / 2
    return probs


@pytest.mark.parametrize("mirrored", [True, False])
def test_probabilities_are_those_of_the_slow_twin(folder, mirrored):
    spec = made_spec(mirrored=mirrored)
    found = Ensemble(spec, folder, tiny.CPU)(made_photos())
    assert (found.dtype, found.shape) == (np.float64, (NUM, 18))
    np.testing.assert_allclose(found, slow_twin(spec, folder, made_photos()), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_heads_in_any_order_make_the_joint_classes_of_the_schema(folder, tmp_path):
    ordered, shuffled = (
        Ensemble(made_spec(members=(made_member("separate", *names),)), folder, tiny.CPU)
        for names in (SCHEMA.names, ("age", "mask", "gender"))
    )
    np.testing.assert_allclose(shuffled(made_photos()), ordered(made_photos()), atol=1e-12)
    grouped = made_member("mask+age | gender", "mask+age", "gender")
    spec = write_ensemble(tmp_path / "ensemble", members=(grouped,))
    found = Ensemble.load(tmp_path / "ensemble", "cpu")(made_photos())
    expected = slow_twin(spec, tmp_path / "ensemble", made_photos())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_member_of_one_network_is_that_network_bit_for_bit(folder):
    part = made_part("joint", temperatures=(1.0,), files=made_part("joint").files[:1])
    spec = made_spec(
        members=(Member(name="joint.1.0", approach="joint", weight=1.0, parts=(part,)),),
        mirrored=False,
        selection="single",
    )
    found = Ensemble(spec, folder, tiny.CPU)(made_photos())
    expected = head_probs(folder, part, 0, made_photos(), mirrored=False)["joint"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_network_that_two_members_share_is_run_once(folder, monkeypatch):
    first, *rest = with_weights(made_members(), 0.25, 0.2, 0.3)
    cold = replace(first.parts[0], temperatures=(0.1,))
    twin = replace(first, name="separate.chosen.0", parts=(cold, *first.parts[1:]))
    spec = made_spec(members=(first, twin, *rest))
    built = []
    real = predict.Predictor

    def counted(*given, **options):
        built.append(given)
        return real(*given, **options)

    monkeypatch.setattr(predict, "Predictor", counted)
    found = Ensemble(spec, folder, tiny.CPU)(made_photos())
    assert len(built) == sum(len(member.parts) for member in made_members())
    np.testing.assert_allclose(found, slow_twin(spec, folder, made_photos()), atol=1e-6)


def test_biases_decide_the_class(ensemble):
    probs = np.full((2, 18), 0.01)
    probs[:, 0], probs[:, 17] = 0.5, 0.33
    probs[1, 17] = 0.1
    # Bias of class 0 is -0.5, of class 17 +0.5: a ratio of e = 2.7 is made up for.
    assert ensemble.classes(probs).tolist() == [17, 0]
    assert ensemble.classes(np.eye(18)).tolist() == list(range(18))


def test_files_pillow_images_and_tensors_are_predicted_alike(ensemble, tmp_path):
    images = made_photos(3, size=(64, 50))
    paths = made_files(tmp_path, images)
    expected = ensemble(paths)
    forms = [list(map(str, paths)), list(map(Image.fromarray, images)), torch.from_numpy(images)]
    for form in (*forms, images):
        np.testing.assert_array_equal(ensemble(form), expected)


def test_photos_are_loaded_and_shown_in_parts_without_a_seam(ensemble, monkeypatch):
    whole = ensemble(made_photos(11))
    monkeypatch.setattr(predict, "_LOAD_BYTES", 4 * 3 * SIZE[0] * SIZE[1])
    monkeypatch.setattr(predict, "_STEP", 3)
    np.testing.assert_allclose(ensemble(made_photos(11)), whole, atol=1e-6)


def test_progress_counts_photos_from_none_to_all(ensemble, monkeypatch):
    monkeypatch.setattr(predict, "_LOAD_BYTES", 4 * 3 * SIZE[0] * SIZE[1])
    seen = []
    ensemble(made_photos(9), lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {9}
    done = [done for done, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 9)
    assert len(set(done)) > 4


def test_no_photos_give_no_rows(ensemble):
    assert ensemble([]).shape == (0, 18)
    assert ensemble.classes(ensemble(made_photos(0))).shape == (0,)


def test_every_broken_photo_is_named_though_they_lie_in_other_parts(
    ensemble, tmp_path, monkeypatch
):
    monkeypatch.setattr(predict, "_LOAD_BYTES", 2 * 3 * SIZE[0] * SIZE[1])
    paths = made_files(tmp_path, made_photos(6))
    for number in (1, 4):
        paths[number].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2 of 6 images .*1\.png .*; .*4\.png"):
        ensemble(paths)


def test_a_folder_copied_elsewhere_predicts_the_same(folder, ensemble, tmp_path):
    copy = tmp_path / "other place" / "ensemble"
    shutil.copytree(folder, copy)
    np.testing.assert_array_equal(
        Ensemble.load(str(copy), "cpu")(made_photos()), ensemble(made_photos())
    )


def test_an_ensemble_without_a_file_of_weights_is_refused_before_any_photo(folder, tmp_path):
    copy = tmp_path / "ensemble"
    shutil.copytree(folder, copy)
    (copy / made_part("age").files[1]).unlink()
    with pytest.raises(ResultsError, match=r"weights .* are missing .*age\.1\.0\.1\.safetensors"):
        Ensemble.load(copy)


def test_a_torn_file_of_weights_is_named(folder, tmp_path):
    copy = tmp_path / "ensemble"
    shutil.copytree(folder, copy)
    (copy / made_part("joint").files[1]).write_bytes(b"")
    with pytest.raises(WeightsError, match=r"joint\.1\.0\.1\.safetensors cannot be read"):
        Ensemble.load(copy, "cpu")(made_photos())


def test_heads_that_the_config_does_not_have_are_refused():
    wrong = made_part("gender", config=tiny.flat(*SPACES["mask"]))
    parts = (made_part("mask"), wrong, made_part("age"))
    member = Member(name="a", approach="separate", weight=1.0, parts=parts)
    with pytest.raises(ResultsError, match=r"part gender\.1\.0 .* its config, mask, got gender"):
        made_spec(members=(member,))


def test_weights_of_other_heads_than_the_configs_are_refused(folder):
    wrong = made_part("mask", files=made_part("joint").files)
    parts = (wrong, made_part("gender"), made_part("age"))
    member = Member(name="a", approach="separate", weight=1.0, parts=parts)
    with pytest.raises(WeightsError, match=r"joint.* are of another network .* heads mask"):
        Ensemble(made_spec(members=(member,)), folder, tiny.CPU)(made_photos())


def test_a_part_that_claims_heads_of_another_target_is_refused():
    joint = made_part("multihead", heads=("joint",), temperatures=(1.0,))
    member = Member(name="a", approach="joint", weight=1.0, parts=(joint,))
    with pytest.raises(
        ResultsError, match=r"part multihead\.1\.0 .* mask, gender, age, got joint"
    ):
        made_spec(members=(member,))


def test_no_ensemble_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="there is no ensemble"):
        Ensemble.load(tmp_path)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu9", "a device is cpu, cuda or cuda:N, got 'tpu9'"),
        ("cuda:99", "no device 'cuda:99' here; there is cpu"),
        ("meta", "no device 'meta' here; there is cpu"),
        ("mps", "no device 'mps' here; there is cpu"),
    ],
)
def test_an_unknown_device_is_refused(folder, device, message):
    with pytest.raises(UsageError, match=message):
        Ensemble.load(folder, device)


def test_attributes_of_the_schema_name_the_classes(ensemble):
    assert ensemble.spec.labels == SCHEMA
    assert len(ensemble.spec.labels.joint_names) == 18


BLOCKED = """
import sys
for name in ("ray", "optuna"):
    sys.modules[name] = None
from search.predict import Ensemble
print(Ensemble.__name__)
"""


def test_a_prediction_needs_neither_ray_nor_optuna():
    command = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Ensemble"


def test_an_ensemble_that_is_replaced_since_it_was_opened_gives_no_answer(folder, tmp_path):
    copy, other = tmp_path / "ensemble", tmp_path / "other"
    for path in (copy, other):
        shutil.copytree(folder, path)
    text = (other / "ensemble.yaml").read_text(encoding="utf-8")
    (other / "ensemble.yaml").write_text(f"{text}# anew\n", encoding="utf-8")
    opened = Ensemble.load(copy, "cpu")
    opened(made_photos())
    copy.rename(tmp_path / "old")
    with pytest.raises(ResultsError, match="was replaced or deleted since it was opened"):
        opened(made_photos())
    other.rename(copy)
    with pytest.raises(ResultsError, match="since it was opened; open it again"):
        opened(made_photos())
