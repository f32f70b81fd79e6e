"""`headrace export NAME --to portfolio`: which configs, and where they are from."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from search.errors import ResultsError, UsageError
from search.export import to_portfolio
from search.export.command import export_run
from search.export.to_portfolio import portfolio_of
from search.prepare.saved_run import load_run
from search.store.portfolio_file import read_portfolio
from search.store.records import State
from search.store.run_store import RunStore

BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(BEGUN, tmp_path / "begun", ignore=shutil.ignore_patterns("predictions"))
    return RunStore(tmp_path / "begun")


def test_the_best_config_of_every_space_is_first_with_where_it_is_from(store):
    run, console = load_run(store), Console(file=io.StringIO(), width=200)
    assert export_run(store, "portfolio", console) == 0
    found = read_portfolio(store.root / "portfolio.json")
    assert found == portfolio_of(store)
    for result in run.results:
        complete = [r for r in result.records if r.state is State.COMPLETE and r.number]
        first = next(candidate for candidate in found if candidate.space == result.name)
        best = max(complete, key=lambda r: r.objective)
        assert (first.trial, first.score) == (best.number, best.objective)
        assert first.params == dict(best.params)
        assert (first.run, first.data) == ("begun", run.study["data"]["fingerprint"])
        assert first.commit == run.study["git_commit"]
        assert first.default_score == result.records[0].objective
    assert f"portfolio.json: {len(found)} configs (" in console.file.getvalue()
    assert "--warm-start" in console.file.getvalue()


@pytest.fixture
def searched(store, monkeypatch):
    """The run, as if the search of age had chosen the second best of three configs."""
    run = load_run(store)
    (age,) = (result for result in run.results if result.name == "age")
    default, found = age.records[0], age.records[1]
    records = [
        replace(found, number=number, objective=score, params={"optim.lr": lr})
        for number, score, lr in ((1, 0.5, 0.01), (2, 0.7, 0.02), (3, 0.6, 0.09))
    ]
    chosen = replace(age, records=(default, *records), best=records[2])
    monkeypatch.setattr(to_portfolio, "load_run", lambda store: replace(run, results=(chosen,)))
    return store


@pytest.mark.parametrize(("trial", "first"), [(0, 2), (1, 1), (2, 2), (3, 3)])
def test_what_the_run_recommends_is_first_though_another_scored_higher(searched, trial, first):
    path = searched.best_path("age")
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**tree, "trial": trial}), encoding="utf-8")
    assert portfolio_of(searched)[0].trial == first


def test_without_a_best_config_the_choice_of_the_search_is_first(searched):
    searched.best_path("age").unlink()
    assert portfolio_of(searched)[0].trial == 3


def test_the_default_config_is_left_out(store):
    assert all(candidate.trial > 0 for candidate in portfolio_of(store))


def test_the_configs_of_named_spaces_are_enough(store):
    assert {candidate.space for candidate in portfolio_of(store, ["age"])} == {"age"}


def test_a_space_that_the_run_lacks_is_refused(store):
    with pytest.raises(UsageError, match=r"must name spaces of the run \(.*age.*\), got hat"):
        portfolio_of(store, ["hat"])


def test_a_run_that_trained_only_the_default_says_what_to_do(store, monkeypatch):
    monkeypatch.setattr("search.export.to_portfolio.DEFAULT_NUMBER", -1)
    monkeypatch.setattr("search.export.to_portfolio.cover", lambda *given: ())
    with pytest.raises(ResultsError, match="no config but the default to its last epoch"):
        portfolio_of(store)
