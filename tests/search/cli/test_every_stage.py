"""What follows the refit where the ensemble lacks models."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from search.cli import every_stage
from search.ensemble.folder import MissingModelsError
from search.prepare.run_photos import RunPhotos
from search.prepare.timeline import Timeline
from search.refit.files import RefitFiles


def test_models_that_are_trained_again_bring_no_seed_that_is_asked_for_besides(
    tmp_path, monkeypatch
):
    """A time of zero trains what is missing of a refit that is done, and nothing more."""
    parts = tmp_path / "parts"
    parts.mkdir()
    for name in ("age.1.0.0", "age.1.0.1"):
        (parts / f"{name}.npz").touch()
    done = []

    def build(store, console, *, keep_models):
        done.append(("ensemble", sorted(path.name for path in parts.iterdir())))
        if len(done) == 1:
            raise MissingModelsError("some are gone", units=("age.1.0.1",))

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
