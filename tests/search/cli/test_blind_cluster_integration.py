"""A whole run on a cluster whose nodes see neither data nor results nor the code of headrace.

One of them is killed in the middle of the refit, and another comes. Then a copy of the run goes on
on another cluster with pseudo-labels, and loses a node in the middle of them.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from search.prepare.setting import SharedImages
from search.pseudo.labels import PseudoLabels
from search.pseudo.verdict import PSEUDO_CONFIG, PSEUDO_FILE, labels_folder, pseudo_files
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles, RefitNote
from search.refit.refitted import Refitted
from search.refit.train import train_unit
from search.refit.truth import Truth
from search.refit.units import Unit
from search.store.run_store import RunStore
from search.trial.trial_run import TrialRun
from tests.search.builders.blind_cluster import blind_cluster, can_hide
from tests.search.builders.people import trial_setting, write_people
from tests.search.builders.runs import ROOT, arguments, stored, wait_for
from trainables.data.bounded_files import load_json
from trainables.data.layouts import flat

SPACE = """
from spaces.parts import default_config

TINY = {{
    "backbone.name": "test_resnet",
    "input.size": 32,
    "optim.batch_size": 16,
    "numerics.precision": "float32",  # what a machine measures would be another training
}}


def default(schema, scale):
    weights = {{f"task_weight.{{name}}": 1.0 for name in schema.names}}
    return {{**default_config(schema, scale, with_age=False), **TINY, **({weights})}}


def suggest(trial, schema, scale):
    trial.suggest_float("optim.lr", 1e-4, 1e-2, log=True)
"""

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not can_hide(), reason="this user may not make mount namespaces"),
]


def spaces(folder):
    """Writes the spaces of all approaches and returns how a command line names them."""
    plain, heads = folder / "plain.py", folder / "heads.py"
    plain.write_text(SPACE.format(weights="{}"), encoding="utf-8")
    heads.write_text(SPACE.format(weights="weights"), encoding="utf-8")
    named = [f"{name}={plain}" for name in ("gender", "mask", "joint")]
    return ["all", *named, f"multihead={heads}"]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """Everything of the user, which the nodes see as an empty folder; a run is in it."""
    folder = tmp_path_factory.mktemp("laptop")
    data = write_people(folder / "data")
    options = {"trials": 1, "max_epochs": 2, "refit_seeds": 1, "name": "away"}
    command = [sys.executable, "-m", "search"]
    command += arguments(data, folder / "cache", folder / "results", *spaces(folder), **options)
    with (
        tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as temporary,
        blind_cluster(Path(temporary), folder) as cluster,
    ):
        parts = folder / "results" / "away" / "predictions" / "parts"
        code = run_and_lose_a_node(
            [*command, "--address", cluster.address, "--keep-models"], cluster, folder, parts
        )
    assert code == 0, (folder / "said").read_text(encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pseudo(laptop):
    """A copy of the run that has gone on with pseudo-labels, after a model was deleted."""
    results = laptop / "again"
    shutil.copytree(laptop / "results", results)
    (deleted,) = (results / "away" / "models").glob("gender.*.0.0.safetensors")
    deleted.unlink()
    photos = write_people(laptop / "others", num_people=5, seed=1) / "photos"
    command = [sys.executable, "-m", "search", "run", "--resume", "away"]
    command += ["--results", str(results), "--cache", str(laptop / "cache")]
    options = ["--pseudo-labels", str(photos), "--pseudo-threshold", "gender=0.5", "mask=0.501"]
    parts = results / "away" / "predictions" / "pseudo" / "parts"
    with (
        tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as temporary,
        blind_cluster(Path(temporary), laptop) as cluster,
    ):
        at = ["--address", cluster.address]
        code = run_and_lose_a_node([*command, *options, *at], cluster, laptop, parts)
    said = (laptop / "said").read_text(encoding="utf-8")
    assert code == 0, said
    assert said.count("of the nodes, 2 get them through Ray") == 2
    assert "of the refit that label the photos are deleted: trained again first" in said
    assert deleted.is_file()
    return RunStore.open(results, "away")


def run_and_lose_a_node(command, cluster, folder, parts):
    """Runs a command on a cluster, one of whose nodes is another after the first of the parts."""
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(
            command, cwd=ROOT, env=cluster.environment, stdout=said, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            wait_for(lambda: list(parts.glob("[!.]*.npz")) or process.poll() is not None)
            assert cluster.kill_node()
            return process.wait()
        finally:
            process.kill()


@pytest.fixture
def store(laptop):
    return RunStore.open(laptop / "results", "away")


@pytest.fixture
def images(laptop, tmp_path, one_torch_thread):
    """Of the same photos, for trainings in this process."""
    return SharedImages(trial_setting(laptop / "data", tmp_path / "cache", tmp_path))


def test_the_plan_says_how_the_images_come(laptop):
    said = (laptop / "said").read_text(encoding="utf-8")
    assert "of the nodes, 2 get them through Ray" in said


def test_trials_predict_bit_for_bit_what_they_predict_on_one_machine(store, images):
    for space in ("gender", "joint", "multihead"):
        record = stored(store.root, space)[0]
        alone = TrialRun(
            images,
            space=space,
            number=0,
            config=record.config,
            seed=record.seed,
            write=False,
        )
        values = {epoch: alone.epoch()["value"] for epoch in (1, 2)}
        assert record.values == values
        kept = store.read_validation(space, 0)
        np.testing.assert_array_equal(kept.probabilities, alone.last.probabilities)
        np.testing.assert_array_equal(kept.indices, images.setting.split.search_val)


@pytest.mark.parametrize(("space", "fold"), [("gender", 0), ("multihead", 4)])
def test_units_of_the_refit_are_bit_for_bit_those_of_one_machine(
    store, images, tmp_path, space, fold
):
    folds = Truth.read(store.predictions).folds
    note = RefitNote.read(store, images.setting.table.schema.names)
    (config_id,) = note.config_ids(space)
    config = note.configs[f"{space}.{config_id}"]
    unit = Unit(space=space, config_id=config_id, seed=0, fold=fold, config=config)
    files = RefitFiles(tmp_path / "alone")
    train_unit(unit, folds, images, 0, files, tmp_path / "models")
    alone, away = files.read_unit(unit), RefitFiles(store.predictions).read_unit(unit)
    for name, probabilities in alone.heads.items():
        np.testing.assert_array_equal(away.heads[name], probabilities)
    assert away.key == alone.key
    assert {**away.note, "ended": None} == {**alone.note, "ended": None}
    weights = f"{unit.name}.safetensors"
    assert (store.models / weights).read_bytes() == (tmp_path / "models" / weights).read_bytes()


def test_every_file_is_there_as_after_a_run_on_one_machine(store):
    assert {path.name for path in store.root.iterdir()} == {
        ".lock",
        "best",
        "ensemble",
        "importance.json",
        "models",
        "optuna.journal",
        "predictions",
        "report.html",
        "report.md",
        "study.json",
        "photo_facts.json",
        "photos.json",
        "tensorboard",
        "trials.csv",
        "verdict.json",
    }
    assert len(list(store.predictions.glob("parts/*.npz"))) == 4 * 5
    assert [path for path in store.root.rglob("*") if path.suffix in (".draft", ".beat")] == []
    (events,) = (store.tensorboard / "joint" / "0000").glob("events.*")
    board = EventAccumulator(str(events))
    board.Reload()
    assert [point.step for point in board.Scalars("objective")] == [1, 2]
    assert {name.partition("/")[0] for name in board.Tags()["images"]} == {"val_confusion"}


@pytest.mark.parametrize(("space", "fold"), [("gender", 0), ("multihead", 4)])
def test_pseudo_labels_and_what_they_train_are_bit_for_bit_those_of_one_machine(
    pseudo, laptop, images, tmp_path, space, fold
):
    lineup = Lineup.of_study(pseudo.read_study())
    refitted = Refitted.read(pseudo, lineup)
    unlabelled = flat.read(laptop / "others" / "photos")
    (config_id,) = set(refitted.note.config_ids(space)) - {PSEUDO_CONFIG}
    mean, std = refitted.normalisation(space, config_id)
    config = refitted.config(space, config_id)
    change = PseudoLabels(
        unlabelled=unlabelled.fingerprint,
        thresholds=(("gender", 0.5), ("mask", 0.501)),
        config=tuple(sorted(config.items())),
        models=(pseudo.models / f"{space}.{config_id}.0.{fold}.safetensors",),
        mean=mean,
        std=std,
        labels=tmp_path / "labels.npz",
    )
    unit = Unit(
        space=space, config_id=PSEUDO_CONFIG, seed=0, fold=fold, config=config, change=change
    )
    alone = SharedImages(replace(images.setting, unlabelled=unlabelled))
    files, away = RefitFiles(tmp_path / "alone"), pseudo_files(pseudo)
    folds = refitted.truth.folds
    train_unit(unit, folds, alone, 0, files, tmp_path / "models")
    assert away.is_done(unit, folds)
    one, other = files.read_unit(unit), away.read_unit(unit)
    for name, probabilities in one.heads.items():
        np.testing.assert_array_equal(other.heads[name], probabilities)
    with (
        np.load(change.labels) as mine,
        np.load(labels_folder(pseudo) / f"{space}.{fold}.npz") as theirs,
    ):
        assert 0 < len(mine["rows"]) <= unlabelled.num_samples
        for name in ("rows", "labels", "key"):
            np.testing.assert_array_equal(theirs[name], mine[name])


def test_pseudo_labels_are_judged_in_every_space(pseudo):
    verdict = load_json((pseudo.root / PSEUDO_FILE).read_text(encoding="utf-8"))
    spaces = [each["space"] for each in verdict["spaces"]]
    assert spaces == ["gender", "mask", "joint", "multihead"]
    assert len(list(pseudo_files(pseudo).folder.glob("parts/*.npz"))) == 4 * 5
    assert [path for path in pseudo.root.rglob("*") if path.suffix in (".draft", ".beat")] == []
