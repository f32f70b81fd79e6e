"""The tables of the verdict in a terminal."""

import io
from types import SimpleNamespace

from rich.console import Console

from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.outcomes import PairFigures, PairVerdict
from search.analysis.verdict.rules import Outcome
from search.analysis.verdict.sentence import NO_BETTER
from search.verdict.console import _pairs, _scores

LEAD = Interval(value=0.0356, low=-0.0123, high=0.0834)


def pair_of(a, b, difference=LEAD, outcome=Outcome.A_WINS):
    figures = PairFigures(
        difference=difference, confidence_a_greater=0.97, p_adjusted=0.063, outcome=outcome
    )
    return PairVerdict(a=a, b=b, headline=figures)


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


def test_the_scores_beside_a_long_name_stay_whole():
    name = "convnext_tiny.fb_in22k_ft_in1k_384"
    score = SimpleNamespace(
        name=name, interval=Interval(value=0.6543, low=0.64, high=0.67), with_rule=None
    )
    console = Console(file=io.StringIO(), width=80)
    console.print(_scores(SimpleNamespace(ranked=[score], baselines=[]), "Macro-F1"))
    text = console.file.getvalue()
    assert "0.6543" in text
    assert "0.640 to 0.670" in text


def test_the_leader_of_a_pair_stands_first_as_on_the_page():
    text = shown(pair_of("joint", "multihead", LEAD.negated(), Outcome.B_WINS))
    (line,) = [line for line in text.splitlines() if "multihead - joint" in line]
    assert "+0.0356" in line
    assert "multihead wins" in line


def test_names_in_brackets_are_names_and_no_markup():
    text = shown(pair_of("net[v1]", "net[/x]"))
    assert "net[v1] - net[/x]" in text
    assert "net[v1] wins" in text
