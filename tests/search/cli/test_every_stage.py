"""What a resumed run has used and goes on with; what follows the refit."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from search.cli import every_stage
from search.ensemble.folder import MissingModelsError
from search.prepare.config import Budget
from search.prepare.run_photos import RunPhotos
from search.prepare.timeline import Timeline
from search.refit.files import RefitFiles
from search.store.records import Cause, State
from search.store.run_store import RunStore
from search.tuning.stage import SearchEnd


def concluded(tmp_path, monkeypatch, missing):
    """Returns what ends a run, in its order, where an ensemble lacks models at its tries."""
    parts = tmp_path / "parts"
    parts.mkdir()
    for name in ("age.1.0.0", "age.1.0.1"):
        (parts / f"{name}.npz").touch()
    done, left = [], list(missing)

    def build(store, console, *, keep_models):
        done.append(("ensemble", sorted(path.name for path in parts.iterdir())))
        if left:
            raise MissingModelsError("some are gone", units=left.pop(0))

    monkeypatch.setattr(every_stage, "build_ensemble", build)
    monkeypatch.setattr(every_stage, "run_refit", lambda run, _, s, t: done.append(("refit", s)))
    monkeypatch.setattr(every_stage, "print_results", lambda *_: done.append(("results", None)))
    monkeypatch.setattr(
        every_stage,
        "conclude_run",
        lambda *_, no_photos, look: done.append(("verdict", (no_photos, type(look)))),
    )
    run = SimpleNamespace(
        setting=None,
        store=SimpleNamespace(predictions=RefitFiles(tmp_path).folder, root=tmp_path),
        config=SimpleNamespace(
            keep_models=False, pseudo_labels="", why="predictions", no_photos=True
        ),
    )
    console = Console(file=io.StringIO())
    (tmp_path / "photos.json").touch()
    monkeypatch.setattr("search.prepare.timeline.time.monotonic", lambda: 60.0)
    every_stage._conclude(run, console, (), Timeline(began=0.0, later_s=5.0))
    return done, console


def test_models_that_are_trained_again_bring_no_seed_that_is_asked_for_besides(
    tmp_path, monkeypatch
):
    """A time of zero trains what is missing of a refit that is done, and nothing more."""
    done, console = concluded(tmp_path, monkeypatch, [("age.1.0.1",)])
    assert not (tmp_path / "photos.json").exists()
    shown = console.file.getvalue().split("\n")
    assert [line for line in shown if line] == [
        "stage 3 of 4: ensemble",
        "[ 1m 00s of 1m 08s] choosing the members by all predictions ...",
        "stage 4 of 4: verdict and report",
        "[ 1m 00s of 1m 05s] judging the approaches and writing the report ...",
    ]
    assert done == [
        ("ensemble", ["age.1.0.0.npz", "age.1.0.1.npz"]),
        ("refit", 0.0),
        ("ensemble", ["age.1.0.0.npz"]),
        ("results", None),
        ("verdict", (True, RunPhotos)),
    ]


def test_a_choice_that_needs_further_models_trains_those_as_well(tmp_path, monkeypatch):
    done, _ = concluded(tmp_path, monkeypatch, [("age.1.0.1",), ("age.1.0.0",)])
    assert [what for what, _ in done[:5]] == ["ensemble", "refit", "ensemble", "refit", "ensemble"]
    assert done[4] == ("ensemble", [])


def test_models_that_training_does_not_bring_back_end_the_run(tmp_path, monkeypatch):
    with pytest.raises(MissingModelsError, match="some are gone"):
        concluded(tmp_path, monkeypatch, [("age.1.0.1",), ("age.1.0.1",)])


@pytest.mark.parametrize(
    ("given", "middle"),
    [
        ({}, ()),
        ({"pseudo_labels": "photos"}, ("pseudo-labels",)),
        ({"pseudo_labels": "photos", "why": "full"}, ("pseudo-labels", "controlled trainings")),
    ],
)
def test_the_stages_of_a_run_are_those_that_were_asked_for(given, middle):
    config = SimpleNamespace(**{"pseudo_labels": "", "why": "predictions", **given})
    stages = every_stage.stages_of(SimpleNamespace(config=config))
    assert stages == ("search", "refit", *middle, "ensemble", "verdict and report")


def test_a_resumed_run_has_used_what_its_earlier_starts_used(monkeypatch):
    now = 1090.0
    monkeypatch.setattr(every_stage, "time", SimpleNamespace(monotonic=lambda: now))
    clock = every_stage.Clock(began=1000.0, budget_s=1000.0)
    assert clock.left() == 910.0
    resumed = clock.since(600.0)
    assert resumed.left() == 400.0
    now += 380.0  # what the refit trains on takes is missing to what follows, too
    assert resumed.left() == 20.0
    assert clock.since(10.0) == clock


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """Returns a function that resumes a run with a refit; it returns the seconds of its search."""
    store = RunStore(tmp_path / "mine")
    store.root.mkdir()
    store.write_study({"config": {}})
    monkeypatch.setattr(every_stage.RefitNote, "exists", lambda _: True)  # nothing is timed
    for name in ("print_search_end", "print_commands", "print_summary", "_after_search"):
        monkeypatch.setattr(every_stage, name, lambda *_, **__: None)

    def resume(*, seconds, interrupted=False, records=()):
        given = []
        results = [SimpleNamespace(records=records)]

        def run_search(run, console, budget, *_):
            given.append(budget.seconds)
            return SearchEnd(results=results, interrupted=interrupted)

        monkeypatch.setattr(every_stage, "run_search", run_search)
        budget = Budget(seconds=seconds)
        config = SimpleNamespace(budget=budget, pseudo_labels="", why="predictions")
        run = SimpleNamespace(config=config, store=store, photo_seconds={})
        every_stage.run_every_stage(run, Console(file=io.StringIO()))
        return given[0]

    return resume


def test_a_search_that_has_ended_begins_no_trial_where_its_run_is_resumed(searched):
    """Other trials might bring other finalists, and all of the refit would be trained anew."""
    assert searched(seconds=1030.0) == 500.0
    assert searched(seconds=1030.0) == 0.0
    # With more time it goes on.
    assert searched(seconds=2030.0) == 1000.0
    assert searched(seconds=2030.0) == 0.0


def test_a_search_gets_its_share_of_what_the_verdict_leaves(searched, monkeypatch):
    """A refit that was promised two seeds would lose one for seconds."""
    monkeypatch.setattr(every_stage.RefitNote, "exists", lambda _: False)
    monkeypatch.setattr(every_stage, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(every_stage, "probed_costs", lambda _: None)
    monkeypatch.setattr(every_stage, "share_of_search", lambda _: 0.4)
    assert searched(seconds=1030.0) == 400.0


def test_a_search_that_was_interrupted_has_not_ended(searched):
    assert searched(seconds=1030.0, interrupted=True) == 500.0
    assert searched(seconds=1030.0) == 500.0


def test_a_trial_that_waits_for_the_next_start_is_tried_then(searched):
    """Its workers died, and nobody knows why: the search has not ended without it."""
    waiting = (SimpleNamespace(state=State.RUNNING, cause=Cause.WORKER_DIED),)
    assert searched(seconds=1030.0, records=waiting) == 500.0
    assert searched(seconds=1030.0) == 500.0
    assert searched(seconds=1030.0) == 0.0


def test_what_follows_the_refit_has_its_time_once_however_often_it_is_interrupted(
    tmp_path, monkeypatch
):
    store = RunStore(tmp_path / "mine")
    store.root.mkdir()
    store.write_study({"config": {}})

    def asked(seconds, *, has_ended, refit_seeds=None, thresholds=()):
        monkeypatch.setattr(every_stage, "_seconds_of", lambda *_: seconds / 2)  # of two folders
        config = SimpleNamespace(
            budget_seconds=60.0,
            refit_seeds=refit_seeds,
            why="full",
            pseudo_labels="",
            pseudo_thresholds=thresholds,
        )
        run = SimpleNamespace(store=store, config=config)
        return every_stage._asked_anew(run, (), has_ended=has_ended)

    assert asked(0.0, has_ended=False) == (False, 0.0)
    assert asked(40.0, has_ended=True) == (False, 40.0)  # it was asked for at first
    assert asked(40.0, has_ended=True, refit_seeds=12) == (True, 0.0)
    assert asked(55.0, has_ended=True, refit_seeds=12) == (True, 15.0)
    more = {"refit_seeds": 12, "thresholds": ("age=0.8",)}
    assert asked(55.0, has_ended=True, **more) == (True, 0.0)
