from dataclasses import replace

import pytest

from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.baselines import Baseline
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.recommendation import NextStep, Price, recommend
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
)
from search.analysis.verdict.sentence import answer, finding
from search.analysis.verdict.statements import Bound, PairStatements

SCORES = {"separate": 0.63, "joint": 0.52, "multihead": 0.58}


def pair(a, b, outcome=Outcome.UNDECIDED, spread=0.02, caveat=Caveat.NONE):
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
        "It makes no difference: multihead and joint are equivalent within 0.005."
    )


def test_a_leader_that_is_not_proven_says_whom_it_is_not_ahead_of():
    near = pair("separate", "multihead")
    rest = pair("joint", "multihead")
    assert answer(verdict(near, pair("separate", "joint"), rest)) == (
        "No winner is proven: separate leads with 0.630, not clearly ahead of multihead (by "
        "0.050) and joint (by 0.110)."
    )
    assert answer(verdict(near, pair("separate", "joint", Outcome.A_WINS), rest)) == (
        "No winner is proven: separate leads with 0.630 and beats joint, but is not clearly ahead "
        "of multihead (by 0.050)."
    )
    tie = pair("multihead", "separate", Outcome.EQUIVALENT)
    assert answer(verdict(tie, pair("joint", "separate"), rest)) == (
        "No winner is proven: separate leads with 0.630, multihead is equivalent, not clearly "
        "ahead of joint (by 0.110)."
    )


def test_one_seed_is_no_verdict():
    one = pair("joint", "separate", caveat=Caveat.ONE_SEED)
    found = verdict(one)
    assert answer(found) == (
        "No verdict from one training seed: separate leads with 0.630, but the luck of training "
        "is not known."
    )
    step = NextStep(
        pair=("separate", "joint"), seeds=2, minutes=3.4, command="headrace run --refit-seeds 2"
    )
    assert answer(found, recommend(found, {}, next_step=step)).endswith(
        ". Use separate; a verdict takes headrace run --refit-seeds 2 (about 3 min) at least."
    )


def test_a_lead_among_those_who_chose_is_no_lead():
    open_pair = pair("separate", "joint", caveat=Caveat.CHOSEN_BY)
    assert answer(verdict(open_pair)) == (
        "No winner is proven: separate leads with 0.630, but not on the people that the search "
        "did not choose by."
    )


def test_a_lead_among_those_who_chose_hides_no_other_pair():
    pairs = (
        pair("separate", "joint", Outcome.A_WINS),
        pair("separate", "multihead", caveat=Caveat.CHOSEN_BY),
        pair("multihead", "joint"),
    )
    assert finding(verdict(*pairs)) == (
        "No winner is proven: separate leads with 0.630 and beats joint, but is not clearly ahead "
        "of multihead (by 0.050, and not on the people that the search did not choose by)."
    )


def test_scores_like_guessing_mean_nothing_whoever_wins():
    found = verdict(pair("separate", "joint", Outcome.A_WINS))
    found = replace(found, baselines=(Baseline(name="prior", value=0.6),))
    advice = recommend(found, {})
    assert answer(found, advice) == (
        "These scores mean nothing yet: no approach is shown to beat guessing (0.600). Train "
        "longer or on more people before you choose."
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (NextStep(pair=("separate", "joint"), people=1990), "1,990 people would likely decide"),
        (NextStep(pair=("separate", "joint"), seeds=9), "9 seeds would likely decide"),
        (
            NextStep(pair=("separate", "joint"), seeds=9, people=700, minutes=150, command="go"),
            "go (about 2.5 h) or 700 people would likely decide",
        ),
        (
            NextStep(pair=("separate", "joint"), seeds=9, people=700, together=True),
            "9 seeds and 700 people would likely decide",
        ),
    ],
)
def test_what_would_decide_is_said_as_a_command_or_as_people(step, said):
    found = verdict(pair("separate", "joint"))
    text = answer(found, recommend(found, {}, next_step=step))
    assert text.endswith(f" Use separate; {said} between separate and joint.")


def test_nothing_that_would_decide_is_not_said():
    found = verdict(pair("separate", "joint"))
    step = NextStep(pair=("separate", "joint"))
    assert answer(found, recommend(found, {}, next_step=step)).endswith(" Use separate.")


def test_a_cheaper_approach_and_the_ensemble_are_named():
    bound = PairStatements(bound=Bound(worse=-0.09, better=0.018))
    found = verdict(replace(pair("separate", "joint"), statements=bound))
    prices = {"separate": Price(serve_ms=9.0), "joint": Price(serve_ms=3.0)}
    advice = recommend(found, prices, ensemble=0.66)
    assert answer(found, advice).endswith(
        " Use joint, the cheapest and at most 0.018 worse (the ensemble scores 0.660)."
    )
    assert answer(found, recommend(found, {})).endswith(" Use separate.")


def test_no_answer_is_the_one_word_undecided():
    for outcome in Outcome:
        for caveat in Caveat:
            found = verdict(pair("separate", "joint", outcome, caveat=caveat))
            assert "undecided" not in answer(found, recommend(found, {})).lower()
            assert answer(found, recommend(found, {})).count(". ") <= 1
