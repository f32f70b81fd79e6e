"""ONNX networks predict what the originals do, in a program that knows onnxruntime alone."""

import csv
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from search.errors import ResultsError, UsageError
from search.export import onnx_network as export_network
from search.export import to_onnx as export_onnx
from search.export.command import made_up_photos
from search.export.onnx_network import OnnxNetwork, output_name
from search.export.parity import LIMIT, compare_heads, served_heads
from search.predict.ensemble import Ensemble, joint_probs
from tests.search.builders.ensembles import (
    SIZE,
    made_member,
    made_members,
    made_spec,
    with_weights,
    write_ensemble,
)
from tests.trainables import tiny
from trainables.predictor import Predictor

PHOTOS = made_up_photos(SIZE)


def ignore(done, total):
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """Folder of an ensemble of a joint and a multihead member, two folds each, mirrored."""
    folder = tmp_path_factory.mktemp("run") / "ensemble"
    write_ensemble(folder, members=with_weights(made_members()[1:], 0.4, 0.6))
    return folder


@pytest.fixture(scope="module")
def exported(ensemble):
    """The folder of ONNX files and what was said of them."""
    out = ensemble.parent / "onnx"
    seen = []
    parity = export_onnx.export_onnx(
        ensemble, out, PHOTOS, "made-up photos", lambda *done: seen.append(done)
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    return out, parity


def outputs(path, photos):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"images": photos}), strict=True))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def followed(told, outputs_of, num_photos):
    """Returns probabilities and classes, by the words of `ensemble.json` and nothing else.

    Args:
        told: its content.
        outputs_of: returns the outputs of a network by name, given its file.
        num_photos: shown to them.
    """
    total = 0.0
    for member in told["members"]:
        for networks in member["folds"]:
            joint = np.ones((num_photos, *told["attributes"].values()))
            for network in networks:
                found = outputs_of(network["file"])
                for head, temperature, names in zip(
                    network["heads"], network["temperatures"], network["decides"], strict=True
                ):
                    p = softmax(np.log(found[head].astype(np.float64)) / temperature)
                    sizes = [k if a in names else 1 for a, k in told["attributes"].items()]
                    joint = joint * p.reshape(num_photos, *sizes)
            joint = joint.reshape(num_photos, -1)
            total = total + member["weight"] / len(member["folds"]) * joint
    return total, (np.log(total) + told["biases"]).argmax(axis=1)


def test_every_network_and_the_ensemble_predict_the_same(exported):
    _, parity = exported
    assert parity.holds
    assert [each.name for each in parity.networks] == [
        f"{space}.1.0.{fold}.onnx" for space in ("joint", "multihead") for fold in (0, 1)
    ]
    assert all(0 < each.max_difference < 1e-5 for each in parity.networks)
    assert parity.ensemble.max_difference < 1e-5


def test_a_program_with_onnxruntime_alone_follows_the_description(exported, ensemble):
    folder = exported[0]
    told = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    probs, classes = followed(told, lambda file: outputs(folder / file, PHOTOS), len(PHOTOS))
    original = Ensemble.load(ensemble, "cpu")
    np.testing.assert_allclose(probs, original(PHOTOS), atol=1e-6)
    np.testing.assert_array_equal(classes, original.classes(original(PHOTOS)))
    assert told["classes"] == list(original.spec.labels.joint_names)
    assert told["input"] == {"name": "images", "type": "uint8", "shape": ["n", *SIZE, 3]}


BLOCKED = """
import runpy
import sys
for name in ("search", "spaces", "trainables", "headrace", "torch", "timm"):
    sys.modules[name] = None
program, folder = sys.argv[1:]
sys.argv = [program, folder]
runpy.run_path(program, run_name="__main__")
"""


def test_the_program_beside_the_networks_answers_photos_as_predict_does(
    exported, ensemble, tmp_path
):
    """64 photos: upright and turned by EXIF, larger and smaller than stored, JPEG and PNG."""
    rng = np.random.default_rng(0)
    for number in range(64):
        height, width = rng.integers(SIZE[0] // 2, 3 * SIZE[0], 2)
        coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[0x0112] = 1 + number % 8
        image.save(tmp_path / f"{number:02d}.{'jpg' if number % 2 else 'png'}", exif=exif)
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, exported[0] / "run_onnx.py", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(done.stdout.splitlines()))
    original, paths = Ensemble.load(ensemble, "cpu"), sorted(tmp_path.iterdir())
    probs = original(paths)
    assert [row[0] for row in rows[1:]] == [path.name for path in paths]
    assert [int(row[1]) for row in rows[1:]] == original.classes(probs).tolist()
    assert rows[1][2] == original.spec.labels.joint_names[int(rows[1][1])]
    np.testing.assert_allclose(np.array([row[3:] for row in rows[1:]], float), probs, atol=2e-6)


def test_the_program_says_that_a_folder_has_no_photos(exported, tmp_path):
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds no photos" in done.stderr


def test_the_program_says_which_packages_it_needs(exported, tmp_path):
    without = BLOCKED.replace('"search"', '"onnxruntime", "search"')
    command = [sys.executable, "-c", without, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("run_onnx.py: ")
    assert done.stderr.endswith("; it needs: pip install numpy Pillow onnxruntime\n")


def test_the_description_of_blocks_out_of_order_is_followed_to_the_same_probabilities():
    grouped = made_member("mask+age | gender", "mask+age", "gender", weight=0.4)
    shuffled = made_member("separate", "age", "mask", "gender", weight=0.6)
    spec, rng = made_spec(members=(grouped, shuffled)), np.random.default_rng(0)
    sizes = {"mask": 3, "gender": 2, "age": 3, "mask+age": 9}
    heads = {
        file: {head: rng.dirichlet(np.ones(sizes[head]), 5) for head in part.heads}
        for part in spec.parts
        for file in part.files
    }
    served = {
        export_onnx.onnx_name(file): {output_name(head): p for head, p in found.items()}
        for file, found in heads.items()
    }
    told = json.loads(json.dumps(export_onnx.description(spec)))
    probs, classes = followed(told, served.__getitem__, 5)
    np.testing.assert_allclose(probs, joint_probs(spec, heads))
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert classes.shape == (5,)


def test_the_folds_have_weights_of_their_own(exported):
    first, second = (
        outputs(exported[0] / f"joint.1.0.{fold}.onnx", PHOTOS)["p_joint"] for fold in (0, 1)
    )
    assert np.abs(first - second).max() > 10 * LIMIT


@pytest.mark.parametrize("count", [1, 3, 64])
def test_any_number_of_photos_goes_at_once(exported, count):
    path = exported[0] / "multihead.1.0.0.onnx"
    found, whole = outputs(path, PHOTOS[:count]), outputs(path, PHOTOS)
    assert sorted(found) == ["p_age", "p_gender", "p_mask"]
    for head, probs in found.items():
        np.testing.assert_allclose(probs, whole[head][:count], atol=1e-6)


def test_the_files_are_valid_and_name_no_place_on_this_machine(exported):
    files = sorted(exported[0].iterdir())
    assert {path.suffix for path in files} == {".onnx", ".json", ".py"}
    for path in files:
        if path.suffix == ".onnx":
            onnx.checker.check_model(onnx.load(path), full_check=True)
        assert b"stack_trace" not in path.read_bytes()
        assert str(exported[0].parent).encode() not in path.read_bytes()
        assert b"site-packages" not in path.read_bytes()


def test_parity_json_says_what_was_compared(exported):
    out, parity = exported
    told = json.loads((out / "parity.json").read_text(encoding="utf-8"))
    assert set(told.pop("versions")) == {"torch", "onnx", "onnxruntime", "onnxscript"}
    assert told == parity.to_dict()
    assert (told["photos"], told["source"], told["limit"]) == (64, "made-up photos", 1e-4)
    assert told["holds"] is True


NETWORKS = {
    "regression": (tiny.AGE_TARGET, tiny.REGRESSION, {"input.crop": "face"}),
    "ordinal-attention": (
        *(tiny.AGE_TARGET, tiny.ORDINAL),
        {"backbone.name": "test_vit", "input.crop": "lower"},
    ),
}


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_every_kind_of_network_is_exported(tmp_path, changes):
    data = tiny.training_data()
    paths = [tmp_path / f"{fold}.safetensors" for fold in range(2)]
    for fold, path in enumerate(paths):
        model = tiny.classifier(*changes, data=data, seed=fold)
        model.train_epoch()
        save_file(model.weights(), path)
    predictor = Predictor(
        tiny.config(*changes), data.schema, paths[0],
        mean=(0.5, 0.4, 0.6), std=(0.25, 0.3, 0.2), device=tiny.CPU,
    )  # fmt: skip
    network = OnnxNetwork(predictor, SIZE, mirrored=False)
    for path in paths:
        predictor.load(path)
        network.write(path.with_suffix(".onnx"))
        served = served_heads(path.with_suffix(".onnx"), predictor.heads, PHOTOS)
        original = predictor.predict(torch.from_numpy(PHOTOS))
        assert compare_heads("x", original, served).holds


def made_heads(*rows):
    return {"age": np.array(rows)}


def test_a_difference_of_the_limit_or_more_does_not_hold():
    one = made_heads([0.9, 0.1])
    near = compare_heads("x", one, made_heads([0.9 - 0.9 * LIMIT, 0.1]))
    far = compare_heads("x", one, made_heads([0.9 - 1.1 * LIMIT, 0.1]))
    assert (near.holds, far.holds) == (True, False)
    assert far.max_difference == pytest.approx(1.1 * LIMIT)


def test_another_class_does_not_hold_however_near():
    found = compare_heads("x", made_heads([0.50001, 0.49999]), made_heads([0.49999, 0.50001]))
    assert found.max_difference < LIMIT
    assert not found.same_classes
    assert not found.holds


def test_a_probability_that_is_no_number_does_not_hold():
    nan = compare_heads("x", made_heads([0.9, 0.1]), made_heads([np.nan, 0.1]))
    assert not nan.holds
    assert nan.to_dict()["max_difference"] is None


def test_a_network_with_other_weights_is_found_out(ensemble, exported, tmp_path, monkeypatch):
    # Every fold gets the file of fold 0, as a graph with stale weights would be.
    def write(network, path):
        stale = path.name.replace(".1.onnx", ".0.onnx")
        path.write_bytes((exported[0] / stale).read_bytes())

    monkeypatch.setattr(export_network, "_drawn", lambda *given: None)
    monkeypatch.setattr(OnnxNetwork, "write", write)
    parity = export_onnx.export_onnx(ensemble, tmp_path / "onnx", PHOTOS[:8], "x", ignore)
    assert [each.holds for each in parity.networks] == [True, False, True, False]
    assert not parity.holds
    assert json.loads((tmp_path / "onnx" / "parity.json").read_text())["holds"] is False


def failing(*given, **options):
    raise torch.onnx.OnnxExporterError("no such\noperation")


def test_a_network_that_onnx_cannot_say_is_refused_and_leaves_the_older_export(
    ensemble, tmp_path, monkeypatch
):
    monkeypatch.setattr(export_network, "_drawn", failing)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "old").touch()
    with pytest.raises(UsageError, match="cannot export test_resnet: no such operation; search"):
        export_onnx.export_onnx(ensemble, tmp_path / "onnx", PHOTOS, "x", ignore)
    assert [path.name for path in tmp_path.rglob("*")] == ["onnx", "old"]


def test_an_older_export_is_replaced_as_a_whole(ensemble, tmp_path, monkeypatch):
    def write(network, path):
        path.touch()

    def served(path, heads, photos):
        return {head: np.full((len(photos), sizes[head]), 0.5) for head in heads}

    sizes = {"joint": 18, "mask": 3, "gender": 2, "age": 3}
    monkeypatch.setattr(export_network, "_drawn", lambda *given: None)
    monkeypatch.setattr(OnnxNetwork, "write", write)
    monkeypatch.setattr(export_onnx, "served_heads", served)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "old").touch()
    parity = export_onnx.export_onnx(ensemble, tmp_path / "onnx", PHOTOS[:2], "x", ignore)
    assert not parity.holds
    assert not (tmp_path / "onnx" / "old").exists()
    assert len(list((tmp_path / "onnx").glob("*.onnx"))) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["onnx"]


def test_a_missing_package_is_named_with_the_way_to_it(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else real(name)
    )
    with pytest.raises(UsageError, match=r"here is no onnxscript; install headrace\[export\]"):
        export_onnx.check_packages()


def test_an_ensemble_without_its_weights_is_refused(tmp_path):
    made_spec().write(tmp_path)
    with pytest.raises(ResultsError, match="weights of the ensemble are missing"):
        export_onnx.export_onnx(tmp_path, tmp_path / "onnx", PHOTOS, "x", ignore)


def test_the_program_passes_over_what_is_no_photo_of_a_user(exported, tmp_path):
    """A Mac's hidden twin of every file, and a folder with the name of a photo."""
    Image.new("RGB", (32, 32)).save(tmp_path / "=a.png")
    (tmp_path / "._=a.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "b.png").mkdir()
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row[0] for row in csv.reader(done.stdout.splitlines())] == ["ImageID", "'=a.png"]


def test_the_program_answers_nothing_where_a_photo_is_broken(exported, tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no photo")
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"run_onnx.py: {tmp_path / 'b.png'} cannot be read as a photo: ")


def test_the_program_takes_exif_that_cannot_be_read_for_none(exported, tmp_path):
    Image.new("RGB", (32, 16)).save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr


def test_the_program_writes_utf_8_whatever_the_terminal_speaks(exported, tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "사람.png")
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    env = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8").splitlines()[1].startswith("사람.png,")


def test_the_program_refuses_names_that_no_table_can_hold(exported, tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"\xb3.png"))
    command = [sys.executable, exported[0] / "run_onnx.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "names of photos must be Unicode, got '\\udcb3.png'" in done.stderr
