"""The stage as a whole, on the files of a run that nobody trained."""

import errno
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from search.analysis.data_look import photo_facts
from search.errors import ResultsError
from search.predict.serving_cost import ServingCost
from search.refit.refitted import Refitted
from search.verdict import stage as verdict_stage
from search.verdict.stage import conclude_run
from tests.search.builders.example import ensemble
from tests.search.builders.logged_run import (
    LINEUP,
    NUM_FOLDS,
    NUM_SEEDS,
    SCHEMA,
    SPACES,
    made_run,
    write_part,
)
from tests.search.builders.made_refit import attribute_columns
from trainables.data.thumbnails import thumbnail

STUDY = {
    "config": {
        "name": "mine",
        "spaces": ["all"],
        "data": "",
        "layout": None,
        "weights_dir": "",
        "gpus_per_trial": "auto",
        "pretrained": None,
        "address": "",
        "budget_seconds": None,
        "trials": 2,
        "max_epochs": None,
        "people": 60,
        "seed": 0,
        "margin": 0.005,
    },
    "data": {"name": "demo", "fingerprint": "a", "split": "b", "schema": SCHEMA.to_dict()},
    "blocks": LINEUP.to_dict(),
    "studies": {},
    "spaces": {},
    "versions": {},
    "hardware": {},
    "git_commit": "",
}


def with_target(space, config):
    block = LINEUP.blocks[space]
    return {"target.attributes": block.attributes, "target.form": block.form.value, **config}


def with_targets(result):
    """The search of a space whose configs say what they predict, as those of a run do."""
    records = tuple(
        replace(record, config=with_target(result.name, record.config))
        for record in result.records
    )
    return replace(result, records=records, best=records[result.best.number])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A run with all the files that the stage reads; its journal is not read."""
    logged = made_run(tmp_path / "mine")
    refitted = logged.refitted
    folder, truth = refitted.store.predictions, refitted.truth
    for space, config_ids in refitted.predictions.items():
        for config_id, heads in config_ids.items():
            for seed in range(NUM_SEEDS):
                parts = {head: probs[seed] for head, probs in heads.items()}
                np.savez(folder / f"{space}.{config_id}.{seed}.npz", **parts)
                for fold in range(NUM_FOLDS):
                    cosines = [{"gender|mask": -0.2}] if space == "multihead" else []
                    note = {"parameters": 1000, "gradient_cosine": cosines}
                    write_part(logged, space, config_id, seed, fold, **note)
    columns = {"group": truth.group, "label": truth.label, "fold": truth.fold}
    frame = pd.DataFrame({"sample": truth.group, **columns, "held_out": 1 * truth.held_out})
    frame["sample"] = [f"{n}.jpg" for n in range(len(frame))]
    frame = frame.assign(**attribute_columns(SCHEMA, truth.label))
    frame.to_csv(folder / "truth.csv", index=False)
    refitted.store.write_study(STUDY)
    configs = {
        name: with_target(name.partition(".")[0], config)
        for name, config in refitted.note.configs.items()
    }
    replace(refitted.note, notes=("cut",), configs=configs).write(refitted.store)
    results = tuple(map(with_targets, logged.run.results))
    run = replace(logged.run, study=STUDY, results=results)
    monkeypatch.setattr(verdict_stage, "load_run", lambda store: run)
    monkeypatch.setattr(
        "search.verdict.costs.serving_costs",
        lambda store, schema, configs: {
            name: ServingCost(flops=1e6, milliseconds=0.5) for name in configs
        },
    )
    return refitted.store


def conclude(store):
    conclude_run(store, Console(file=io.StringIO()))
    return json.loads((store.root / "verdict.json").read_text(encoding="utf-8"))


def test_the_verdict_has_costs_parts_and_what_the_run_logged(store):
    values = conclude(store)
    assert values["costs"]["separate"]["serve_ms"] == 1.0
    assert values["costs"]["joint"]["parameters"] == 1000
    assert all(
        pair["parts"]["chose_nothing"] and pair["parts"]["chose"] for pair in values["pairs"]
    )
    assert values["notes"] == ["cut"]
    keys = {name: [row["key"] for row in rows] for name, rows in values["descriptions"].items()}
    assert all("overtuning" in found for found in keys.values())
    assert keys["multihead"][-1] == "gradient_conflict"
    page = (store.root / "report.html").read_text(encoding="utf-8")
    assert "pull the shared weights apart: cosine" in page
    assert "Costs" in page


def test_what_a_search_chooses_meanwhile_stays(store, monkeypatch):
    path = store.best_path("joint")
    path.parent.mkdir()
    path.write_text("before", encoding="utf-8")
    texts = {"joint": "of the refit"}

    def slow(*given):
        path.write_text("what the search chose meanwhile", encoding="utf-8")
        return texts

    monkeypatch.setattr(verdict_stage, "best_texts", slow)
    conclude(store)
    assert path.read_text(encoding="utf-8") == "what the search chose meanwhile"
    monkeypatch.setattr(verdict_stage, "best_texts", lambda *given: texts)
    conclude(store)
    assert path.read_text(encoding="utf-8") == "of the refit"


def test_a_repeated_verdict_is_the_same_and_leaves_one_event_file_an_approach(store):
    first = conclude(store)
    assert conclude(store) == first
    refit = store.tensorboard / "refit"
    files = {path.name: len(list(path.iterdir())) for path in refit.iterdir()}
    assert files == {"separate": 1, "joint": 1, "multihead": 1}


@pytest.mark.parametrize("no_photos", [False, True])
def test_photos_are_shown_and_kept_unless_none_may_be(store, no_photos):
    class Look:
        def facts(self):
            return photo_facts(np.array([[4, 3]]), np.array([9.0]))

        def thumbnails(self, samples):
            return dict.fromkeys(samples, thumbnail(np.zeros((8, 6, 3), np.uint8)))

        def means(self):
            return {"cell: 1 person": thumbnail(np.zeros((8, 6, 3), np.uint8))}

    conclude_run(store, Console(file=io.StringIO()), look=Look(), no_photos=no_photos)
    page = (store.root / "report.html").read_text(encoding="utf-8")
    assert "Brightness" in page
    assert ("<img" in page) == ("Mean photos" in page) == (not no_photos)
    assert (store.root / "photos.json").exists() == (not no_photos)


def test_an_ensemble_that_is_there_is_shown(store):
    assert "ensemble" not in conclude(store)
    (store.root / "ensemble").mkdir()
    text = json.dumps({"schema": 1, **ensemble()})
    (store.root / "ensemble" / "summary.json").write_text(text, encoding="utf-8")
    assert conclude(store)["ensemble"]["sentence"] == "The ensemble gains."
    assert "The ensemble gains." in (store.root / "report.md").read_text(encoding="utf-8")


def test_an_ensemble_of_other_trainings_is_left_out_and_that_is_said(store):
    (store.root / "ensemble").mkdir()
    path = store.root / "ensemble" / "summary.json"
    key = Refitted.read(store, LINEUP).key
    path.write_text(json.dumps({**ensemble(), "refit": key}), encoding="utf-8")
    assert conclude(store)["ensemble"]["refit"] == key
    path.write_text(json.dumps({**ensemble(), "refit": "another"}), encoding="utf-8")
    found = conclude(store)
    assert "ensemble" not in found
    assert "run --resume mine" in found["notes"][-1]
    assert found["notes"][-1].endswith(" builds it anew")


def test_without_a_refit_there_is_no_verdict(store):
    for space in SPACES:
        for path in store.predictions.rglob(f"{space}.*.npz"):
            path.unlink()
    with pytest.raises(ResultsError, match=r"gender\.1\.0\.npz is missing, .*; copy"):
        conclude(store)


def test_importances_that_cannot_be_had_are_left_out_with_a_line(store, monkeypatch, caplog):
    def torn(*_):
        raise AssertionError("Should not reach.")

    monkeypatch.setattr("search.tuning.importance.importances_of", torn)
    conclude(store)
    (line,) = [line for line in caplog.messages if "which parameters mattered" in line]
    assert "optuna.journal cannot be read by Optuna: AssertionError: Should not reach.;" in line
    (store.root / "importance.json").write_text("{", encoding="utf-8")
    caplog.clear()
    conclude(store)
    (line,) = [line for line in caplog.messages if "importance.json cannot be read" in line]
    assert line.endswith("delete it: it is computed again")


def test_where_the_disk_is_full_verdict_and_report_are_those_of_before(store, monkeypatch):
    conclude(store)
    names = ("verdict.json", "report.html", "report.md")
    before = {name: (store.root / name).read_bytes() for name in names}
    monkeypatch.setitem(STUDY["config"], "margin", 0.2)
    full = iter([None, None, OSError(errno.ENOSPC, "No space left on device")])

    def fsync(handle):
        if error := next(full):
            raise error

    monkeypatch.setattr("search.store.files.os.fsync", fsync)
    with pytest.raises(OSError, match=r"No space left on device: '.*report\.md'"):
        conclude(store)
    assert {name: (store.root / name).read_bytes() for name in names} == before
    assert not list(store.root.glob(".*.draft"))


def test_the_summary_of_an_ensemble_that_is_none_is_named_with_one_way_out(store):
    path = store.root / "ensemble" / "summary.json"
    path.parent.mkdir()
    path.write_text('{"schema": 1}', encoding="utf-8")
    with pytest.raises(ResultsError, match=r"summary\.json cannot be read: .*needs") as caught:
        conclude(store)
    assert "verdict.json" not in str(caught.value)
    words = str(caught.value).rpartition("build the ensemble again with: ")[2].split()
    assert words[1:] == ["ensemble", store.root.name, "--results", str(store.root.parent)]


def test_a_truth_of_one_fold_is_named(store):
    path = store.predictions / "truth.csv"
    frame = pd.read_csv(path, dtype=str).assign(fold="0")
    frame.to_csv(path, index=False)
    with pytest.raises(ResultsError, match=r"truth\.csv .*folds?.*; "):
        conclude(store)
