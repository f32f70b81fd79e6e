"""The benchmark of screen and quick: its figures, and cells that are computed once."""

import json

import pytest
from rich.console import Console

from tests.search.builders.screening_cells import (
    Agreement,
    Cells,
    Source,
    model_cell,
    noise_ceiling,
    pair_cells,
    rank_correlation,
    sign_agreement,
)


def model(screen, *tuned):
    return {"screen": screen, "tuned": list(tuned)}


def test_the_rank_correlation_is_that_of_ranks_with_an_interval():
    cells = [model(0.1, 0.2), model(0.2, 0.3), model(0.3, 0.9), model(0.4, 0.8), model(0.5, 0.95)]
    found = rank_correlation(cells)
    assert found.value == pytest.approx(0.9)
    assert -1 < found.low < 0.9 < found.high < 1
    wide = rank_correlation(cells[:4])
    assert wide.high - wide.low > found.high - found.low


def test_too_few_models_have_no_correlation():
    assert rank_correlation([model(0.1, 0.2, 0.3)] * 3) is None
    assert noise_ceiling([model(0.1, 0.2, 0.3)] * 3) is None


def test_the_ceiling_is_how_one_seed_ranks_the_other():
    seeds = [(0.1, 0.4), (0.2, 0.3), (0.3, 0.2), (0.4, 0.1)]
    assert noise_ceiling([model(0.5, *tuned) for tuned in seeds]) == pytest.approx(-1)


def test_signs_are_counted_where_the_preview_decided():
    def pair(preview, run, decided=True, run_decided=True):
        return {
            "preview": preview,
            "run_difference": run,
            "decided": decided,
            "run_decided": run_decided,
        }

    cells = [
        pair(0.1, 0.2),
        pair(-0.1, -0.2, run_decided=False),
        pair(0.1, -0.2),
        pair(0.1, -0.2, decided=False),
    ]
    assert sign_agreement(cells) == Agreement(2, 3)
    assert sign_agreement(cells, run_decided=True) == Agreement(1, 2)


def test_cells_are_kept_one_by_one_and_a_torn_one_is_computed_again(tmp_path):
    cells = Cells(tmp_path / "cells.jsonl")
    assert cells.all() == []
    cells.add({"kind": "model", "model": "a"})
    with (tmp_path / "cells.jsonl").open("a") as file:
        file.write('{"kind": "model", "mo')
    assert cells.has(model="a", kind="model")
    assert not cells.has(model="b")
    cells.add({"kind": "model", "model": "b"})
    assert [cell["model"] for cell in cells.all()] == ["a", "b"]


def test_a_cell_has_the_screen_and_the_training_of_a_model(people, cache):
    source = Source(name="tiny", data=str(people))
    cell = model_cell(source, "test_resnet", cache, Console(quiet=True), num_seeds=1, epochs=1)
    assert cell["low"] <= cell["screen"] <= cell["high"]
    assert len(cell["tuned"]) == 1
    assert 0 <= cell["tuned"][0] <= 1
    assert set(cell["attributes"]) == {"gender", "mask", "joint"}


def test_pairs_of_a_run_are_met_by_those_of_a_preview(people, cache, tmp_path):
    pair = {"a": "joint", "b": "separate", "difference": -0.25, "verdict": "b_wins"}
    (tmp_path / "verdict.json").write_text(json.dumps({"pairs": [pair]}), encoding="utf-8")
    (tmp_path / "study.json").write_text('{"git_commit": "0123456789abcdef"}', encoding="utf-8")
    source = Source(name="tiny", data=str(people))
    cells = pair_cells(source, tmp_path, cache, Console(quiet=True), num_seeds=2)
    assert {(cell["heads"], cell["pair"]) for cell in cells} == {
        ("linear", "separate - joint"),
        ("small", "separate - joint"),
    }
    assert all(cell["run_difference"] == 0.25 and cell["run_decided"] for cell in cells)
    assert {cell["run"] for cell in cells} == {f"{tmp_path.name} of 01234567"}
