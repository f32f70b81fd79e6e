"""best/<space>.yaml: the score with its interval, and all that a replay needs."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from search.ending.faults import FaultError
from search.errors import ResultsError
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.store.best_file import Rule, digest
from search.store.provenance import package_versions
from search.store.run_store import RunStore
from search.trial.trial_run import TrialRun
from search.tuning import best as best_module
from search.tuning.best import predict_again, score_interval, write_best
from search.tuning.journal import open_storage
from tests.search.builders.made import made_config, made_record
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import SCALE, open_journal, tiny_space
from tests.trainables import tiny
from trainables.config import TrialConfig


@pytest.fixture
def run(people, cache, tmp_path):
    setting = trial_setting(people, cache, tmp_path)
    return Prepared(
        config=made_config(str(people)),
        dataset=Dataset(root=people, table=setting.table, split=setting.split, is_demo=False),
        spaces=(tiny_space("gender"),),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources([Node(cpus=1)], "auto"),
        store=RunStore(tmp_path),
        stored_size=setting.stored_size,
        cache_dir=cache,
    )


@pytest.fixture
def dataset(run):
    return run.dataset


def truth_as_probabilities(dataset, column=0):
    indices = dataset.split.search_val
    return np.eye(2, dtype=np.float32)[dataset.table.labels[indices, column]]


def test_perfect_predictions_score_one(dataset):
    probabilities = truth_as_probabilities(dataset)
    interval = score_interval(dataset.table, ["gender"], dataset.split.search_val, probabilities)
    assert (interval.low, interval.value, interval.high) == (1.0, 1.0, 1.0)


def test_the_joint_label_has_its_own_truth(dataset):
    indices = dataset.split.search_val
    probabilities = np.eye(4, dtype=np.float32)[dataset.table.joint[indices]]
    assert score_interval(dataset.table, ["gender", "mask"], indices, probabilities).value == 1.0


def test_an_interval_holds_its_value(dataset):
    probabilities = truth_as_probabilities(dataset)
    wrong = probabilities.copy()
    wrong[0] = wrong[0, ::-1]
    interval = score_interval(dataset.table, ["gender"], dataset.split.search_val, wrong)
    assert interval.low < interval.value < 1.0


def test_a_digest_tells_one_bit():
    one = np.full((2, 2), 0.5, dtype=np.float32)
    other = one.copy()
    other[1, 1] = np.nextafter(np.float32(0.5), np.float32(1))
    assert digest(one) == digest(one.copy())
    assert digest(one) != digest(other)
    assert len(digest(one)) == 16


def test_versions_name_what_decides_a_result():
    assert {"python", "torch", "timm", "optuna", "ray", "numpy"} <= set(package_versions())


def test_the_file_holds_score_data_and_config(run, tmp_path):
    store, dataset = run.store, run.dataset
    probabilities = truth_as_probabilities(dataset)
    path = store.validation_path("gender", 0)
    path.parent.mkdir()
    np.savez(path, indices=dataset.split.search_val, probabilities=probabilities)
    journal = open_journal(open_storage(store.journal), run.space("gender"))
    record = made_record(0, {1: 0.5, 2: 1.0}, config=tiny.flat(), seed=99)
    threads = replace(record, num_threads=3)  # of an earlier start, which had more memory free
    write_best(run, journal, threads, Rule.ONE_ERROR)
    best = yaml.safe_load((tmp_path / "best" / "gender.yaml").read_text(encoding="utf-8"))
    assert best["training"]["num_threads"] == 3
    interval = write_best(run, journal, record, Rule.ONE_ERROR)
    best = yaml.safe_load((tmp_path / "best" / "gender.yaml").read_text(encoding="utf-8"))
    assert interval.value == 1.0
    assert TrialConfig.from_tree(best["config"]) == tiny.config()
    assert best["seed"] == 99
    assert best["study"] == journal.name
    assert (best["approach"], best["target"]) == ("separate", "gender")
    assert best["score"] == {
        "metric": "macro_f1",
        "chosen_by": "lead_of_one_error",
        "value": 1.0,
        "interval": [1.0, 1.0],
        "people": len(set(dataset.table.group_index[dataset.split.search_val])),
        "photos": len(dataset.split.search_val),
        "default_config": None,
        "probabilities": digest(probabilities),
    }
    assert best["data"]["path"] == run.config.data
    assert best["data"]["demo_people"] is None
    assert best["data"]["corrections"] == []
    assert best["data"]["fingerprint"] == dataset.table.fingerprint
    assert best["training"]["num_threads"] == 1


def test_what_the_refit_chose_stays_as_long_as_the_search_chooses_the_same(run):
    store, rows = run.store, run.dataset.split.search_val
    store.predictions.mkdir()
    perfect = truth_as_probabilities(run.dataset)
    for number, probabilities in enumerate((perfect, perfect[:, ::-1])):
        np.savez(
            store.validation_path("gender", number), indices=rows, probabilities=probabilities
        )
    journal = open_journal(open_storage(store.journal), run.space("gender"))
    records = [made_record(n, {1: 0.5}, config=tiny.flat(), seed=99 + n) for n in range(2)]
    write_best(run, journal, records[0], Rule.DUNNETT)
    path = store.best_path("gender")
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    choice = {"trial": 0, "score": tree["score"]}
    judged = {**tree, "trial": 1, "seed": 100, "refit": {"value": 0.9}, "search_choice": choice}
    store.write_best("gender", judged)
    write_best(run, journal, records[0], Rule.DUNNETT)
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == judged
    write_best(run, journal, records[1], Rule.DUNNETT)
    now = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (now["trial"], now["score"]["value"]) == (1, 0.0)
    assert not {"refit", "search_choice"} & set(now)


@pytest.mark.parametrize("left", [None, b"torn", b"PK"])
def test_predictions_of_the_best_trial_that_are_lost_are_made_again(
    run, monkeypatch, left, one_torch_thread
):
    store = run.store
    journal = open_journal(open_storage(store.journal), run.space("gender"))
    record = made_record(0, {1: 0.5}, config=tiny.flat(), seed=99)
    path = store.validation_path("gender", 0)
    if left is not None:
        path.parent.mkdir()
        path.write_bytes(left)

    def here(resources, heartbeat, work, *given, sign):
        return work(lambda: None, *given)

    monkeypatch.setattr(best_module, "on_worker", here)
    assert not store.has_predictions(record)
    write_best(run, journal, record, Rule.ONE_ERROR)
    kept = store.read_validation("gender", 0)
    assert kept.indices.tolist() == run.dataset.split.search_val.tolist()
    assert kept.probabilities.shape == (len(kept.indices), 2)
    monkeypatch.setattr(best_module, "on_worker", None)
    write_best(run, journal, record, Rule.ONE_ERROR)


def test_a_lost_prediction_whose_trial_breaks_now_is_named(run, one_torch_thread):
    config = {**tiny.flat(), "backbone.name": "no_such_model"}
    record = made_record(0, {1: 0.5}, config=config, seed=99)
    with pytest.raises(ResultsError, match=r"validation\.gender\.0\.npz is missing .*no_such"):
        predict_again(lambda: None, run.setting, record)


def test_a_machine_that_fails_while_a_prediction_is_made_again_is_no_fault_of_the_trial(
    run, monkeypatch
):
    def fail(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrialRun, "_open", fail)
    record = made_record(0, {1: 0.5}, config=tiny.flat(), seed=99)
    with pytest.raises(FaultError, match="no space is left on the disk"):
        predict_again(lambda: None, run.setting, record)
