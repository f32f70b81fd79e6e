"""The refit within its time: nothing trains here, units only take time."""

import io

import numpy as np
import pytest
from rich.console import Console

from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared, SpaceResult
from search.prepare.resources import plan_resources
from search.refit import stage as refit_stage
from search.refit.finalists import finished_plan
from search.refit.plan import RefitPlan, Shape
from search.refit.pool import UnitEnd
from search.refit.stage import run_refit
from search.store.files import write_arrays
from search.store.run_store import RunStore
from tests.search.builders.made import made_record, study_config
from tests.search.builders.people import trial_setting, write_people
from tests.search.builders.scripted import SCALE, Clock, tiny_space

FOLDS, UNIT_SECONDS = 3, 10.0
# One space, the default config and the best one, two slots.
SEED_SECONDS = FOLDS * 2 * UNIT_SECONDS / 2


@pytest.fixture
def prepared(tmp_path):
    data = write_people(tmp_path / "data")
    setting = trial_setting(data, tmp_path / "cache", tmp_path)
    return Prepared(
        config=study_config(str(data)),
        dataset=Dataset(root=data, table=setting.table, split=setting.split, is_demo=False),
        spaces=(tiny_space("gender"),),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources(2, 0, "auto"),
        setting=setting,
    )


@pytest.fixture
def refit(prepared, tmp_path, monkeypatch):
    """Returns a function that refits in some seconds of a made-up clock; it returns the run."""
    clock = Clock()
    monkeypatch.setattr(refit_stage.time, "monotonic", clock)

    def units_take_time(units, folds, setting, resources, *, seed, parts, models, is_over):
        for unit in units:
            if not folds.is_done(unit, parts):
                if is_over(unit):
                    return
                clock.now += UNIT_SECONDS / resources.slots
                part = {
                    "indices": folds.out(unit.fold),
                    "gender": np.full((len(folds.out(unit.fold)), 2), 0.5),
                    "seconds": UNIT_SECONDS,
                    "key": folds.key(unit),
                }
                write_arrays(parts / f"{unit.name}.npz", part)
            yield UnitEnd(unit=unit, seconds=UNIT_SECONDS)

    monkeypatch.setattr(refit_stage, "run_units", units_take_time)
    result = SpaceResult(
        name="gender",
        approach="separate",
        target="gender",
        records=(made_record(config={"optim.lr": 0.5, "schedule.epochs": 3}),),
        best=None,
        interval=None,
    )

    def run(seconds, seeds=2):
        store = RunStore(tmp_path / "run")
        store.root.mkdir()
        shape = Shape(folds=FOLDS, seeds=seeds, configs=1)
        planned = RefitPlan(shape=shape, seconds=1.0, cuts=("seeds: fewer",))
        console = Console(file=io.StringIO())
        run_refit(prepared, store, [result], planned, console, seconds)
        return store

    return run


def seeds_of(store):
    return sorted(path.name.split(".")[2] for path in store.predictions.glob("gender.1.*.npz"))


def test_time_that_is_left_goes_to_another_seed(refit):
    store = refit(3.3 * SEED_SECONDS)
    assert seeds_of(store) == ["0", "1", "2"]
    note = store.read_json("predictions/refit.json")
    assert note["shape"]["seeds"] == 3
    assert not any("seeds" in text for text in note["notes"])


def test_another_seed_that_would_not_fit_is_not_begun(refit):
    store = refit(2.9 * SEED_SECONDS)
    assert seeds_of(store) == ["0", "1"]
    assert any(
        "seeds: 2 instead of 3" in text
        for text in store.read_json("predictions/refit.json")["notes"]
    )
    assert len(list((store.predictions / "parts").glob("*.npz"))) == 2 * FOLDS * 2


def test_no_more_seeds_are_trained_than_wished_for(refit):
    assert seeds_of(refit(100 * SEED_SECONDS)) == ["0", "1", "2"]


def test_a_seed_that_was_cut_off_does_not_count(refit):
    store = refit(1.5 * SEED_SECONDS)
    note = store.read_json("predictions/refit.json")
    assert seeds_of(store) == ["0"]
    assert note["shape"]["seeds"] == 1
    assert any("did not fit the time" in text for text in note["notes"])


def test_a_finished_refit_is_told_by_its_file(refit):
    store = refit(2.2 * SEED_SECONDS)
    done = finished_plan(store)
    assert (done.shape.seeds, done.shape.folds, done.shape.configs) == (2, FOLDS, 1)


def test_without_a_refit_nothing_is_finished(tmp_path):
    assert finished_plan(RunStore(tmp_path)) is None
