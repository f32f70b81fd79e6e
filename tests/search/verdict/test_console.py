"""The tables of the verdict in a terminal."""

import io
from types import SimpleNamespace

from rich.console import Console

from search.analysis.verdict.sentence import NO_BETTER
from search.verdict.console import _pairs


def pair_of(a, b):
    difference = SimpleNamespace(value=0.0356, low=-0.0123, high=0.0834)
    headline = SimpleNamespace(difference=difference, p_adjusted=0.063)
    return SimpleNamespace(a=a, b=b, headline=headline, winner=a, outcome=None)


def shown(*pairs, means_nothing=False):
    console = Console(file=io.StringIO(), width=80)
    console.print(_pairs(SimpleNamespace(pairs=pairs, means_nothing=means_nothing)))
    return console.file.getvalue()


def test_in_80_columns_the_pair_and_what_is_said_of_it_stay_whole():
    text = shown(pair_of("separate", "multihead"), means_nothing=True)
    (line,) = [line for line in text.splitlines() if "separate - multihead" in line]
    assert NO_BETTER in line
    assert "+0.083" in text  # of the interval, in its second line


def test_long_names_are_folded_and_not_cut_off():
    names = ("a" * 40, "b" * 40)
    text = shown(pair_of(*names))
    assert [text.count(name[0]) >= 40 for name in names] == [True, True]
    assert "wins" in text
