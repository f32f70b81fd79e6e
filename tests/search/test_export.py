"""`headrace export`: what is written where, what is said, and the exit codes."""

import io

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from search import export
from search.errors import ResultsError, UsageError
from search.export import comparison_photos, export_run, made_up_photos
from search.export_parity import NetworkParity, Parity
from search.store import RunStore
from tests.search.ensembles import SCHEMA, made_spec
from tests.search.people import SIDE
from tests.search.test_export_timm import saved
from trainables.data import synthetic
from trainables.data.image_decoding import decode_image


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def store(tmp_path):
    """A run of the demo with two best configs, and nothing of an ensemble."""
    made = RunStore(tmp_path / "results" / "made")
    write_study(made)
    (made.root / "best").mkdir()
    for space in ("multihead", "joint"):
        path = saved(made.root / "best", space=space)
        path.rename(path.with_name(f"{space}.yaml"))
    return made


def write_study(store, data=""):
    store.root.mkdir(parents=True, exist_ok=True)
    store.write_study(
        {"config": {"data": str(data), "people": 24}, "data": {"schema": SCHEMA.to_dict()}}
    )


def write_truth(store, samples):
    store.predictions.mkdir()
    rows = [f"{sample},p0,0" for sample in samples]
    text = "\n".join(["sample,group,label", *rows]) + "\n"
    (store.predictions / "truth.csv").write_text(text, encoding="utf-8")


def said(console):
    return console.file.getvalue()


def test_every_best_config_goes_to_timm(store, console):
    assert export_run(store, "timm", console) == 0
    files = sorted((store.root / "timm").iterdir())
    assert [path.name for path in files] == ["joint.yaml", "multihead.yaml"]
    found = yaml.safe_load(files[0].read_text(encoding="utf-8"))
    assert found["num_classes"] == SCHEMA.num_joint


def test_what_timm_cannot_do_is_said_a_space(store, console):
    export_run(store, "timm", console, spaces=["joint"])
    assert "timm/joint.yaml: no counterpart in timm:" in said(console)
    assert "  - score: timm keeps the checkpoint" in said(console)
    assert "multihead" not in said(console)
    assert [path.name for path in (store.root / "timm").iterdir()] == ["joint.yaml"]


def test_a_space_without_a_best_config_leaves_nothing_behind(store, console):
    with pytest.raises(ResultsError, match=r"age\.yaml; spaces with one: joint, multihead"):
        export_run(store, "timm", console, spaces=["joint", "age"])
    assert not (store.root / "timm").exists()


def test_a_run_without_best_configs_is_refused(tmp_path, console):
    empty = RunStore(tmp_path / "empty")
    write_study(empty)
    with pytest.raises(ResultsError, match="has no best config yet; resume the run"):
        export_run(empty, "timm", console)


def test_an_unknown_format_is_refused_with_those_there_are(store, console):
    with pytest.raises(UsageError, match="--to must be one of timm, onnx, got 'coreml'"):
        export_run(store, "coreml", console)


def test_a_part_of_an_ensemble_is_not_exported(store, console):
    with pytest.raises(UsageError, match="the whole ensemble, got --space age mask; leave it"):
        export_run(store, "onnx", console, spaces=["age", "mask"])


def test_a_run_without_an_ensemble_is_refused(store, console):
    with pytest.raises(ResultsError, match="there is no ensemble"):
        export_run(store, "onnx", console)


@pytest.mark.parametrize(("difference", "code"), [(1e-7, 0), (2e-4, 1), (float("nan"), 1)])
def test_the_exit_code_tells_whether_the_networks_are_the_same(
    store, console, monkeypatch, difference, code
):
    network = NetworkParity(name="age.1.0.0.onnx", max_difference=difference, same_classes=True)
    whole = NetworkParity(name="ensemble", max_difference=1e-9, same_classes=True)
    parity = Parity(networks=(network,), ensemble=whole, photos=64, source="random colours")
    monkeypatch.setattr(export, "export_onnx", lambda *given: parity)
    made_spec().write(store.root / "ensemble")
    assert export_run(store, "onnx", console) == code
    text = " ".join(said(console).split())
    assert ("onnxruntime does not predict the same" in text) == bool(code)
    assert ("onnxruntime predicts the same" in text) != bool(code)
    assert "64 photos (random colours)" in text
    assert "age.1.0.0.onnx" in text


def test_photos_are_the_runs_own_where_they_are_here(store, people):
    samples = sorted(path.relative_to(people).as_posix() for path in people.rglob("*.png"))
    write_study(store, people)
    write_truth(store, samples)
    spec = made_spec(stored_size=(SIDE, SIDE))
    photos, source = comparison_photos(store, spec, None)
    assert source == "photos of the run's data"
    assert photos.shape == (48, SIDE, SIDE, 3)
    first = decode_image(people / samples[0], (SIDE, SIDE), "first")
    np.testing.assert_array_equal(photos[0], first)


def test_the_demo_is_looked_for_in_the_cache(store, tmp_path):
    write_truth(store, ["a.png", "b.png"])
    root = synthetic.demo_dir(tmp_path / "cache", 24, 0)
    root.mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (30, 40), colour).save(root / name)
    photos, source = comparison_photos(store, made_spec(), tmp_path / "cache")
    assert source == "photos of the run's data"
    assert photos[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert "not here" in comparison_photos(store, made_spec(), None)[1]


@pytest.mark.parametrize("missing", ["truth", "photo", "broken"])
def test_colours_are_made_up_where_photos_are_not_here(store, tmp_path, missing):
    write_study(store, tmp_path)
    if missing != "truth":
        write_truth(store, ["a.png"])
    if missing == "broken":
        (tmp_path / "a.png").write_bytes(b"no photo")
    photos, source = comparison_photos(store, made_spec(), None)
    assert source == "random colours: the run's photos are not here"
    np.testing.assert_array_equal(photos, made_up_photos((40, 30)))


def test_made_up_photos_differ_and_have_coarse_colours():
    photos = made_up_photos((40, 30))
    assert photos.shape == (64, 40, 30, 3)
    assert photos.dtype == np.uint8
    assert len({photo.tobytes() for photo in photos}) == 64
    assert np.ptp(photos[0, :8, :8], axis=(0, 1)).tolist() == [0, 0, 0]
    np.testing.assert_array_equal(photos, made_up_photos((40, 30)))
