"""The ensemble of a run from its files, as a folder that needs nothing else of the run."""

import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.ensemble.folder import MissingModelsError, prune_models
from search.ensemble.stage import build_ensemble
from search.errors import ResultsError
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec
from search.refit.files import RefitFiles
from search.refit.refitted import Refitted
from tests.search.builders.made_refit import (
    FOLDS,
    LINEUP,
    PEOPLE,
    PHOTOS,
    SCHEMA,
    made_labels,
    write_parts,
    write_refit,
)

# Errors of the approaches are independent, so an ensemble of them gains.
GOOD = {"gender": 0.85, "age": 0.75, "joint": 0.65, "multihead": 0.8}


@pytest.fixture
def store(tmp_path, one_torch_thread):
    return write_refit(tmp_path / "run", GOOD)


def built(store, **options):
    text = StringIO()
    spec = build_ensemble(store, Console(file=text, width=200), **options)
    return spec, text.getvalue()


def summary_of(store):
    return json.loads((store.root / "ensemble" / "summary.json").read_text(encoding="utf-8"))


def same_everywhere(store):
    """Makes joint as good as one model in all files, and the others know nothing."""
    with np.load(store.predictions / "joint.1.0.npz") as file:
        joint = file["joint"]
    for path in store.predictions.glob("*.*.?.npz"):
        with np.load(path) as file:
            heads = {head: np.full_like(file[head], 1 / file[head].shape[1]) for head in file}
        if path.name.startswith("joint"):
            seed = int(path.stem.rpartition(".")[2])
            heads = dict.fromkeys(heads, joint * np.float32(1 - 1e-6 * seed))
        np.savez(path, **heads)
        write_parts(store.predictions, path.stem, heads)


def test_the_folder_holds_all_that_the_ensemble_needs(store):
    spec, _ = built(store)
    folder = store.root / "ensemble"
    read = EnsembleSpec.read(folder)
    assert read == spec
    read.check_files(folder)
    assert {path.name for path in (folder / "members").iterdir()} == {
        Path(file).name for file in spec.files
    }
    first = spec.files[0]
    stem = Path(first).name.removesuffix(".safetensors")
    assert (folder / first).read_text(encoding="utf-8") == f"weights of {stem}"
    assert "\n# Ensemble of the run run\n" in (folder / "README.md").read_text(encoding="utf-8")
    assert (spec.run, spec.fingerprint, spec.stored_size) == ("run", "abc", (48, 40))
    assert (spec.people, spec.photos, spec.labels) == (PEOPLE, PEOPLE * PHOTOS, SCHEMA)


def test_the_stored_predictions_have_the_reported_score_and_gain_over_every_approach(store):
    spec, _ = built(store)
    oof, summary = OutOfFold.read(store.root / "ensemble"), summary_of(store)
    label, person = made_labels()
    assert oof.label.tolist() == label.tolist()
    assert oof.person.tolist() == person.tolist()
    score = macro_f1(label, oof.predicted, SCHEMA.num_joint)
    assert spec.score["value"] == summary["score"]["value"] == pytest.approx(score)
    plain = macro_f1(label, oof.probs.argmax(axis=1), SCHEMA.num_joint)
    assert summary["score_without_biases"]["value"] == pytest.approx(plain)
    assert [gain["approach"] for gain in summary["gains"]] == ["separate", "joint", "multihead"]
    for gain in summary["gains"]:
        assert gain["value"] == pytest.approx(plain - gain["score"]["value"])
        assert gain["interval"][0] > 0
    assert not summary["fell_back"]
    best = max(summary["gains"], key=lambda gain: gain["score"]["value"])
    assert summary["best_approach"] == spec.score["best_approach"] == best["approach"]
    assert spec.score["gain"] == best["value"]


def test_the_summary_names_members_with_weights_parts_and_cost(store):
    spec, _ = built(store)
    summary = summary_of(store)
    members = summary["members"]
    assert [m["name"] for m in members] == [member.name for member in spec.members]
    assert sum(member["weight"] for member in members) == pytest.approx(1)
    assert {len(member["parts"]) for member in members if member["approach"] == "separate"} <= {2}
    assert summary["serving_ms"] == pytest.approx(sum(m["serving_ms"] for m in members))
    assert (summary["seeds"], summary["folds"], summary["candidates"]) == (2, FOLDS, 18)


def test_the_summary_names_the_predictions_it_was_chosen_by(store):
    built(store)
    assert summary_of(store)["refit"] == Refitted.read(store, LINEUP).key
    same_everywhere(store)
    assert summary_of(store)["refit"] != Refitted.read(store, LINEUP).key


def test_the_console_shows_members_scores_and_the_sentence(store):
    spec, text = built(store)
    for member in spec.members:
        assert re.search(rf"{re.escape(member.name)} .* {member.weight:.3f}", text)
    assert summary_of(store)["sentence"] in text
    assert f"The ensemble of {len(spec.members)} members has macro-F1" in text


def test_without_a_gain_the_best_approach_is_kept_alone(store):
    same_everywhere(store)
    spec, text = built(store)
    assert spec.selection == "single"
    assert [member.name for member in spec.members] == ["joint.chosen.0", "joint.chosen.1"]
    assert [member.weight for member in spec.members] == [0.5, 0.5]
    assert spec.score["fell_back"]
    assert "No ensemble across approaches gains over joint (+0.000" in text
    assert "joint alone is kept, its 2 members with equal weights" in text


def test_limits_on_members_and_milliseconds_are_kept(store):
    free, _ = built(store)
    assert len(free.members) > 2
    few, _ = built(store, max_members=2)
    assert len(few.members) <= 2
    cost = min(member["serving_ms"] for member in summary_of(store)["members"])
    built(store, max_ms=2.5 * cost)
    assert summary_of(store)["serving_ms"] <= 2.5 * cost


def test_a_limit_that_nothing_can_keep_is_refused(store):
    with pytest.raises(AnalysisError, match="max_members >= 1"):
        built(store, max_members=0)
    with pytest.raises(AnalysisError, match="no member keeps within"):
        built(store, max_ms=1e-9)


def test_an_older_ensemble_is_replaced_whole_and_nothing_else_is_left(store):
    built(store)
    (store.root / "ensemble" / "onnx").mkdir()
    (store.root / ".ensemble.old").mkdir()  # of a process that was killed
    spec, _ = built(store, max_members=1)
    assert not (store.root / "ensemble" / "onnx").exists()
    members = {path.name for path in (store.root / "ensemble" / "members").iterdir()}
    assert members == {Path(file).name for file in spec.files}
    assert not list(store.root.glob(".*"))


def test_an_ensemble_that_cannot_be_written_leaves_the_older_one(store, monkeypatch):
    older, _ = built(store)

    def full(self, folder):
        raise OSError("no space left")

    monkeypatch.setattr(EnsembleSpec, "write", full)
    with pytest.raises(OSError, match="no space left"):
        built(store, max_members=1)
    assert EnsembleSpec.read(store.root / "ensemble") == older
    assert not list(store.root.glob(".*"))


def test_a_deleted_model_is_named_with_the_way_out_and_the_older_ensemble_stays(store):
    spec, _ = built(store)
    gone = Path(spec.files[0]).stem
    (store.root / "models" / f"{gone}.safetensors").unlink()
    config = gone.rsplit(".", 1)[0]
    parts = store.predictions / "parts"
    message = (
        rf"1 of them are not in .*; delete {re.escape(config)}\.\*\.npz in {parts} and resume"
    )
    with pytest.raises(MissingModelsError, match=message) as caught:
        built(store)
    assert caught.value.units == (gone,)
    assert EnsembleSpec.read(store.root / "ensemble") == spec
    RefitFiles(store.predictions).forget(caught.value.units)
    left = {path.stem for path in parts.iterdir()}
    assert gone not in left
    assert len(left) == len(list((store.root / "models").iterdir()))


def test_models_that_the_ensemble_does_not_use_are_deleted_only_where_asked_for(store):
    models = store.root / "models"
    before = {path.name for path in models.iterdir()}
    spec, _ = built(store, max_members=2)
    assert {path.name for path in models.iterdir()} == before
    used = {Path(file).name for file in spec.files}
    assert prune_models(store, spec) == len(before - used) > 0
    assert {path.name for path in models.iterdir()} == used
    spec.check_files(store.root / "ensemble")
    again, _ = built(store, max_members=2, keep_models=False)
    assert again == spec
    assert {path.name for path in models.iterdir()} == used


def test_a_disk_without_links_gets_copies(store, monkeypatch):
    def refuse(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    spec, _ = built(store, max_members=1)
    name = Path(spec.files[0]).name
    copied = store.root / "ensemble" / spec.files[0]
    assert copied.read_bytes() == (store.root / "models" / name).read_bytes()
    assert copied.stat().st_nlink == 1


def test_a_run_without_a_whole_approach_has_no_ensemble(tmp_path):
    store = write_refit(tmp_path / "run", GOOD, spaces=["gender"])
    with pytest.raises(ResultsError, match="needs all spaces of an approach, got gender"):
        built(store)


def test_one_approach_is_enough(tmp_path, one_torch_thread):
    spec, _ = built(write_refit(tmp_path / "run", GOOD, spaces=["joint"]))
    assert {member.approach for member in spec.members} == {"joint"}


def test_a_run_without_a_refit_says_so(store):
    (store.predictions / "truth.csv").unlink()
    with pytest.raises(ResultsError, match="needs the predictions of a refit"):
        built(store)


def test_the_same_files_give_the_same_ensemble(store):
    first, _ = built(store)
    second, _ = built(store)
    assert first == second
