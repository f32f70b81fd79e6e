"""best/<space>.yaml after a refit: the config that the refit chose, and its trial."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.verdict.rules import Rules
from search.store.best_file import BestFile, digest
from search.verdict.conclusion import conclude
from search.verdict.winners import best_texts, winners
from tests.search.builders.logged_run import LINEUP, NUM_SEEDS, SPACES, made_run
from tests.trainables import tiny
from trainables.config import TrialConfig

DEFAULT = tiny.flat()
FOUND = {**DEFAULT, "optim.lr": 0.009}
SEARCHED = {
    "metric": "macro_f1",
    "chosen_by": "lead_dunnett",
    "value": 0.9,
    "interval": [0.8, 1.0],
    "people": 20,
    "photos": 40,
    "default_config": 0.7,
    "probabilities": "0" * 16,
}


def best_config(space):
    return {
        "schema": 1,
        "space": space,
        "score": SEARCHED,
        "study": f"{space}-study",
        "trial": 1,
        "seed": 101,
        "data": {
            "path": "",
            "layout": None,
            "demo_people": 60,
            "fingerprint": "a",
            "split": "b",
            "stored_size": [32, 32],
        },
        "training": {"device": "cpu", "num_threads": 1, "weights_dir": ""},
        "config": TrialConfig.from_flat(FOUND).to_tree(),
    }


def made(tmp_path, *, fresh=0.6, epochs=None):
    """A run whose search chose trial 1; the refit says the default config, but for fresh > 1."""
    logged = made_run(tmp_path / "mine", fresh=min(fresh, 1.0))
    refitted = logged.refitted
    if fresh > 1:  # the default config loses
        predictions = {
            space: {"default": configs["1"], "1": configs["default"]}
            for space, configs in made_run(
                tmp_path / "other", fresh=0.6
            ).refitted.predictions.items()
        }
        refitted = replace(refitted, predictions=predictions)
    results = tuple(
        replace(
            result,
            records=(
                records := tuple(
                    replace(record, config=config, seed=100 + record.number)
                    for record, config in zip(result.records, (DEFAULT, FOUND), strict=True)
                )
            ),
            best=records[1],
        )
        for result in logged.run.results
    )
    shorter = {} if epochs is None else {"schedule.epochs": epochs}
    configs = {
        f"{space}.{name}": {**config, **shorter}
        for space in SPACES
        for name, config in (("default", DEFAULT), ("1", FOUND))
    }
    refitted = replace(refitted, note=replace(refitted.note, configs=configs))
    store, chose = refitted.store, np.flatnonzero(refitted.truth.chose)
    for space in SPACES:
        store.write_best(space, best_config(space))
        kept = store.read_validation(space, 1)
        turned = kept.probabilities.astype(np.float32)
        turned[::3] = turned[::3, ::-1]
        np.savez(store.validation_path(space, 0), indices=chose, probabilities=turned)
    return replace(logged.run, results=results), refitted


def written(run, refitted):
    found = winners(run, refitted, conclude(refitted, Rules(num_resamples=100)))
    for space, text in best_texts(run, refitted, found).items():
        refitted.store.best_path(space).write_text(text, encoding="utf-8")
    return {space: winner.record.number for space, winner in found.items()}


def tree(store, space):
    return yaml.safe_load(store.best_path(space).read_text(encoding="utf-8"))


def test_the_config_that_the_refit_prefers_takes_the_place_of_what_the_search_chose(tmp_path):
    run, refitted = made(tmp_path)
    store = refitted.store
    assert written(run, refitted) == dict.fromkeys(SPACES, 0)
    best, file = tree(store, "gender"), BestFile.read(store.best_path("gender"))
    assert (file.trial, file.seed, file.search_trial) == (0, 100, 1)
    assert file.search_score == (0.9, 0.8, 1.0)
    assert file.trial_config(["gender"]).to_flat()["optim.lr"] == DEFAULT["optim.lr"]
    assert best["search_choice"] == {"trial": 1, "score": SEARCHED}
    assert best["refit"] == {
        "metric": "macro_f1",
        "value": 1.0,
        "default_config": 1.0,
        "seeds": NUM_SEEDS,
        "epochs": 3,
    }


def test_its_score_is_that_of_its_trial_by_the_people_who_validate(tmp_path):
    run, refitted = made(tmp_path)
    written(run, refitted)
    truth, saved = refitted.truth, refitted.store.read_validation("mask", 0)
    people = People(
        label=LINEUP.schema.attribute_codes(truth.label)[saved.indices, 1],
        person=pd.factorize(truth.group)[0][saved.indices],
        num_classes=2,
    )
    interval = person_bootstrap_interval(people, saved.probabilities.argmax(axis=1))
    assert 0.5 < interval.low < interval.value < interval.high < 1
    score = tree(refitted.store, "mask")["score"]
    assert score == {
        **SEARCHED,
        "chosen_by": "refit",
        "value": float(interval.value),
        "interval": [float(interval.low), float(interval.high)],
        "people": len(set(truth.group[saved.indices])),
        "photos": len(saved.indices),
        "probabilities": digest(saved.probabilities),
    }


def test_said_twice_it_is_the_same(tmp_path):
    run, refitted = made(tmp_path)
    written(run, refitted)
    once = {space: tree(refitted.store, space) for space in SPACES}
    written(run, refitted)
    assert {space: tree(refitted.store, space) for space in SPACES} == once


def test_where_the_refit_agrees_the_file_gains_its_score_alone(tmp_path):
    run, refitted = made(tmp_path, fresh=2)
    assert written(run, refitted) == dict.fromkeys(SPACES, 1)
    for space in SPACES:
        best = tree(refitted.store, space)
        refit = best.pop("refit")
        assert best == best_config(space)
        assert refit["value"] == 1.0 > refit["default_config"]


def test_a_refit_of_more_seeds_that_agrees_after_all_gives_back_what_the_search_chose(tmp_path):
    run, refitted = made(tmp_path)
    written(run, refitted)
    later = replace(refitted, predictions=made(tmp_path / "later", fresh=2)[1].predictions)
    written(run, later)
    best = tree(refitted.store, "joint")
    del best["refit"]
    assert best == best_config("joint")


def test_a_config_whose_schedule_the_refit_shortened_is_its_trial(tmp_path):
    run, refitted = made(tmp_path, epochs=1)
    assert written(run, refitted).keys() == set(SPACES)
    config = tree(refitted.store, "gender")["config"]
    assert config["schedule"]["epochs"] == DEFAULT["schedule.epochs"]


def test_where_its_predictions_are_lost_the_file_stays_and_says_so(tmp_path, caplog):
    run, refitted = made(tmp_path)
    refitted.store.validation_path("mask", 0).unlink()
    written(run, refitted)
    assert tree(refitted.store, "mask") == best_config("mask")
    assert tree(refitted.store, "gender")["trial"] == 0
    assert "mask.yaml stays as it is" in caplog.text


@pytest.mark.parametrize("other", [-1000, 1000])
def test_where_people_without_every_label_validate_the_file_stays(tmp_path, caplog, other):
    run, refitted = made(tmp_path)
    path = refitted.store.validation_path("mask", 0)
    kept = refitted.store.read_validation("mask", 0)
    np.savez(path, indices=kept.indices + other, probabilities=kept.probabilities)
    written(run, refitted)
    assert tree(refitted.store, "mask") == best_config("mask")
    assert "nobody who has every label" in caplog.text


def test_people_who_lack_labels_among_those_who_validate_change_no_choice(tmp_path):
    """A search of one attribute scores all who have its label, the refit those who have all."""
    run, refitted = made(tmp_path)
    path = refitted.store.validation_path("mask", 0)
    kept = refitted.store.read_validation("mask", 0)
    indices = np.concatenate([kept.indices, kept.indices[:2] + 1000])
    more = np.concatenate([kept.probabilities, kept.probabilities[:2]])
    np.savez(path, indices=indices, probabilities=more)
    written(run, refitted)
    assert tree(refitted.store, "mask")["trial"] == 0
    assert tree(refitted.store, "mask")["refit"]


@pytest.mark.parametrize("what", ["note", "trial"])
def test_a_space_is_left_out_where_no_trial_is_known_to_have_the_config(tmp_path, what):
    run, refitted = made(tmp_path)
    if what == "note":
        refitted = replace(refitted, note=replace(refitted.note, configs={}))
    else:
        run = replace(
            run,
            results=tuple(replace(result, records=result.records[1:]) for result in run.results),
        )
    found = winners(run, refitted, conclude(refitted, Rules(num_resamples=100)))
    assert found == {}
    assert best_texts(run, refitted, found) == {}


def test_of_trials_with_the_same_config_it_is_the_one_that_the_search_chose(tmp_path):
    run, refitted = made(tmp_path, fresh=2)
    results = tuple(
        replace(result, records=(replace(result.records[0], config=FOUND), *result.records[1:]))
        for result in run.results
    )
    assert written(replace(run, results=results), refitted) == dict.fromkeys(SPACES, 1)


def test_a_config_trained_with_further_photos_is_its_trial_without_them(tmp_path):
    run, refitted = made(tmp_path)
    predictions = {
        space: {"pseudo": configs["default"], "1": configs["1"]}
        for space, configs in refitted.predictions.items()
    }
    configs = refitted.note.configs
    pseudo = {f"{space}.pseudo": configs[f"{space}.1"] for space in SPACES}
    note = replace(refitted.note, configs={**configs, **pseudo})
    written(run, replace(refitted, predictions=predictions, note=note))
    best = tree(refitted.store, "gender")
    refit = best.pop("refit")
    assert best == best_config("gender")
    assert refit["value"] < 0.9
