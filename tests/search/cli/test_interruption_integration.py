"""A run of all stages that is asked to end in its refit, from a folder that is no help."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from search.store.journal_file import read_records
from search.store.records import State
from search.store.run_store import RunStore
from tests.search.builders.runs import ROOT, arguments, descendants, is_alive, wait_for
from tests.trainables.data.folders import MASK_SCHEMA

OPTIONS = {"trials": 1, "max_epochs": 1, "refit_seeds": 1, "name": "all"}


@pytest.mark.ray
def test_sigterm_in_the_refit_saves_and_says_how_to_go_on(people, cache, tmp_path):
    """The working folder holds files named like our packages; that of sockets is too deep."""
    project, deep, results = tmp_path / "project", tmp_path / ("d" * 90), tmp_path / "results"
    for folder in (project, deep):
        folder.mkdir()
    for name in ("search", "spaces", "trainables", "ray"):
        (project / f"{name}.py").write_text("raise SystemExit('a stranger')", encoding="utf-8")
    run = results / "all"
    # A relative one would lead into the folder itself.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = arguments(people, cache, results, "all", **OPTIONS)
    with subprocess.Popen(
        [sys.executable, str(ROOT / "search" / "run.py"), *command[1:]],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**inherited, "OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(deep)},
    ) as process:
        try:
            wait_for(
                lambda: list(run.glob("predictions/parts/[!.]*.npz")) or process.poll() is not None
            )
            started = descendants(process.pid)
            process.send_signal(signal.SIGTERM)
            text, _ = process.communicate()
        finally:
            process.kill()
    assert process.returncode == 130, text
    assert "Nothing is lost; go on with: " in text
    assert f"headrace run --resume all --results {results}" in text
    assert "Traceback" not in text
    wait_for(lambda: not any(map(is_alive, started)))
    for part in run.glob("predictions/parts/*"):
        with np.load(part) as whole:
            assert "key" in whole
    studies = RunStore(run).read_study()["studies"]
    records = read_records(run / "optuna.journal", studies, MASK_SCHEMA.names)
    assert {record.state for each in records.values() for record in each} == {State.COMPLETE}
