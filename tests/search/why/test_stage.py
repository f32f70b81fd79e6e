"""Controlled trainings on a refit of tiny photos: what is planned, trained, kept and said."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from search.errors import ResultsError
from search.prepare.dataset import Dataset
from search.prepare.prepared import SpaceResult
from search.prepare.resources import Resources
from search.refit.files import read_truth, write_truth
from search.refit.pool import UnitEnd
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from search.why import stage as why_stage
from search.why.controls import Control
from search.why.plan import plan_controls
from search.why.reasons import controlled_reasons
from search.why.record import read_record
from search.why.stage import read_refitted, run_why
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.made import made_record
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import Clock
from trainables.data.splits import make_folds

SPACES = {"gender": "separate", "mask": "separate", "joint": "joint", "multihead": "multihead"}
SECONDS = 100.0  # that a training of the refit is said to have taken
SEEDS, FOLDS = 2, 2


def config_of(space, table, **changes):
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
    config = load(space, table.schema).default_config(table.schema, scale)
    return {**config, "input.size": 32, "backbone.name": "test_resnet", **changes}


@pytest.fixture
def run(people, cache, tmp_path, one_torch_thread):
    """What a run has at hand, with the devices of the session's Ray."""
    setting = trial_setting(people, cache, tmp_path / "results")
    table = setting.table
    return SimpleNamespace(
        config=SimpleNamespace(seed=0),
        dataset=Dataset(root=people, table=table, split=setting.split, is_demo=False),
        resources=Resources(slots=1, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=1, num_gpus=0),
        setting=setting,
    )


@pytest.fixture
def store(run, tmp_path):
    """A refit of the default and the best config of four spaces, its predictions made up."""
    store = RunStore(tmp_path / "results" / "tiny")
    table = run.dataset.table
    folds = Folds(of_sample=make_folds(table, FOLDS, 1), num_folds=FOLDS)
    (store.predictions / "parts").mkdir(parents=True)
    write_truth(store.predictions / "truth.csv", table, folds, run.dataset.split.held_out)
    configs = {}
    rng = np.random.default_rng(0)
    for space in SPACES:
        configs[f"{space}.default"] = config_of(space, table)
        configs[f"{space}.1"] = config_of(space, table, **{"optim.lr": 0.002})
        names = table.schema.names if space == "multihead" else (space,)
        for seed in range(SEEDS):
            heads = {n: rng.dirichlet([1] * table.schema.num_classes(n), 48) for n in names}
            np.savez(store.predictions / f"{space}.1.{seed}.npz", **heads)
            np.savez(store.predictions / "parts" / f"{space}.1.{seed}.0.npz", seconds=SECONDS)
    note = {"schema": 1, "configs": configs, "notes": []}
    (store.predictions / "refit.json").write_text(json.dumps(note), encoding="utf-8")
    return store


@pytest.fixture
def results(run):
    best = {
        s: made_record(config=config_of(s, run.dataset.table, **{"optim.lr": 0.002}))
        for s in SPACES
    }
    return [
        SpaceResult(
            name=space,
            approach=approach,
            target=space if approach == "separate" else "joint",
            records=(best[space],),
            best=best[space],
            interval=None,
        )
        for space, approach in SPACES.items()
    ]


def folds_of(store):
    of_sample = read_truth(store.predictions / "truth.csv").fold
    return Folds(of_sample=of_sample, num_folds=FOLDS)


def test_the_winner_is_the_best_config_of_the_search_as_the_refit_trained_it(run, store, results):
    found = read_refitted(run, store, results, folds_of(store))
    assert {space: winner.config_id for space, winner in found.winners.items()} == dict.fromkeys(
        SPACES, "1"
    )
    assert found.approaches == ("separate", "joint", "multihead")
    assert (found.seeds, found.num_folds, found.noisy) == ((0, 1), FOLDS, "gender")
    default = config_of("joint", run.dataset.table, **{"schedule.epochs": 9})
    best = made_record(config=default)  # the default before the refit cut its epochs
    changed = [
        SpaceResult(
            name=r.name,
            approach=r.approach,
            target=r.target,
            records=(best,),
            best=best,
            interval=None,
        )
        if r.name == "joint"
        else r
        for r in results
    ]
    np.savez(store.predictions / "joint.default.0.npz", joint=np.zeros((48, 4)))
    found = read_refitted(run, store, changed, folds_of(store))
    assert found.winners["joint"].config_id == "default"
    assert found.seeds == (0,)  # the only one that all winners have


def test_a_refit_that_kept_no_configs_is_refused(run, store, results):
    note = {"schema": 1, "notes": []}
    (store.predictions / "refit.json").write_text(json.dumps(note), encoding="utf-8")
    with pytest.raises(ResultsError, match="needs a refit of two approaches with its configs"):
        read_refitted(run, store, results, folds_of(store))


def test_a_refit_without_a_whole_seed_is_refused(run, store, results):
    for path in store.predictions.glob("mask.1.*.npz"):
        path.unlink()
    with pytest.raises(ResultsError, match="needs a seed of gender, mask, joint, multihead"):
        read_refitted(run, store, results, folds_of(store))


def test_a_refit_whose_parts_are_gone_cannot_be_planned_with(run, store, results):
    for path in (store.predictions / "parts").glob("joint.*"):
        path.unlink()
    with pytest.raises(ResultsError, match="has none of it; put it back"):
        run_why(run, store, results, Console(file=io.StringIO()), None)


@pytest.mark.ray
def test_what_fits_the_time_is_trained_kept_and_told_and_never_trained_twice(
    run, store, results, ray_runtime
):
    told = io.StringIO()
    # Two attributes x two seeds x two folds of the first control on one device; no time for more.
    seconds = 1.1 * 8 * SECONDS + 1
    run_why(run, store, results, Console(file=told, width=300), seconds)
    text = told.getvalue()
    assert "Controlled trainings: separate models with one shared config; 8 models" in text
    assert "joint models averaged to equal parameters: left out" in text
    why = store.predictions / "why"
    trained = {path.stem for path in (why / "parts").glob("*.npz")}
    assert trained == {
        f"{a}.shared.{s}.{f}" for a in ("gender", "mask") for s in "01" for f in "01"
    }
    assert not (why / "models").exists()
    times = {path: path.stat().st_mtime_ns for path in (why / "parts").glob("*.npz")}
    run_why(run, store, results, Console(file=io.StringIO()), seconds)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    truth = read_truth(store.predictions / "truth.csv")
    record = read_record(store, truth)
    assert record.controls[0].control is Control.SHARED
    assert any("left out" in note for note in record.notes)
    schema = run.dataset.table.schema
    first = controlled_reasons(store, record, schema, truth, seed=0)[0]
    assert first.sentence.startswith("Separate models that all take joint's best config score 0.")


def test_what_breaks_or_finds_no_time_is_noted(run, store, results, monkeypatch):
    def two_end(units, folds, setting, resources, **options):
        yield UnitEnd(
            unit=units[0], seconds=0.0, error="ConfigError: unknown timm model\nand so on"
        )
        yield UnitEnd(unit=units[1], seconds=1.0)
        assert not options["is_over"](units[2])

    monkeypatch.setattr(why_stage, "run_units", two_end)
    run_why(run, store, results, Console(file=io.StringIO()), 1.1 * 8 * SECONDS + 1)
    record = read_record(store, read_truth(store.predictions / "truth.csv"))
    assert record.controls == ()
    assert record.notes[-2:] == (
        "control gender.shared.0.0 failed: ConfigError: unknown timm model",
        "6 of 8 controls did not fit the time",
    )


def test_no_training_starts_when_the_time_is_over(run, store, results, monkeypatch):
    asked, clock = [], Clock()

    def none_end(units, folds, setting, resources, **options):
        clock.now += 0.002
        asked.append(options["is_over"](units[0]))
        return iter(())

    monkeypatch.setattr(why_stage.time, "monotonic", clock)
    monkeypatch.setattr(why_stage, "run_units", none_end)
    monkeypatch.setattr(
        why_stage, "plan_controls", lambda refitted, costs, _: plan_controls(refitted, costs, None)
    )
    run_why(run, store, results, Console(file=io.StringIO()), 0.001)
    assert asked == [True]


def test_the_folds_of_a_control_are_those_of_the_refit(run, store, results):
    refitted = read_refitted(run, store, results, folds_of(store))
    unit = refitted.units(Control.PEOPLE, 0, 1)[0]
    assert isinstance(unit, Unit)
    out = folds_of(store).out(unit.fold)
    assert not set(out) & set(folds_of(store).train(unit.fold))
