"""The machine fails in a stage after the search: named, nothing lost, and nothing made twice."""

import errno
import json
from dataclasses import replace

import pytest

from search.cli.commands import main
from search.refit import pool
from search.store import files
from search.why import stage as why_stage
from tests.search.builders.later_stages import (
    FAULT,
    NUM_UNITS,
    FailingWorker,
    check_whole,
    contents,
    failing_with,
    trained,
)

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_torch_thread")]

REFIT, WHY = ("--refit-seeds", "2"), ("--why", "full")
FULL = "no space is left on the disk"


@pytest.fixture(autouse=True)
def _one_control(monkeypatch):
    """Plans the most valuable of the controlled trainings alone."""
    every = why_stage.plan_controls

    def planned(*given):
        plan = every(*given)
        return replace(plan, parts=plan.parts[:1])

    monkeypatch.setattr(why_stage, "plan_controls", planned)


def check_said(run, said, kind, place):
    """Checks that one line names the fault and the file, and says how to go on."""
    (line,) = said.splitlines()
    assert line.startswith(f"headrace: {kind}")
    assert f"{run / place}" in line
    assert "Nothing is lost; go on with: " in line
    assert f"run --resume mine --results {run.parent}" in line


@pytest.mark.parametrize(
    ("more", "number", "kind", "place"),
    [
        (REFIT, errno.ENOSPC, FULL, "models"),
        (REFIT, errno.EROFS, "files cannot be written", "models"),
        (WHY, errno.EIO, "the disk or the network storage fails", "predictions/why/models"),
    ],
    ids=["refit, full", "refit, read-only", "why, failing"],
)
def test_a_disk_that_fails_under_workers_stops_a_stage_that_then_goes_on(
    more, number, kind, place, run, resume, monkeypatch, capfd
):
    monkeypatch.setattr(pool, "RefitWorker", FailingWorker)
    before, mark = trained(run), run.parent / FAULT
    mark.write_text(str(number), encoding="utf-8")
    assert resume(*more) == 130
    check_said(run, capfd.readouterr().err, kind, place)
    check_whole(run)
    first = trained(run)
    assert before.items() <= first.items()
    assert len(first) > len(before)
    mark.unlink()
    assert resume() == 0
    last = trained(run)
    assert first.items() <= last.items()
    assert len(last) > len(first)
    assert more is WHY or len(last) == len(before) + NUM_UNITS


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (REFIT, "predictions/refit.json"),
        (REFIT, "predictions/truth.csv"),
        (WHY, "predictions/why/why.json"),
        ((), "report.html"),
    ],
)
def test_a_disk_that_fails_under_the_driver_stops_a_stage_that_then_goes_on(
    more, place, run, resume, monkeypatch, capfd
):
    old, before = contents(run), trained(run)
    with monkeypatch.context() as patch:
        patch.setattr(files, "written", failing_with(errno.ENOSPC, place.rpartition("/")[2]))
        assert resume(*more) == 130
    check_said(run, capfd.readouterr().err, FULL, place)
    check_whole(run)
    assert contents(run).get(place) == old.get(place)
    first = trained(run)
    assert before.items() <= first.items()
    assert resume() == 0
    assert first.items() <= trained(run).items()
    assert (run / place).is_file()


@pytest.mark.parametrize("name", ["summary.json", "ensemble.yaml"])
def test_an_ensemble_on_a_full_disk_leaves_the_one_of_before(
    name, run, resume, monkeypatch, capfd
):
    old = contents(run / "ensemble")
    alone = ["ensemble", "mine", "--results", str(run.parent), "--max-members", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(files, "written", failing_with(errno.ENOSPC, name))
        assert resume() == 130
        check_said(run, capfd.readouterr().err, FULL, "")
        assert contents(run / "ensemble") == old
        assert main(alone) == 2
    said = capfd.readouterr().err
    assert FULL in said
    assert "Nothing is left half-written; give the same command again." in said
    check_whole(run)
    assert contents(run / "ensemble") == old
    assert main(alone) == 0


def test_after_the_models_were_deleted_a_report_that_failed_costs_no_training(
    run, resume, monkeypatch, capfd
):
    study = run / "study.json"
    values = json.loads(study.read_text(encoding="utf-8"))
    values["config"]["keep_models"] = False
    study.write_text(json.dumps(values), encoding="utf-8")
    before, every = trained(run), len(list((run / "models").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(files, "written", failing_with(errno.ENOSPC, "report.html"))
        assert resume() == 130
    check_said(run, capfd.readouterr().err, FULL, "report.html")
    models = set((run / "models").iterdir())
    assert len(models) < every
    assert resume() == 0
    assert trained(run) == before
    assert set((run / "models").iterdir()) == models
