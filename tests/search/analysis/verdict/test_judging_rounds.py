"""The verdict on what several looks decided."""

from dataclasses import replace
from functools import partial

import pytest

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.power import would_decide
from search.analysis.uncertainty.training_luck import TrainingLuck
from search.analysis.verdict.judging import estimates_of
from search.analysis.verdict.rounds import Rounds, Standing
from search.analysis.verdict.rules import (
    Outcome,
)
from search.analysis.verdict.statements import Bound
from tests.search.builders.judged import approaches_of, judged, people_with_errors


def _made_estimate(difference, seeds=3, people=5e-5):
    """A standard error of 0.01; what is not of people is that of training."""
    side = TrainingLuck(variance=(1e-4 - people) / 2, num_seeds=seeds, folds=1e9)
    return PairEstimate(
        difference=difference,
        people_variance=people,
        people_degrees=1e9,
        training=(side, side),
        num_differing=200,
    )


def test_rounds_decide_a_pair_by_its_last_look():
    """What was won, given up or left open at a look is what the verdict says."""
    sample = people_with_errors(60, factors=(1.0, 0.2, 1.0))
    rounds = Rounds(names="abc", num_people=60, margin=0.005, full=6)
    won, given_up = _made_estimate(-0.06, seeds=2), _made_estimate(0.0, seeds=2)
    open_one = _made_estimate(0.024, seeds=2)
    first = {("a", "b"): won, ("a", "c"): given_up, ("b", "c"): open_one}
    rounds.look(first, ended=False)
    last = _made_estimate(0.0195, seeds=6)
    rounds.look({("b", "c"): last}, ended=True)
    pairs = judged(sample, rounds=rounds).pairs
    assert [pair.outcome for pair in pairs] == [
        Outcome.B_WINS,
        Outcome.UNDECIDED,
        Outcome.UNDECIDED,
    ]
    now = estimates_of(approaches_of(sample), sample.people)
    assert [pair.headline.estimate for pair in pairs] == list(now.values())
    assert [pair.standing for pair in pairs] == [Standing.WON, Standing.FUTILE, Standing.OPEN]
    assert [pair.look_seeds for pair in pairs] == [2, 2, 6]  # what the p are of
    assert [pair.hopeless for pair in pairs] == [False, True, False]
    # Shares of a tenth, and of nine tenths where the run ended.
    raw = [won.p_value / 0.1, 1.0, last.p_value / 0.9]
    assert raw[0] < raw[2]
    assert [pair.headline.p_adjusted for pair in pairs] == pytest.approx([3 * raw[0], 1.0, raw[2]])
    assert last.p_value < 0.053
    assert raw[2] > 0.05


def test_rounds_with_a_single_look_at_the_end_say_what_no_rounds_say():
    sample = people_with_errors(factors=(0.4, 0.7, 1.0))
    plain = judged(sample)
    rounds = Rounds(names=["a", "b", "c"], num_people=300, margin=0.005, full=3)
    rounds.look(estimates_of(approaches_of(sample), sample.people), ended=True)
    assert judged(sample, rounds=rounds).to_dict() == plain.to_dict()
    assert [pair.standing for pair in plain.pairs] == [
        Standing.OPEN if pair.winner is None else Standing.WON for pair in plain.pairs
    ]


def test_a_plan_after_an_end_has_what_is_left_of_the_level():
    sample = people_with_errors(60)
    rounds = Rounds(names="ab", num_people=60, margin=0.005, full=3)
    estimates = estimates_of(approaches_of(sample), sample.people)
    rounds.look(estimates, ended=True)
    found = judged(sample, rounds=rounds).pairs[0].would_decide
    (pair,), planned = rounds.pairs, {"num_people": 60, "margin": 0.005, "num_pairs": 1}
    share = partial(rounds.share_left, pair)
    assert found == would_decide(estimates[pair], num_seeds=3, **planned, share=share)
    lucky = _made_estimate(0.0185, people=1e-6)
    rounds = Rounds(names="ab", num_people=60, margin=0.005, full=3)
    rounds.look({pair: lucky}, ended=True)
    share = partial(rounds.share_left, pair)
    whole = would_decide(lucky, num_seeds=3, **planned).seeds
    left = would_decide(lucky, num_seeds=3, **planned, share=share).seeds
    assert whole < left
    # What is planned with is what an end at so many seeds then gets.
    more = lucky.with_more(seeds=left - 3)
    promised = share(more)
    rounds.reopen(left)
    rounds.look({pair: more}, ended=True)
    assert rounds.closings[pair].share == promised


def test_statements_at_a_second_end_have_half_of_their_level():
    sample = people_with_errors(100)
    rounds = Rounds(names="ab", num_people=100, margin=0.005, full=3)
    (pair,) = rounds.pairs
    rounds.look({pair: _made_estimate(0.0186, people=1e-6)}, ended=True)
    once = judged(sample, rounds=rounds).pairs[0]
    assert (rounds.num_ends, once.statements.bound) == (
        1,
        Bound.of(once.headline.estimate, 100, 1),
    )
    rounds.reopen(6)
    rounds.look({pair: _made_estimate(0.0186, people=1e-6)}, ended=True)
    again = judged(sample, rounds=rounds).pairs[0]
    assert (rounds.num_ends, again.headline.estimate) == (2, once.headline.estimate)
    assert again.statements.bound == Bound.of(once.headline.estimate, 100, 1, num_ends=2)
    assert again.statements.bound.worse > once.statements.bound.worse


def test_what_seeds_after_a_decision_speak_against_does_not_stand():
    sample = people_with_errors(factors=(0.4, 1.0))
    rounds = Rounds(names="ab", num_people=300, margin=0.005, full=3)
    (pair,) = rounds.pairs
    ahead = _made_estimate(0.1, people=1e-5)
    rounds.look({pair: ahead}, ended=False)
    assert rounds.closings[pair].standing is Standing.WON
    found = judged(sample, rounds=rounds).pairs[0]
    assert found.winner == "a"
    # The figures are of all seeds there are.
    now = estimates_of(approaches_of(sample), sample.people)[pair]
    assert found.headline.difference == now.interval
    behind = Rounds(names="ab", num_people=300, margin=0.005, full=3)
    behind.look({pair: _made_estimate(-0.1, people=1e-5)}, ended=False)
    assert behind.closings[pair].standing is Standing.WON
    assert judged(sample, rounds=behind).pairs[0].outcome is Outcome.UNDECIDED
    alike = Rounds(names="ab", num_people=10**6, margin=0.005, full=3)
    tiny = replace(ahead, difference=0.0, people_variance=1e-9, training=(NO_LUCK, NO_LUCK))
    alike.look({pair: tiny}, ended=False)
    assert alike.closings[pair].standing is Standing.EQUIVALENT
    assert judged(sample, rounds=alike).pairs[0].outcome is Outcome.UNDECIDED


def test_rounds_of_other_approaches_or_without_a_look_are_refused():
    sample = people_with_errors(60)
    options = {"num_people": 60, "margin": 0.005, "full": 3}
    for names in ("ba", "ac", "abc"):
        rounds = Rounds(names=names, **options)
        rounds.look(dict.fromkeys(rounds.pairs, _made_estimate(0.01)), ended=True)
        with pytest.raises(
            AnalysisError, match=r"looked at the pairs \(\('a', 'b'\),\), got looks"
        ):
            judged(sample, rounds=rounds)
    with pytest.raises(AnalysisError, match=r"got looks at \(\) of \(\('a', 'b'\),\)"):
        judged(sample, rounds=Rounds(names="ab", **options))
