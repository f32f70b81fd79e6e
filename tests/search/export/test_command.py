"""`headrace export`: what is written where, what is said, and the exit codes."""

import io
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from rich.console import Console

from search.errors import ResultsError, UsageError
from search.export import command as export
from search.export.command import comparison_photos, export_run, made_up_photos
from search.export.parity import NetworkParity, Parity
from search.export.to_timm import write_classes
from search.prepare.config import RunConfig
from search.prepare.dataset import SPLIT_SEED
from search.store.run_store import RunStore
from tests.search.builders.ensembles import SCHEMA, made_spec
from tests.search.builders.people import SIDE, write_people
from tests.search.export.test_to_timm import made_best, saved
from trainables.data import layouts
from trainables.data.demo import generate as synthetic
from trainables.data.image_decoding import decode_image
from trainables.data.several_roots import together
from trainables.data.splits import make_split


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def store(tmp_path):
    """A run of the demo with two best configs, and nothing of an ensemble."""
    made = RunStore(tmp_path / "results" / "made")
    write_study(made)
    (made.root / "best").mkdir()
    config = made_best(target__attributes=SCHEMA.names).config.to_tree()
    for space in ("multihead", "joint"):
        path = saved(made.root / "best", space=space, config=config)
        path.rename(path.with_name(f"{space}.yaml"))
    return made


def write_study(store, data="", fingerprint="", added=()):
    store.root.mkdir(parents=True, exist_ok=True)
    store.write_study(
        {
            "config": RunConfig(
                name="made", spaces=("joint",), data=str(data), add_data=added, people=24, seed=0
            ).to_dict(),
            "data": {"schema": SCHEMA.to_dict(), "fingerprint": fingerprint},
        }
    )


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
    path = store.root / "timm" / "joint.yaml"
    assert f"{path}: the options of timm's train.py for joint\n" in said(console)
    assert f"training: python train.py --config {path} --data-dir FOLDER\n" in said(console)
    assert "no counterpart in timm:\n" in said(console)
    assert "  - score: timm keeps the checkpoint" in said(console)
    assert "multihead" not in said(console)
    assert [path.name for path in (store.root / "timm").iterdir()] == ["joint.yaml"]


def test_what_timm_cannot_do_for_any_space_is_said_once(store, console, tmp_path):
    config = made_best(target__attributes=SCHEMA.names, augment__rotate=10.0).config.to_tree()
    path = saved(tmp_path, space="multihead", config=config)
    path.rename(store.root / "best" / "multihead.yaml")
    export_run(store, "timm", console)
    text = said(console)
    assert text.count("  - score: timm keeps the checkpoint") == 1
    assert text.index("no counterpart in timm:\n") < text.index("  - score: timm keeps")
    of_one = text.partition("no counterpart in timm of multihead:\n")[2]
    assert of_one.splitlines() == ["  - augment.rotate=10 degrees: no rotation"]
    assert "no counterpart in timm of joint" not in text


def test_the_photos_of_the_search_go_into_class_folders(store, console, tmp_path):
    data = write_people(tmp_path / "data")
    table = layouts.load(data)
    best = made_best(target__attributes=table.schema.names)
    classes = write_classes(store.root / "timm" / "joint.csv", best, table)
    export._say_folders(console, classes, table)
    command = said(console).partition(": ")[2].replace("FOLDER", str(tmp_path / "made"))
    for _ in range(2):  # a second time changes nothing
        done = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    split = make_split(table, seed=SPLIT_SEED)
    for part, rows in (("train", split.search_train), ("validation", split.search_val)):
        found = [path for path in (tmp_path / "made" / part).rglob("*.png") if path.is_file()]
        wanted = {(data / table.paths[row]).resolve(): int(table.joint[row]) for row in rows}
        assert {path.resolve(): int(path.parent.name) for path in found} == wanted
        assert len(found) == len(rows)


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
    with pytest.raises(UsageError, match=r"one of timm, onnx, portfolio, .*, got 'coreml'"):
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


SPEC = made_spec(stored_size=(SIDE, SIDE))
OWN, MADE_UP = "photos of the run's data", "random colours: the run's photos are not here"


def test_photos_are_the_runs_own_where_they_are_here(store, people):
    table = layouts.load(people)
    write_study(store, people, table.fingerprint)
    photos, source = comparison_photos(store, SPEC, None)
    assert source == OWN
    assert photos.shape == (48, SIDE, SIDE, 3)
    last = decode_image(people / table.paths[-1], (SIDE, SIDE), "last")
    np.testing.assert_array_equal(photos[-1], last)


def test_the_demo_is_looked_for_in_the_cache(store, tmp_path, people):
    write_study(store, "", layouts.load(people).fingerprint)
    root = synthetic.demo_dir(tmp_path / "cache", 24, 0)
    shutil.copytree(people, root)
    assert comparison_photos(store, SPEC, tmp_path / "cache")[1] == OWN
    assert comparison_photos(store, SPEC, tmp_path)[1] == MADE_UP
    assert comparison_photos(store, SPEC, None)[1] == MADE_UP


def test_many_photos_are_spread_over_the_data(store, tmp_path):
    data = write_people(tmp_path / "many", num_people=80)
    table = layouts.load(data)
    write_study(store, data, table.fingerprint)
    photos, _ = comparison_photos(store, SPEC, None)
    assert len(photos) == 64
    for row, sample in ((0, 0), (-1, -1)):
        expected = decode_image(data / table.paths[sample], (SIDE, SIDE), "x")
        np.testing.assert_array_equal(photos[row], expected)


@pytest.mark.parametrize("trouble", ["no folder", "other data", "missing photo", "broken photo"])
def test_colours_are_made_up_where_photos_are_not_here(store, tmp_path, trouble):
    data = write_people(tmp_path / "data", num_people=3)
    write_study(
        store, data, "other" if trouble == "other data" else layouts.load(data).fingerprint
    )
    first = data / layouts.load(data).paths[0]
    if trouble == "no folder":
        shutil.rmtree(data)
    elif trouble == "missing photo":
        first.unlink()
    elif trouble == "broken photo":
        first.write_bytes(bytes(first.stat().st_size))
    photos, source = comparison_photos(store, SPEC, None)
    assert source == MADE_UP
    np.testing.assert_array_equal(photos, made_up_photos((SIDE, SIDE)))


def test_made_up_photos_differ_and_have_coarse_colours():
    photos = made_up_photos((40, 30))
    assert photos.shape == (64, 40, 30, 3)
    assert photos.dtype == np.uint8
    assert len({photo.tobytes() for photo in photos}) == 64
    assert np.ptp(photos[0, :8, :8], axis=(0, 1)).tolist() == [0, 0, 0]
    np.testing.assert_array_equal(photos, made_up_photos((40, 30)))


def test_a_run_with_added_data_has_its_photos_here(store, people, tmp_path, console):
    added = write_people(tmp_path / "added", num_people=5, seed=1)
    tables = {str(added): layouts.load(added, is_added=True)}
    table = together(layouts.load(people), tables, scored=False)
    write_study(store, people, table.fingerprint, added=(str(added),))
    assert comparison_photos(store, SPEC, None)[1] == OWN


def test_without_the_photos_no_class_folders_are_promised(store, console):
    export_run(store, "timm", console, spaces=["joint"])
    assert "class folders: none, for the run's photos are not here as they were" in said(console)
    text = (store.root / "timm" / "joint.yaml").read_text(encoding="utf-8")
    assert "class_folders.py" not in text
