"""Controlled trainings on a refit of tiny photos: what is planned, trained, kept and said."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from search.errors import ResultsError
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Resources
from search.refit import stage as refit_stage
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.lost_units import UnitEnd
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.truth import write_truth
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from search.why import stage as why_stage
from search.why.controls import Control
from search.why.plan import plan_controls
from search.why.reasons import controlled_reasons
from search.why.record import read_record
from search.why.stage import read_design, run_why
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.made import made_config, made_record
from tests.search.builders.made_search import write_search
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import Clock
from trainables.data.splits import make_folds

SPACES = ("gender", "mask", "joint", "multihead")
SCALE = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
SECONDS = 100.0  # that a training of the refit is said to have taken
SEEDS, FOLDS = 2, 2


def config_of(space, table, **changes):
    config = load(space, table.schema).default_config(table.schema, SCALE)
    return {**config, "input.size": 32, "backbone.name": "test_resnet", **changes}


@pytest.fixture
def run(people, cache, tmp_path, one_torch_thread):
    """A run whose refit of the default and the best config of four spaces is made up."""
    setting = trial_setting(people, cache, tmp_path / "results")
    table = setting.table
    run = Prepared(
        config=made_config(str(people)),
        dataset=Dataset(root=people, table=table, split=setting.split, is_demo=False),
        spaces=tuple(load(space, table.schema) for space in SPACES),
        scale=SCALE,
        backbones=("test_resnet",),
        # Those of the session's Ray.
        resources=Resources(slots=1, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=1, num_gpus=0),
        store=RunStore(tmp_path / "results" / "tiny"),
        stored_size=setting.stored_size,
        cache_dir=cache,
    )
    searched(run)
    write_refit(run)
    return run


def searched(run, **best):
    """Writes a search with one trial a space: a config of its own, or those that are given.

    Of several the last is the best.
    """
    table = run.dataset.table
    found = {s: best.get(s, config_of(s, table, **{"optim.lr": 0.002})) for s in SPACES}
    run.store.journal.unlink(missing_ok=True)
    records = {
        space: [
            made_record(number, {1: 0.5 + number / 10}, space=space, config=config)
            for number, config in enumerate(one if isinstance(one, list) else [one])
        ]
        for space, one in found.items()
    }
    write_search(run.store, lineup_of(run), records)


def write_refit(run):
    table, predictions = run.dataset.table, run.store.predictions
    folds = Folds(of_sample=make_folds(table, FOLDS, 1), num_folds=FOLDS)
    (predictions / "parts").mkdir(parents=True)
    write_truth(predictions, table, folds, run.dataset.split)
    configs = {}
    rng = np.random.default_rng(0)
    for space in SPACES:
        configs[f"{space}.default"] = config_of(space, table)
        configs[f"{space}.1"] = config_of(space, table, **{"optim.lr": 0.002})
        for seed in range(SEEDS):
            for config_id in ("default", "1"):
                heads = {
                    head: rng.dirichlet([1] * table.schema.only(names).num_joint, 48)
                    for head, names in lineup_of(run).heads(space).items()
                }
                np.savez(predictions / f"{space}.{config_id}.{seed}.npz", **heads)
            rows = folds.out(0)
            own = {head: probs[rows] for head, probs in heads.items()}
            path = predictions / "parts" / f"{space}.{config_id}.{seed}.0.npz"
            np.savez(path, indices=rows, seconds=SECONDS, **own)
    shape = Shape(folds=FOLDS, seeds=SEEDS, configs=1)
    RefitNote(shape=shape, notes=(), configs=configs).write(run.store)


def lineup_of(run):
    return Lineup.of(run.schema, run.spaces)


def refitted_of(run):
    return Refitted.read(run.store, lineup_of(run))


def test_the_winner_is_the_best_config_of_the_search_as_the_refit_trained_it(run):
    found = read_design(run, refitted_of(run))
    assert {space: winner.config_id for space, winner in found.winners.items()} == dict.fromkeys(
        SPACES, "1"
    )
    assert tuple(found.lineup.approaches) == ("separate", "joint", "multihead")
    assert (found.seeds, found.num_folds, found.noisy) == ((0, 1), FOLDS, "gender")
    default = config_of("joint", run.dataset.table, **{"schedule.epochs": 9})
    searched(run, joint=default)  # the default before the refit cut its epochs
    (run.store.predictions / "joint.default.1.npz").unlink()
    note = RefitNote.read(run.store, run.schema.names)
    broke = "joint.default.1.0 (refit, seed 2 of 2) failed: it broke"
    replace(note, notes=(broke,)).write(run.store)
    found = read_design(run, refitted_of(run))
    assert found.winners["joint"].config_id == "default"
    assert found.seeds == (0,)  # the only one that all winners have


def test_a_refit_that_kept_no_configs_is_refused(run):
    note = run.store.read_json(RefitNote.FILE)
    del note["configs"], note["looks"]
    (run.store.root / RefitNote.FILE).write_text(json.dumps(note), encoding="utf-8")
    with pytest.raises(ResultsError, match="needs a refit of two approaches with its configs"):
        read_design(run, refitted_of(run))


def test_a_refit_without_a_whole_seed_is_refused(run):
    refitted = refitted_of(run)
    refitted = replace(refitted, trained={**refitted.trained, "mask": {"1": (SEEDS,)}})
    with pytest.raises(ResultsError, match="needs a seed of gender, mask, joint, multihead"):
        read_design(run, refitted)


def test_a_refit_whose_parts_are_gone_cannot_be_planned_with(run):
    for path in (run.store.predictions / "parts").glob("joint.*"):
        path.unlink()
    with pytest.raises(ResultsError, match="has none of its trainings; put them back"):
        run_why(run, Console(file=io.StringIO()), None)


@pytest.mark.ray
def test_what_fits_the_time_is_trained_kept_and_told_and_never_trained_twice(run, ray_runtime):
    told = io.StringIO()
    # Two attributes x two seeds x two folds of the first control on one device; no time for more.
    seconds = 1.1 * 8 * SECONDS + 1
    run_why(run, Console(file=told, width=300), seconds)
    text = told.getvalue()
    assert "Controlled trainings: separate models with one shared config; 8 models" in text
    assert "joint models averaged to equal parameters: left out" in text
    why = run.store.predictions / "why"
    trained = {path.stem for path in (why / "parts").glob("*.npz")}
    assert trained == {
        f"{a}.shared.{s}.{f}" for a in ("gender", "mask") for s in "01" for f in "01"
    }
    assert not (why / "models").exists()
    times = {path: path.stat().st_mtime_ns for path in (why / "parts").glob("*.npz")}
    run_why(run, Console(file=io.StringIO()), seconds)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    refitted = refitted_of(run)
    record = read_record(refitted)
    assert record.controls[0].control is Control.SHARED
    assert any("left out" in note for note in record.notes)
    first = controlled_reasons(refitted, record, seed=0)[0]
    assert first.sentence.startswith(
        "Separate models that all take joint's chosen config score 0."
    )


def test_what_breaks_or_finds_no_time_is_noted(run, monkeypatch):
    def two_end(units, folds, setting, resources, **options):
        yield UnitEnd(
            unit=units[0], seconds=0.0, error="ConfigError: unknown timm model\nand so on"
        )
        yield UnitEnd(unit=units[1], seconds=1.0)
        assert not options["is_over"](units[2])

    monkeypatch.setattr(refit_stage, "run_units", two_end)
    told = io.StringIO()
    run_why(run, Console(file=told), 1.1 * 8 * SECONDS + 1)
    broken, trained = re.findall(r"^\[.*\] (control, .*)$", told.getvalue(), re.MULTILINE)
    assert broken == (
        "control, 1/8: gender shared, fold 1, FAILED: ConfigError: unknown timm model"
    )
    assert trained == "control, 2/8: mask shared, fold 1, 1s"
    record = read_record(refitted_of(run))
    assert record.controls == ()
    assert record.notes[-2:] == (
        "gender.shared.0.0 (control) failed: ConfigError: unknown timm model",
        "6 of 8 trainings (control) did not fit the time",
    )


def test_no_training_starts_when_the_time_is_over(run, monkeypatch):
    asked, clock = [], Clock()

    def none_end(units, folds, setting, resources, **options):
        clock.now += 0.002
        asked.append(options["is_over"](units[0]))
        return iter(())

    monkeypatch.setattr(why_stage.time, "monotonic", clock)
    monkeypatch.setattr(refit_stage, "run_units", none_end)
    monkeypatch.setattr(
        why_stage, "plan_controls", lambda design, costs, _: plan_controls(design, costs, None)
    )
    run_why(run, Console(file=io.StringIO()), 0.001)
    assert asked == [True]


def test_the_folds_of_a_control_are_those_of_the_refit(run):
    refitted = refitted_of(run)
    unit = read_design(run, refitted).units(Control.PEOPLE, 0, 1)[0]
    assert isinstance(unit, Unit)
    folds = refitted.truth.folds
    assert not set(folds.out(unit.fold)) & set(folds.train(unit.fold))


def test_a_default_config_that_the_refit_left_out_is_trained_as_its_trial_was(run):
    found = refitted_of(run)
    configs = {name: c for name, c in found.note.configs.items() if name != "gender.default"}
    left_out = replace(found, note=replace(found.note, configs=configs))
    tried = {**run.default_config("gender"), "numerics.precision": "bf16"}
    searched(run, gender=[tried, configs["gender.1"]])
    design = read_design(run, left_out)
    assert design.defaults["gender"] == tried
    assert design.winners["gender"].config_id == "1"
