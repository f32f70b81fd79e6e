"""A small run that is killed here and there goes on to its end: nothing is lost or done twice.

`python -m benchmarks.chaos` is the whole of it.
"""

import os
import tempfile
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.faults.chaos_rounds import Bounds, Kill, Rounds
from tests.faults.chaos_run import (
    ChaosRun,
    Kind,
    Stage,
    orphans_in_shared_memory,
    shared_memory,
)
from tests.search.builders.people import write_people

KILLS = (
    Kill(number=0, kind=Kind.DRIVER, stage=Stage.SEARCH, part=0.4, delay_s=0.0, pick=0.0),
    Kill(number=1, kind=Kind.WORKER, stage=Stage.REFIT, part=0.3, delay_s=0.0, pick=0.5),
    Kill(number=2, kind=Kind.TERM, stage=Stage.REFIT, part=0.6, delay_s=0.0, pick=0.0),
)


def test_what_a_living_program_uses_is_nobodys_orphan():
    before = shared_memory()
    lock = get_context("spawn").Lock()
    used, stray = f"sem.{lock._semlock.name[1:]}", Path(f"/dev/shm/stray-{os.getpid()}")
    stray.touch()
    try:
        found = orphans_in_shared_memory(before)
        assert used in shared_memory()
    finally:
        stray.unlink()
    assert stray.name in found
    assert used not in found


@pytest.mark.ray
def test_a_run_that_is_killed_goes_on_and_nothing_is_lost_or_done_twice(tmp_path):
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        options = {"trials": 1, "max_epochs": 1, "refit_seeds": 1, "why": "predictions"}
        data = write_people(tmp_path / "data")
        run = ChaosRun(
            tmp_path / "chaos", data, tmp_path / "cache", Path(temporary) / "t", options
        )
        rounds = Rounds(run, Bounds())
        try:
            outcomes = list(rounds.play(KILLS))
        finally:
            run.close()
    assert [each.kill for each in outcomes] == list(KILLS)
    assert [each for each in outcomes if each.is_wrong] == []
    assert outcomes[-1].finished
