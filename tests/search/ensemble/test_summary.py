"""What is said of an ensemble, in one sentence."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from search.analysis.ensemble.gain import Gain
from search.analysis.uncertainty.interval import Interval
from search.ensemble.summary import MemberSummary, print_ensemble, sentence

SCORE = Interval(value=0.7, low=0.6, high=0.8)


def found(low, value, high, *, num_members=2, fell_back=False):
    """A finding in which joint is the best approach, with the given gain over it."""
    gains = tuple(
        Gain(
            approach=name,
            score=SCORE,
            difference=Interval(value=value + more, low=low + more, high=high + more),
            p_greater=0.9,
        )
        for name, more in (("separate", 0.05), ("joint", 0.0))
    )
    members = (SimpleNamespace(approach="joint"),) * num_members
    fitted = SimpleNamespace(members=members)
    return SimpleNamespace(
        gains=gains, best="joint", fitted=fitted, score=SCORE, fell_back=fell_back
    )


def test_a_sure_gain_is_told_over_the_best_approach():
    assert sentence(found(0.01, 0.02, 0.03)) == (
        "The ensemble of 2 members has macro-F1 0.700, and without class biases +0.020 [+0.010, "
        "+0.030] over joint, the best approach."
    )


@pytest.mark.parametrize(("low", "sure"), [(-0.01, False), (0.0, False), (0.001, True)])
def test_a_gain_whose_interval_holds_zero_may_be_luck(low, sure):
    assert ("which may be luck" not in sentence(found(low, 0.02, 0.05))) == sure


def test_a_fallback_names_what_is_kept_and_why():
    text = sentence(found(-0.02, -0.01, 0.0, num_members=1, fell_back=True))
    assert text == (
        "No ensemble across approaches gains over joint (-0.010 [-0.020, +0.000]): joint alone is "
        "kept, its one member, macro-F1 0.700."
    )


def test_names_of_the_user_are_no_markup(tmp_path):
    told = io.StringIO()
    member = MemberSummary(
        name="hair [/x]", approach="separate", weight=1.0, serving_ms=1.0, parts=("hair [/x].1.0",)
    )
    found = SimpleNamespace(
        members=(member,),
        score=SCORE,
        score_without_biases=SCORE,
        gains=(Gain(approach="[bold]", score=SCORE, difference=SCORE, p_greater=0.5),),
        fell_back=False,
        sentence="It is one [/y].",
    )
    print_ensemble(Console(file=told, width=200), found, tmp_path)
    for shown in ("hair [/x] ", "hair [/x].1.0", "[bold]", "one [/y]."):
        assert shown in told.getvalue()
