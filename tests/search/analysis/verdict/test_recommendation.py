"""What is recommended: the cheapest approach that is proven not to lose too much."""

from dataclasses import replace

import pytest

from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.recommendation import NextStep, Price, next_step, recommend
from search.analysis.verdict.rules import (
    Outcome,
)
from search.analysis.verdict.statements import Bound, PairStatements
from tests.search.analysis.verdict.test_sentence import pair, verdict


def bounded(a, b, worse, better, outcome=Outcome.UNDECIDED):
    stated = PairStatements(bound=Bound(worse=worse, better=better))
    return replace(pair(a, b, outcome), statements=stated)


# separate leads; multihead is proven to be at most 0.015 worse, joint at most 0.06.
THREE = verdict(
    bounded("separate", "joint", -0.02, 0.06),
    bounded("multihead", "separate", 0.015, 0.02),
    bounded("joint", "multihead", 0.05, 0.01),
)
SERVE = {"separate": 9.0, "joint": 3.0, "multihead": 3.5}
PRICES = {name: Price(serve_ms=ms) for name, ms in SERVE.items()}


def test_the_cheapest_that_is_proven_close_enough_is_used():
    found = recommend(THREE, PRICES)
    assert (found.leader, found.use, found.loss) == ("separate", "multihead", 0.015)
    assert recommend(THREE, PRICES, accept_loss=0.014).use == "separate"
    assert recommend(THREE, PRICES, accept_loss=0.06).use == "joint"


def test_of_equals_to_serve_the_one_that_took_less_device_time_is_used():
    prices = {
        "separate": Price(serve_ms=3.0, device_seconds=10.0),
        "multihead": Price(serve_ms=3.0, device_seconds=9.0),
        "joint": Price(serve_ms=1.0, device_seconds=1.0),
    }
    assert recommend(THREE, prices).use == "multihead"


def test_costs_that_are_not_known_of_all_rivals_tell_nothing():
    prices = {
        "separate": Price(device_seconds=20.0),
        "multihead": Price(serve_ms=3.0, device_seconds=30.0),
    }
    assert recommend(THREE, prices).use == "separate"
    assert recommend(THREE, {}).use == "separate"


def test_an_approach_without_a_bound_is_not_recommended():
    found = verdict(pair("separate", "joint"))
    assert recommend(found, PRICES, accept_loss=0.99).use == "separate"


@pytest.mark.parametrize(("ensemble", "best"), [(0.64, "ensemble"), (0.62, "separate")])
def test_the_most_accurate_is_the_ensemble_only_where_it_scores_higher(ensemble, best):
    found = recommend(THREE, PRICES, ensemble=ensemble)
    assert (found.most_accurate, found.score) == (best, max(0.63, ensemble))


def test_the_next_step_is_about_the_leader_and_its_nearest_open_rival():
    decide = WouldDecide(people=700, seeds=5)
    pairs = (
        replace(pair("joint", "separate"), would_decide=WouldDecide(people=9, seeds=9)),
        replace(pair("multihead", "separate"), would_decide=decide),
        replace(pair("joint", "multihead"), would_decide=WouldDecide(people=8, seeds=8)),
    )
    assert next_step(verdict(*pairs)) == NextStep(
        pair=("separate", "multihead"), people=700, seeds=5
    )
    won = (pairs[0], pair("separate", "multihead", Outcome.A_WINS), pairs[2])
    assert next_step(verdict(*won)).pair == ("separate", "joint")
    both = (
        pair("separate", "joint", Outcome.A_WINS),
        pair("separate", "multihead", Outcome.A_WINS),
        pairs[2],
    )
    assert next_step(verdict(*both)) is None
