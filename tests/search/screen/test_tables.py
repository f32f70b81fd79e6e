"""The ranking as a table in a terminal."""

import io
from types import SimpleNamespace

from rich.console import Console

from search.screen.quick import _pairs
from search.screen.stage import _attributes, _scores

NAME = "mobilenetv4_conv_small_050"


def ranking_of(name):
    found = SimpleNamespace(value=0.25, low=0.2, high=0.3)
    scores = dict.fromkeys(("joint", "age", "gender", "mask"), found)
    each = SimpleNamespace(name=name, scores=scores, seconds=123.4, was_cached=True)
    return SimpleNamespace(ranked=(each, each), behind=(found, found), target="joint")


def shown(table):
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    return console.file.getvalue()


def test_names_are_whole_in_80_columns():
    ranking = ranking_of(NAME)
    for table in (_scores(ranking), _attributes(ranking, ("age", "gender", "mask"))):
        assert shown(table).count(NAME) == 2


def test_a_very_long_name_is_folded_and_nothing_is_cut_off():
    text = shown(_scores(ranking_of("x" * 100)))
    assert text.count("x") == 200
    assert "…" not in text


def test_pairs_of_a_preview_are_whole_in_80_columns():
    difference = SimpleNamespace(value=0.0356, low=-0.0123, high=0.0834)
    headline = SimpleNamespace(difference=difference, p_adjusted=0.063)
    pair = SimpleNamespace(a="separate", b="multihead", headline=headline, winner="multihead")
    lines = shown(_pairs(SimpleNamespace(pairs=[pair]))).splitlines()
    assert any("separate - multihead" in line and "multihead ahead" in line for line in lines)
