"""The comparison of two precisions, as a user runs it, at its smallest size."""

import json

import pytest

from benchmarks import precision
from tests.search.builders.people import write_people

SMALL = ("--folds", "2", "--seeds", "1", "--max-epochs", "1", "--spaces", "gender")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    data = write_people(tmp_path / "people")

    def run(*options):
        given = ["--work", str(tmp_path / "work"), "--data", str(data), *SMALL, *options]
        monkeypatch.setattr("sys.argv", ["precision", *given])
        precision.main()
        return capsys.readouterr().out

    (tmp_path / "work").mkdir()
    return run


def test_both_precisions_are_trained_on_the_same_people_once(run, tmp_path, monkeypatch):
    said = run()
    lines = (tmp_path / "work" / "cells.jsonl").read_text().splitlines()
    cells = [json.loads(line) for line in lines]
    assert [(cell["space"], cell["seed"], cell["fold"]) for cell in cells] == [
        ("gender", 0, 0),
        ("gender", 0, 1),
    ]
    for cell in cells:
        assert cell["seconds"].keys() == cell["predicted"].keys() == {"float32", "bf16"}
        assert len(cell["predicted"]["bf16"]) == len(cell["predicted"]["float32"])
    assert sum(len(cell["predicted"]["bf16"]) for cell in cells) == 48
    monkeypatch.setattr(precision, "_both", lambda *given: pytest.fail("trained again"))
    assert run() == said
    assert "| gender | 1 |" in said


def test_a_seed_without_all_its_folds_is_not_in_the_table(run, tmp_path):
    run()
    path = tmp_path / "work" / "cells.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    path.write_text(path.read_text() + json.dumps({**first, "seed": 1}) + "\n")
    assert "| gender | 1 |" in run()


def test_an_unknown_space_is_named(run):
    with pytest.raises(ValueError, match=r"unknown space 'hair'; available: .*gender"):
        run("--spaces", "hair")
