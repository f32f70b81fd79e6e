"""`import headrace`: light, and every public name does what the command line does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import headrace
import search.cli.run  # noqa: F401  Ray sets variables where it is imported, which no test may
from search.prepare.config import RunConfig
from search.store.files import write_json
from search.store.mirror import MARK
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
    assert set(headrace.__all__) <= set(dir(headrace))
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


def test_options_of_any_kind_mean_what_their_words_mean(ran, tmp_path):
    space = tmp_path / "mine.py"
    space.write_text("ATTRIBUTE = 'age'\ndef suggest(trial, schema, scale): pass\n")
    headrace.run(
        space=space,
        budget=7200,
        trials="24",
        backbones="resnet18",
        gpus_per_trial=0.5,
        race=True,
        keep_models=False,
        no_photos=False,
        warm_start=None,
        results=tmp_path / "results",
        cache=tmp_path / "cache",
    )
    config = ran["config"]
    assert config.spaces == (str(space),)
    assert (config.budget_seconds, config.trials, config.backbones) == (7200, 24, ("resnet18",))
    assert (config.gpus_per_trial, config.race, config.keep_models) == ("0.5", True, False)
    assert not config.no_photos
    assert not ran["forecast_only"]


def test_a_plan_runs_nothing(ran, tmp_path):
    found = headrace.run("age", budget=1.5, plan=True, results=tmp_path, cache=tmp_path)
    assert (ran["forecast_only"], ran["config"].budget_seconds) == (True, 1.5)
    assert not found.path.exists()


def test_an_interrupted_run_says_how_to_go_on(ran, tmp_path):
    ran["interrupted"] = True
    with pytest.raises(KeyboardInterrupt) as raised:
        headrace.run("age", name="mine", results=tmp_path, cache=tmp_path)
    hint = str(raised.value).removeprefix("interrupted; go on with ")
    (tmp_path / "mine").mkdir()
    RunStore(tmp_path / "mine").write_study({"config": ran["config"].to_dict()})
    ran["interrupted"] = False
    assert hint.endswith(f", cache={str(tmp_path)!r})")
    assert eval(hint, {"headrace": headrace}).name == "mine"
    assert ran["resume"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"run needs --space"),
        ({"space": "agee"}, r"unknown space 'agee' \(did you mean age\?\)"),
        ({"space": "age", "budgt": "2h"}, r"no option 'budgt' \(did you mean budget\?\); it has:"),
        ({"space": "age", "trials": 0}, r"--trials must be at least 1, got 0"),
        ({"space": "age", "data": "nothing here"}, r"--data must be a folder"),
        ({"space": "age", "trials": 2.5}, r"--trials: must be a whole number, got '2\.5'"),
        ({"space": "age", "trials": True}, r"trials takes a text, a path or a number, got True"),
        ({"space": "age", "why": "ful"}, r"--why: invalid choice: 'ful'.*did you mean full"),
        ({"space": "age", "pretrained": "no"}, r"pretrained must be True or False, got 'no'"),
        ({"space": "age", "race": 1}, r"race must be True or False, got 1"),
        ({"space": "age", "budget": "soon"}, r"--budget: a duration is a number with s, m, h or"),
        ({"space": "age", "budget": -1}, r"--budget: a duration is a number with s, m, h or d"),
        ({"space": "age", "data": ["a", "b"]}, r"data takes one value, got \['a', 'b'\]"),
        ({"space": ["age", "--plan"]}, r"space takes no value that begins with a dash, got '--p"),
        ({"space": [None]}, r"space takes a text, a path or a number, got None"),
        ({"space": "age", "gpus_per_trial": 0.3}, r"--gpus-per-trial must be one of .* got '0.3'"),
        ({"space": "age", "margin": "much"}, r"--margin: must be a number, got 'much'"),
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
    # The time takes the place of the trials, which are there.
    config = ran["config"]
    assert (ran["resume"], config.trials, config.budget_seconds) == (True, None, 360.0)


def test_a_run_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(headrace.ResultsError, match=r"no run 'mine' in .*runs there: none"):
        headrace.load(tmp_path / "mine")


def test_a_run_is_loaded_by_its_folder(tmp_path, monkeypatch):
    folder = tmp_path / "results" / "mine"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(headrace.ResultsError, match=r"headrace\.load\('results/mine'\)"):
        headrace.load("mine")
    monkeypatch.chdir(folder)
    run = headrace.load(".")
    assert run == headrace.Run(folder)
    monkeypatch.chdir("/")
    run._store()


def test_what_is_wrong_with_data_or_a_space_has_the_one_base(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,group,age\nnone.jpg,a,young\n")
    where = {"results": tmp_path / "r", "cache": tmp_path / "c"}
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_that_name\n")
    for given in ({"space": "ag", "data": tmp_path}, {"space": broken, "plan": True}):
        with pytest.raises(headrace.SearchError):
            headrace.run(**given, **where)
    with pytest.raises(headrace.SearchError, match="no ensemble"):
        headrace.Ensemble.load(tmp_path)


@pytest.fixture
def demo():
    return headrace.load(ROOT / "results" / "demo")


def test_a_run_tells_its_verdict_and_its_best_configs(demo):
    stored = json.loads((demo.path / "verdict.json").read_text(encoding="utf-8"))
    assert demo.verdict().verdict.ranked[0].name == stored["recommendation"]["leader"]
    assert demo.spaces == ("mask", "gender", "age", "joint", "multihead")
    best = demo.best("age")
    assert best.space == "age"
    assert best.score[1] <= best.score[0] <= best.score[2]
    with pytest.raises(headrace.ResultsError, match=r"no space 'agee' \(did you mean age\?\)"):
        demo.best("agee")


def test_a_run_fills_in_a_form_from_what_it_stored(tmp_path):
    run = headrace.Run(Path(shutil.copytree(ROOT / "results" / "demo", tmp_path / "demo")))
    before = (run.path / "verdict.json").read_bytes()
    written = run.report(template="wrapup-ko")
    assert written == run.path / "wrapup-ko.md"
    judged = json.loads(before)
    leader = judged["recommendation"]["leader"]
    score = judged["scores"][leader]["value"]
    assert f"| {leader} | **{score:.3f}** |" in written.read_text(encoding="utf-8")
    assert (run.path / "verdict.json").read_bytes() == before
    with pytest.raises(headrace.UsageError, match=r"one of wrapup-ko, .*, got 'papr' \(did you"):
        run.report(template="papr")
    with pytest.raises(headrace.UsageError, match="leave out margin and accept_loss"):
        run.report(template="paper", margin=0.01)
    assert not (run.path / "paper.tex").exists()


def test_a_run_of_one_space_has_no_verdict(tmp_path):
    store = RunStore(tmp_path / "mine")
    write_search(store, LINEUP, {"gender": [made_record(0)]})
    with pytest.raises(headrace.ResultsError, match=r"has no verdict\.json: a run of space 'all'"):
        headrace.load(store.root).verdict()


def test_a_broken_verdict_is_told_with_the_command_that_mends_it(demo, tmp_path):
    folder = tmp_path / "runs" / "demo"
    folder.mkdir(parents=True)
    for name in ("study.json", "verdict.json"):
        (folder / name).write_bytes((demo.path / name).read_bytes())
    (folder / "verdict.json").write_text("{}", encoding="utf-8")
    with pytest.raises(headrace.ResultsError) as raised:
        headrace.load(folder).verdict()
    assert f"headrace verdict demo --results {folder.parent}" in str(raised.value)
    assert "NAME" not in str(raised.value)


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


@pytest.mark.parametrize("given", [{"margin": 1.0}, {"margin": "0.1"}, {"accept_loss": -0.1}])
def test_a_report_by_a_number_that_is_none_is_refused(demo, monkeypatch, given):
    monkeypatch.setattr("search.verdict.stage.conclude_run", lambda *_: pytest.fail("judged"))
    with pytest.raises(headrace.UsageError, match=f"{next(iter(given))} must be a"):
        demo.report(**given)


def test_a_report_that_cannot_be_written_is_refused(demo, monkeypatch):
    monkeypatch.setattr("search.verdict.stage.conclude_run", lambda *_: pytest.fail("judged"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(headrace.ResultsError, match="must be a folder that can be written"):
        demo.report()


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
    with pytest.raises(headrace.UsageError, match="seed must be a whole number, got '1'"):
        headrace.compare(tmp_path / "truth.csv", files, out=tmp_path / "out", seed="1")
    with pytest.raises(headrace.UsageError, match="a mapping from the name of an approach"):
        headrace.compare(tmp_path / "truth.csv", ["a.csv", "b.csv"], out=tmp_path / "out")


def test_the_packages_say_that_they_are_typed():
    for package in ("headrace", "search", "spaces", "trainables"):
        assert (Path(ROOT) / package / "py.typed").is_file()


def test_a_run_that_is_kept_in_a_store_goes_on_there(tmp_path, monkeypatch):
    root = tmp_path / "cache" / "mirrors" / "bucket" / "mine"
    write_json(root / MARK, {"store": "s3://bucket/runs"})
    monkeypatch.setattr("headrace.runs.run", lambda **given: given)
    assert headrace.Run(root).resume(budget="3h") == {
        "resume": "mine",
        "console": None,
        "results": "s3://bucket/runs",
        "cache": tmp_path / "cache",
        "budget": "3h",
    }
    (root / MARK).unlink()
    assert headrace.Run(root).resume()["results"] == root.parent
