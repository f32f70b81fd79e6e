"""The refit within its time: nothing trains here, units only take time."""

import io
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.prepare.config import format_duration
from search.prepare.timeline import Timeline
from search.refit import stage as refit_stage
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.lost_units import UnitEnd
from search.refit.plan import RefitPlan, Shape
from search.refit.stage import run_refit
from search.refit.unit_file import TrainedUnit
from search.store.files import write_json
from search.store.run_store import RunStore
from tests.search.builders.made import made_record
from tests.search.builders.made_search import write_search
from tests.search.builders.prepared_run import prepared_run
from tests.search.builders.scripted import Clock, tiny_space

FOLDS, UNIT_SECONDS = 3, 10.0
# One space, the default config and the best one, two slots.
SEED_SECONDS = FOLDS * 2 * UNIT_SECONDS / 2


@pytest.fixture
def prepared(tmp_path):
    return prepared_run(tmp_path, (tiny_space("gender"),))


@pytest.fixture
def refit(prepared, tmp_path, monkeypatch):
    """Returns a function that refits in some seconds of a made-up clock; it returns the run."""
    clock = Clock()
    monkeypatch.setattr(refit_stage.time, "monotonic", clock)

    def units_take_time(units, folds, setting, resources, *, files, is_over, **options):
        for unit in units:
            if not files.is_done(unit, folds):
                if is_over(unit):
                    return
                clock.now += UNIT_SECONDS / resources.slots
                out = folds.out(unit.fold)
                trained = TrainedUnit(
                    indices=out,
                    seconds=UNIT_SECONDS,
                    key=folds.key(unit),
                    note={},
                    heads={"gender": np.full((len(out), 2), 0.5)},
                )
                files.write_unit(unit, trained)
                yield UnitEnd(unit=unit, seconds=UNIT_SECONDS)
            else:
                yield UnitEnd(unit=unit, seconds=0.0)

    monkeypatch.setattr(refit_stage, "run_units", units_take_time)
    block = {"target.attributes": ("gender",), "target.form": "softmax"}
    searched = made_record(1, config={**block, "optim.lr": 0.5, "schedule.epochs": 3})
    lineup = Lineup.of(prepared.schema, prepared.spaces)
    default = made_record(0, {1: 0.2, 2: 0.3}, config=dict(prepared.default_config("gender")))
    write_search(prepared.store, lineup, {"gender": [default, searched]})
    shape = Shape(folds=FOLDS, seeds=2, configs=1)
    planned = RefitPlan(shape=shape, seconds=1.0, cuts=("seeds: fewer",))
    monkeypatch.setattr(refit_stage, "plan", lambda *given: planned)

    def run(seconds, store=prepared.store, refit_seeds=None, told=None, timeline=None):
        config = prepared.config.changed(refit_seeds=refit_seeds)
        again = replace(prepared, store=store, config=config)
        console = Console(file=io.StringIO() if told is None else told, width=200)
        run_refit(again, console, seconds, timeline)
        return store

    return run


def seeds_of(store):
    return sorted(path.name.split(".")[2] for path in store.predictions.glob("gender.1.*.npz"))


def lines_of(told):
    """Returns total and text of every line of a training."""
    found = re.findall(r"^\[ *\w[\w ]*? of ([\w ]+)\] (.*)$", told.getvalue(), re.MULTILINE)
    return [total for total, _ in found], [text for _, text in found]


def test_without_a_terminal_every_training_that_ends_is_a_line_with_the_total_of_the_run(refit):
    told = io.StringIO()
    refit(2.9 * SEED_SECONDS, told=told, timeline=Timeline(began=Clock().now, later_s=8.0))
    totals, texts = lines_of(told)
    assert texts[0] == "refit, seed 1 of 6, 1/6: gender default, fold 1, 10s"
    assert texts[-1] == "refit, seed 2 of 6, 6/6: gender config 1, fold 3, 10s"
    assert len(texts) == 2 * FOLDS * 2
    # The search measured other seconds; what the first training of a config took corrects them.
    assert set(totals[1:]) == {format_duration(2 * SEED_SECONDS + 8)}


def test_a_training_of_an_earlier_start_is_no_line(refit):
    refit(2.2 * SEED_SECONDS)
    told = io.StringIO()
    refit(0.0, told=told, timeline=Timeline(began=0.0, later_s=8.0))
    assert lines_of(told) == ([], [])


def test_time_that_is_left_goes_to_another_seed(refit):
    store = refit(3.3 * SEED_SECONDS)
    assert seeds_of(store) == ["0", "1", "2"]
    note = store.read_json("predictions/refit.json")
    assert note["shape"]["seeds"] == 3
    assert any("seeds: 3 instead of 6" in text for text in note["notes"])


def test_another_seed_that_would_not_fit_is_not_begun(refit):
    store = refit(2.9 * SEED_SECONDS)
    assert seeds_of(store) == ["0", "1"]
    assert any(
        "seeds: 2 instead of 6" in text
        for text in store.read_json("predictions/refit.json")["notes"]
    )
    assert len(list((store.predictions / "parts").glob("*.npz"))) == 2 * FOLDS * 2


def test_no_more_seeds_are_trained_than_wished_for(refit):
    store = refit(100 * SEED_SECONDS)
    assert seeds_of(store) == list("012345")
    assert not any("seeds" in text for text in store.read_json(RefitNote.FILE)["notes"])


def test_more_seeds_are_trained_after_the_end_only_where_they_are_asked_for(refit):
    refit(2.2 * SEED_SECONDS)
    assert seeds_of(refit(0.0)) == ["0", "1"]
    assert seeds_of(refit(0.0, refit_seeds=4)) == ["0", "1", "2", "3"]
    # Once they are trained they stay, and are not asked for again.
    assert seeds_of(refit(0.0, refit_seeds=4)) == ["0", "1", "2", "3"]
    store = refit(0.0, refit_seeds=2)
    assert seeds_of(store) == ["0", "1", "2", "3"]
    looks = store.read_json(RefitNote.FILE)["looks"]
    assert [(look["seeds"], look["ended"]) for look in looks] == [
        (2, True),
        (3, False),
        (4, True),
    ]


def test_a_seed_that_was_cut_off_does_not_count(refit):
    store = refit(1.5 * SEED_SECONDS)
    note = store.read_json("predictions/refit.json")
    assert seeds_of(store) == ["0"]
    assert note["shape"]["seeds"] == 1
    assert any("did not fit the time" in text for text in note["notes"])


def test_a_finished_refit_is_told_by_its_file(refit, prepared):
    refit(2.2 * SEED_SECONDS)
    done = RefitNote.begun(prepared.store, prepared.schema.names)
    assert (done.shape.seeds, done.shape.folds, done.shape.configs) == (2, FOLDS, 1)


def test_without_a_refit_nothing_is_finished(prepared):
    assert RefitNote.begun(prepared.store, prepared.schema.names) is None


def test_a_refit_that_is_done_is_repeated_as_it_was_whatever_the_time(refit):
    refit(2.2 * SEED_SECONDS)
    store = refit(0.0)
    assert seeds_of(store) == ["0", "1"]


def test_what_is_lost_of_a_refit_that_is_done_is_trained_again(refit):
    store = refit(2.2 * SEED_SECONDS)
    lost = store.predictions / "parts" / "gender.1.1.0.npz"
    lost.unlink()
    refit(0.0)
    assert lost.is_file()
    assert seeds_of(store) == ["0", "1"]


def test_workers_get_a_whole_path_whatever_the_folder_of_the_run_is(
    refit, prepared, tmp_path, monkeypatch
):
    folders = []

    def none_end(units, folds, setting, resources, *, files, models, **options):
        assert options["pool"] is not None
        folders.extend((files.folder, models))
        return iter(())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(refit_stage, "run_units", none_end)
    refit(None, RunStore(Path("run")))
    assert folders == [tmp_path / "run" / "predictions", tmp_path / "run" / "models"]


def test_a_refit_that_was_cut_off_keeps_the_seeds_that_it_had_looked_at(refit):
    """Without time, too, what broke or was lost of them is trained again."""
    store = refit(4.4 * SEED_SECONDS)
    assert seeds_of(store) == ["0", "1", "2", "3"]
    note = store.read_json(RefitNote.FILE)
    shape = {**note["shape"], "seeds": 2}  # as it was planned
    looks = [{**look, "ended": False} for look in note["looks"]]
    cut_off = {**note, "done": False, "shape": shape, "looks": looks}
    write_json(store.root / RefitNote.FILE, cut_off)
    (store.predictions / "parts" / "gender.1.1.0.npz").unlink()
    refit(0.0)
    assert store.read_json(RefitNote.FILE)["shape"]["seeds"] == 4


def test_a_refit_that_was_cut_off_begins_anew_with_other_configs(refit, prepared):
    """Its looks were at others; of the new ones the first seed alone is trained at any price."""
    store = refit(4.4 * SEED_SECONDS)
    note = store.read_json(RefitNote.FILE)
    other = {name: {**config, "optim.lr": 0.25} for name, config in note["configs"].items()}
    write_json(store.root / RefitNote.FILE, {**note, "done": False, "configs": other})
    for path in (store.predictions / "parts").glob("*.npz"):
        path.unlink()
    refit(0.0)
    note = store.read_json(RefitNote.FILE)
    assert note["shape"]["seeds"] == 1
    assert note["looks"] == [{"seeds": 1, "full": 6, "ended": True}]


@pytest.fixture
def cut_off_in_seed(refit, monkeypatch):
    """Returns a context in which Ctrl-C comes as soon as a seed begins."""
    train = refit_stage.run_units

    @contextmanager
    def at(seed):
        def cut_off(units, *given, **options):
            if any(unit.seed == seed for unit in units):
                raise KeyboardInterrupt
            yield from train(units, *given, **options)

        with monkeypatch.context() as patched:
            patched.setattr(refit_stage, "run_units", cut_off)
            yield

    return at


def test_seeds_that_were_asked_for_on_top_are_trained_though_a_start_was_cut_off(
    refit, cut_off_in_seed
):
    """Whatever time that takes, as it does where nothing cuts it off."""
    store = refit(2.2 * SEED_SECONDS)
    with cut_off_in_seed(2), pytest.raises(KeyboardInterrupt):
        refit(0.0, refit_seeds=4)
    assert seeds_of(refit(0.0, refit_seeds=4)) == ["0", "1", "2", "3"]
    assert store.read_json(RefitNote.FILE)["done"] is True


def test_a_larger_budget_that_was_cut_off_is_one_still(refit, cut_off_in_seed):
    """Seeds that were asked for from the first on are no reason to go on without end."""
    store = refit(2.2 * SEED_SECONDS, refit_seeds=4)
    with cut_off_in_seed(2), pytest.raises(KeyboardInterrupt):
        refit(4.4 * SEED_SECONDS, refit_seeds=4)
    assert store.read_json(RefitNote.FILE)["done"] is False
    assert seeds_of(refit(0.0, refit_seeds=4)) == ["0", "1"]
