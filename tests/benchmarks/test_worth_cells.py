"""The cells of the benchmark of searches, each a line that outlives the call that measured it."""

import pytest

from benchmarks import worth
from benchmarks.rivals.cells import Cell, CellFile, Row, cpu
from benchmarks.rivals.found import Found


def row_of(seed):
    cell = Cell(data="demo-300", space="age", method="recipe", budget=120.0, seed=seed)
    found = Found(started=1.0, ended=2.0, trials={"complete": 1})
    return Row(
        cell=cell,
        found=found,
        wall=3.25,
        load=(0.5, 1.5),
        when="2026-11-29 05:43",
        where=f"{cpu()}, commit 0123abcd",
    )


@pytest.mark.parametrize("torn", ["", '{"data": "demo-3'])
def test_rows_are_read_as_they_were_measured_and_a_torn_line_is_measured_again(torn, tmp_path):
    file = CellFile(tmp_path)
    assert file.rows() == []
    file.append(row_of(0))
    with (tmp_path / "cells.jsonl").open("a") as out:
        out.write(torn)
    assert file.rows() == [row_of(0)]
    file.append(row_of(1))
    assert file.rows() == [row_of(0), row_of(1)]


def test_rows_of_before_know_the_highest_score_or_no_other_rule():
    line, part = row_of(0).to_line(), '"by_rule": {}, '
    assert part in line
    assert Row.from_line(line.replace(part, "")) == row_of(0)
    assert Row.from_line(line.replace(part, '"highest": {}, ')) == row_of(0)
    before = Row.from_line(line.replace(part, '"highest": {"age": {"optim.lr": 0.5}}, '))
    assert before.found.by_rule == {"highest score": {"age": {"optim.lr": 0.5}}}


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "headrace-known"],
        ["--portfolio", "here.json"],
        ["--only", "headrace-known", "--portfolio", "nowhere.json"],
    ],
)
def test_a_search_that_begins_with_known_configs_needs_them(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.json").touch()
    with pytest.raises(SystemExit) as ended:
        worth.main(["--out", "out", *words])
    assert ended.value.code == 2
    assert "--portfolio" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
