"""What follows the refit where the ensemble lacks models."""

import io
from types import SimpleNamespace

from rich.console import Console

from search.cli import every_stage
from search.ensemble.folder import MissingModelsError
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
    monkeypatch.setattr(every_stage, "run_refit", lambda run, _, s: done.append(("refit", s)))
    monkeypatch.setattr(every_stage, "conclude_run", lambda *_: done.append(("verdict", None)))
    run = SimpleNamespace(
        store=SimpleNamespace(predictions=RefitFiles(tmp_path).folder),
        config=SimpleNamespace(keep_models=False, pseudo_labels=""),
    )
    every_stage._conclude(run, Console(file=io.StringIO()))
    assert done == [
        ("ensemble", ["age.1.0.0.npz", "age.1.0.1.npz"]),
        ("refit", 0.0),
        ("ensemble", ["age.1.0.0.npz"]),
        ("verdict", None),
    ]
