"""What an ensemble needs of a refit, and what it says where that is not there."""

import json

import numpy as np
import pytest

from search.ensemble.sources import read_refit
from search.errors import ResultsError
from search.refit.approaches import heads_of, spaces_of
from search.refit.files import refit_note
from search.refit.plan import Shape
from search.refit.units import Unit
from tests.search.builders.made_refit import (
    APPROACHES,
    FOLDS,
    MEAN,
    SCHEMA,
    STD,
    flat_config,
    write_refit,
)

EVEN = dict.fromkeys(APPROACHES, 0.7)


def test_configs_and_normalisation_of_every_refitted_network_are_there(tmp_path):
    refit = read_refit(write_refit(tmp_path / "run", EVEN), tuple(APPROACHES), FOLDS)
    names = {f"{space}.{config_id}" for space in APPROACHES for config_id in ("default", "1")}
    assert set(refit.configs) == set(refit.normalisation) == names
    assert dict(refit.configs["age.1"]) == flat_config("age")
    assert refit.normalisation["joint.1"] == (MEAN, STD)


def test_networks_and_heads_are_in_schema_order():
    assert spaces_of("separate", SCHEMA) == ("gender", "age")
    assert spaces_of("joint", SCHEMA) == ("joint",)
    assert heads_of("multihead", "multihead", SCHEMA) == ("gender", "age")
    assert heads_of("joint", "joint", SCHEMA) == ("joint",)


def test_only_seeds_that_all_configs_have_are_read_and_keep_their_numbers(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    (store.predictions / "joint.1.0.npz").unlink()
    refit = read_refit(store, tuple(APPROACHES), FOLDS)
    assert refit.seeds == (1,)
    with np.load(store.predictions / "joint.default.1.npz") as file:
        assert refit.plain["joint"]["default"]["joint"][0].tolist() == file["joint"].tolist()


def test_a_refit_without_configs_says_so(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    path = store.predictions / "refit.json"
    path.write_text(json.dumps({"schema": 1, "notes": []}), encoding="utf-8")
    with pytest.raises(ResultsError, match="an older headrace refitted it; start a new run"):
        read_refit(store, tuple(APPROACHES), FOLDS)


def test_a_refit_without_normalisation_says_so(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    for path in (store.predictions / "parts").glob("age.1.*.npz"):
        np.savez(path, note=json.dumps({"parameters": 1}))
    with pytest.raises(ResultsError, match=r"has not those of age\.1"):
        read_refit(store, tuple(APPROACHES), FOLDS)


def test_the_note_of_a_refit_has_every_config_as_it_was_trained():
    units = [
        Unit(space="age", config_id=config_id, seed=seed, fold=0, config={"optim.lr": lr})
        for config_id, lr in (("default", 0.1), ("1", 0.2))
        for seed in range(2)
    ]
    note = refit_note(Shape(folds=3, seeds=2, configs=1), units, ["a cut"])
    assert note["configs"] == {"age.default": {"optim.lr": 0.1}, "age.1": {"optim.lr": 0.2}}
    assert note["notes"] == ["a cut"]
    assert note["shape"]["folds"] == 3
    assert json.loads(json.dumps(note)) == note
