import pytest

from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.outcomes import (
    Caveat,
    Outcome,
    PairFigures,
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.sentence import answer

SCORES = {"separate": 0.63, "joint": 0.52, "multihead": 0.58}


def pair(a, b, outcome=Outcome.UNDECIDED, spread=0.02, caveat=Caveat.NONE, decide=None):
    estimate = PairEstimate(
        difference=SCORES[a] - SCORES[b],
        people_variance=spread**2,
        people_degrees=1e6,
        num_differing=50,
    )
    return PairVerdict(
        a=a,
        b=b,
        headline=PairFigures.of(estimate, 0.01, outcome),
        would_decide=decide,
        caveat=caveat,
    )


def verdict(*pairs):
    scores = [
        Score(
            name=name,
            interval=Interval(value=value, low=value - 0.05, high=value + 0.05),
            per_seed=(value,),
            ensemble=None,
            with_rule=None,
        )
        for name, value in SCORES.items()
        if any(name in (each.a, each.b) for each in pairs)
    ]
    return Verdict(scores=tuple(scores), pairs=pairs, num_people=90, num_photos=360, margin=0.005)


def test_a_winner_is_above_all_others():
    pairs = (
        pair("separate", "joint", Outcome.A_WINS),
        pair("multihead", "separate", Outcome.B_WINS),
        pair("joint", "multihead"),
    )
    assert answer(verdict(*pairs)) == (
        "separate wins: macro-F1 0.630, 0.050 above multihead and 0.110 above joint."
    )


def test_equivalence_is_no_difference():
    tie = pair("joint", "multihead", Outcome.EQUIVALENT)
    assert answer(verdict(tie)) == (
        "It makes no difference: multihead, joint are equivalent within 0.005."
    )


def test_what_is_open_says_what_would_decide_it():
    open_pair = pair("separate", "multihead", decide=WouldDecide(people=700, seeds=5))
    beaten = pair("separate", "joint", Outcome.A_WINS)
    assert answer(verdict(open_pair, beaten, pair("joint", "multihead"))) == (
        "Undecided: separate scores highest (0.630), but multihead is within the noise (0.050; "
        "700 people or 5 seeds would decide); separate beats joint."
    )


@pytest.mark.parametrize("turned", [False, True])
def test_one_seed_cannot_tell_even_where_the_people_can(turned):
    names = ("joint", "separate") if turned else ("separate", "joint")
    assert answer(verdict(pair(*names, caveat=Caveat.ONE_SEED))) == (
        "Undecided: separate scores highest (0.630), ahead of joint by 0.110 [0.071, 0.149] over "
        "people, but one seed cannot tell the luck of training."
    )


def test_one_seed_says_where_the_people_do_not_tell_either():
    pairs = [
        pair(*names, caveat=Caveat.ONE_SEED, spread=0.03) for names in (("separate", "joint"),)
    ]
    unclear = pair("multihead", "separate", caveat=Caveat.ONE_SEED, spread=0.03)
    rest = pair("joint", "multihead", caveat=Caveat.ONE_SEED)
    assert answer(verdict(*pairs, unclear, rest)) == (
        "Undecided: separate scores highest (0.630), ahead of joint by 0.110 [0.051, 0.169], not "
        "clearly ahead of multihead (0.050 [-0.009, 0.109]) over people, but one seed cannot tell "
        "the luck of training."
    )
    assert answer(verdict(unclear)).endswith(
        "(0.630), not clearly ahead of multihead (0.050 [-0.009, 0.109]) over people, and one "
        "seed cannot tell the luck of training."
    )


def test_fixed_models_are_judged_without_a_word_on_seeds():
    sentence = answer(verdict(pair("separate", "joint", caveat=Caveat.FIXED_MODELS)))
    assert sentence.endswith("joint is within the noise (0.110).")
