"""A run that the machines do not let go on ends as one that can be resumed."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from search.cli import run as run_module
from search.cli.run import _run_stages
from search.errors import StalledError
from search.prepare.config import Budget
from search.store.run_store import RunStore


@pytest.mark.parametrize("stage", ["run_search", "run_every_stage"])
def test_a_stalled_run_says_why_and_how_to_go_on(stage, tmp_path, monkeypatch, capsys):
    def stall(*given, **options):
        raise StalledError("no node had room")

    monkeypatch.setattr(run_module, stage, stall)
    spaces = ("all",) if stage == "run_every_stage" else ("age",)
    config = SimpleNamespace(spaces=spaces, budget=Budget(trials=1))
    run = SimpleNamespace(config=config, store=RunStore(tmp_path / "mine"))
    run.store.write_study({"second_fold": False})
    end = _run_stages(run, Console(width=500))
    assert end.interrupted
    said = capsys.readouterr().out
    assert "Stopped: no node had room. Nothing is lost; go on with: " in said
    assert "run --resume mine" in said
