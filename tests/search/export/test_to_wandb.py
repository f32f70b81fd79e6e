"""Trials as offline runs of the real wandb; without the package there is nothing to test."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search.store.links import check_links
from tests.search.builders.runs import ROOT

if importlib.util.find_spec("wandb") is None:
    pytest.skip("needs wandb", allow_module_level=True)

BEGUN = ROOT / "tests" / "assets" / "begun"


def export(results: Path) -> str:
    """Exports in a process of its own: wandb leaves a service behind in the one it worked in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    home = {"HOME": str(results), "PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "search", "export", "begun", "--results", results, "--to", "wandb"],
        env={**kept, **home, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_trial_is_one_offline_run_however_often_it_is_exported(tmp_path):
    run = tmp_path / "begun"
    shutil.copytree(BEGUN, run, ignore=shutil.ignore_patterns("predictions"))
    assert "10 trials in" in export(tmp_path)
    made = sorted(path.name for path in (run / "wandb" / "wandb").glob("offline-run-*"))
    assert len(made) == 10
    check_links(run)
    check_links(Path(shutil.copytree(run, tmp_path / "copied", symlinks=True)))
    export(tmp_path)
    assert sorted(p.name for p in (run / "wandb" / "wandb").glob("offline-run-*")) == made
