"""`import headrace`: light, and every public name does what the command line does."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import headrace
from search.prepare.config import RunConfig
from search.store.run_store import RunStore
from tests.search.builders.made import made_record
from tests.search.builders.made_refit import LINEUP
from tests.search.builders.made_search import write_search
from tests.search.builders.runs import ROOT

LOADED = """
import sys
import headrace
heavy = {"ray", "optuna", "torch", "timm", "pandas", "rich", "sklearn", "scipy", "jinja2"}
print(sorted(heavy & set(sys.modules)), all(callable(getattr(headrace, n)) for n in ("run",)))
"""


def test_the_import_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "[] True\n"


def test_every_public_name_is_there():
    assert {"run", "load", "compare", "Run", "Ensemble"} <= set(headrace.__all__)
    assert all(getattr(headrace, name) for name in headrace.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        headrace.serach  # noqa: B018


@pytest.fixture
def ran(monkeypatch):
    """Stands in for the run: remembers what it was given, ends as the test says."""
    given = {"interrupted": False}

    def execute(config, results, cache, console, **options):
        given.update(config=config, results=results, cache=cache, console=console, **options)
        return SimpleNamespace(interrupted=given["interrupted"], num_failed=1)

    monkeypatch.setattr("search.cli.run.execute", execute)
    return given


def test_a_run_is_what_the_same_options_make_on_the_command_line(ran, tmp_path):
    found = headrace.run(
        space=["mask", "age"],
        budget="1h30m",
        name="mine",
        results=tmp_path / "results",
        cache=tmp_path / "cache",
        max_epochs=3,
        pretrained=False,
    )
    assert found == headrace.Run(tmp_path / "results" / "mine")
    config = ran["config"]
    assert isinstance(config, RunConfig)
    assert (config.spaces, config.budget_seconds, config.trials) == (("mask", "age"), 5400.0, None)
    assert (config.max_epochs, config.pretrained, config.people) == (3, False, 300)
    assert (ran["cache"], ran["resume"]) == (tmp_path / "cache", False)


def test_an_interrupted_run_says_how_to_go_on(ran, tmp_path):
    ran["interrupted"] = True
    with pytest.raises(KeyboardInterrupt, match="resume='mine'"):
        headrace.run("age", name="mine", results=tmp_path, cache=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"run needs --space"),
        ({"space": "agee"}, r"unknown space 'agee' \(did you mean age\?\)"),
        ({"space": "age", "budgt": "2h"}, r"no option 'budgt' \(did you mean budget\?\); it has:"),
        ({"space": "age", "trials": 0}, r"--trials must be at least 1, got 0"),
        ({"space": "age", "data": "nothing here"}, r"--data must be a folder"),
    ],
)
def test_what_cannot_be_run_is_refused(options, message, tmp_path):
    options = {"results": tmp_path / "r", "cache": tmp_path / "c", **options}
    with pytest.raises(headrace.UsageError, match=message):
        headrace.run(**options)
    assert not (tmp_path / "r").exists()


def test_a_stored_run_goes_on(ran, tmp_path):
    headrace.run("age", name="mine", trials=5, results=tmp_path, cache=tmp_path)
    (tmp_path / "mine").mkdir()
    RunStore(tmp_path / "mine").write_study({"config": ran["config"].to_dict()})
    again = headrace.Run(tmp_path / "mine").resume(budget="6m", console=SimpleNamespace())
    assert again.name == "mine"
    assert (ran["resume"], ran["config"].trials, ran["config"].budget_seconds) == (True, 5, 360.0)


def test_a_run_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(headrace.ResultsError, match=r"no run 'mine' in .*runs there: none"):
        headrace.load(tmp_path / "mine")


@pytest.fixture
def demo():
    return headrace.load(ROOT / "results" / "demo")


def test_a_run_tells_its_verdict_and_its_best_configs(demo):
    assert demo.verdict().verdict.ranked[0].name == "separate"
    assert demo.spaces == ("mask", "gender", "age", "joint", "multihead")
    best = demo.best("age")
    assert best.space == "age"
    assert best.score[1] <= best.score[0] <= best.score[2]
    with pytest.raises(headrace.ResultsError, match=r"no space 'agee' \(did you mean age\?\)"):
        demo.best("agee")


def test_a_run_of_one_space_has_no_verdict(tmp_path):
    store = RunStore(tmp_path / "mine")
    write_search(store, LINEUP, {"gender": [made_record(0)]})
    with pytest.raises(headrace.ResultsError, match=r"has no verdict\.json: a run of space 'all'"):
        headrace.load(store.root).verdict()


def test_trials_are_rows_with_their_configs(tmp_path):
    store = RunStore(tmp_path / "mine")
    config = {"optim.lr": 0.25, "schedule.epochs": 2}
    records = [made_record(n, {1: 0.25, 2: 0.5}, config=config) for n in range(2)]
    write_search(store, LINEUP, {"gender": records})
    found = headrace.load(store.root).trials()
    assert found[["space", "number", "state", "epochs"]].values.tolist() == [
        ["gender", 0, "COMPLETE", 2],
        ["gender", 1, "COMPLETE", 2],
    ]
    assert set(found["optim.lr"]) == {0.25}


def test_the_report_is_judged_again_and_its_page_returned(demo, monkeypatch):
    given = []
    monkeypatch.setattr("search.verdict.stage.conclude_run", lambda *a: given.append(a))
    assert demo.report(margin=0.01) == ROOT / "results" / "demo" / "report.html"
    ((store, console, margin, accept_loss),) = given
    assert (store.root, console.quiet) == (demo.path, True)
    assert (margin, accept_loss) == (0.01, None)


PREDICTED = "sample,p0,p1\n" + "".join(f"s{i},{i % 2},{1 - i % 2}\n" for i in range(40))


def test_files_of_anybody_are_compared(tmp_path):
    truth = "sample,group,label\n" + "".join(f"s{i},g{i // 2},{i % 2}\n" for i in range(40))
    for name, text in (("truth", truth), ("a", PREDICTED), ("b", PREDICTED)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    files = {name: tmp_path / f"{name.lower()}.csv" for name in "AB"}
    found = headrace.compare(tmp_path / "truth.csv", files, out=tmp_path / "out")
    assert {score.name for score in found.verdict.scores} == {"A", "B"}
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(headrace.UsageError, match="margin must be at least 0 and below 1"):
        headrace.compare(tmp_path / "truth.csv", files, out=tmp_path / "out", margin=2)


def test_the_packages_say_that_they_are_typed():
    for package in ("headrace", "search", "spaces", "trainables"):
        assert (Path(ROOT) / package / "py.typed").is_file()
