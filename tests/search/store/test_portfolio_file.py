"""portfolio.json: read as it was written, and refused where it is something else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search.errors import ResultsError
from search.store.portfolio_file import (
    Candidate,
    keep_warm_start,
    read_portfolio,
    warm_start,
    write_portfolio,
)
from search.store.run_store import RunStore

CANDIDATE = Candidate(
    space="age",
    params={"optim.lr": 0.01, "input.size": 64, "loss.name": "ce", "switch": True},
    score=0.7,
    default_score=None,
    run="one",
    trial=3,
    commit="abc",
    data="0123",
)


@pytest.fixture
def path(tmp_path):
    write_portfolio(tmp_path / "portfolio.json", [CANDIDATE])
    return tmp_path / "portfolio.json"


def test_it_is_read_as_it_was_written_kinds_of_values_included(path):
    (found,) = read_portfolio(path)
    assert found == CANDIDATE
    assert [type(value) for value in found.params.values()] == [float, int, str, bool]


def test_a_file_that_is_not_there_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(ResultsError, match=r"must exist, got .*export NAME --to portfolio"):
        read_portfolio(tmp_path / "none.json")


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"schema": 1}',
        '{"schema": 2, "portfolio": []}',
        '{"schema": 1, "portfolio": {}}',
        '{"schema": 1, "portfolio": []}',
        '{"schema": 1, "portfolio": [1]}',
        '{"schema": 1, "portfolio": [{"space": "age"}]}',
        json.dumps({"schema": 1, "portfolio": [{}] * 1001}),
    ],
)
def test_a_file_that_is_no_portfolio_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "portfolio.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"portfolio\.json"):
        read_portfolio(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("params", {"optim.lr": [1]}),
        ("params", {"optim.lr": None}),
        ("params", {"optim.lr": float("nan")}),
        ("score", float("inf")),
        ("trial", "three"),
    ],
)
def test_a_value_of_another_kind_is_refused(path, field, value):
    values = json.loads(path.read_text(encoding="utf-8"))
    values["portfolio"][0][field] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ResultsError, match="is not a portfolio of headrace"):
        read_portfolio(path)


def test_a_run_that_goes_on_begins_with_what_it_kept_wherever_the_portfolio_is(path, tmp_path):
    store = RunStore(tmp_path)
    other = tmp_path / "other.json"
    write_portfolio(other, [replace(CANDIDATE, run="two")])
    found = warm_start(store, [str(path), str(other)], is_new=True)
    assert [candidate.run for candidate in found] == ["one", "two"]
    keep_warm_start(store, found)
    path.unlink()
    assert warm_start(store, [str(path), str(other)], is_new=False) == found


def test_without_portfolios_nothing_is_kept_or_asked_for(tmp_path):
    store = RunStore(tmp_path)
    keep_warm_start(store, warm_start(store, [], is_new=True))
    assert warm_start(store, [], is_new=False) == ()
    assert list(tmp_path.iterdir()) == []


def test_more_configs_than_one_file_may_hold_are_refused_before_a_run_keeps_them(tmp_path):
    files = [str(tmp_path / f"{number}.json") for number in range(2)]
    for file in files:
        write_portfolio(Path(file), [CANDIDATE] * 501)
    store = RunStore(tmp_path / "run")
    assert len(warm_start(store, files[:1], is_new=True)) == 501
    with pytest.raises(ResultsError, match=r"takes 1000 configs at most, got 1002 in 2 files"):
        warm_start(store, files, is_new=True)
