import json

import pytest

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.outcomes import (
    Caveat,
    Outcome,
    PairFigures,
    PairVerdict,
    Rules,
    Score,
    Verdict,
    holm,
    outcome_of,
)
from tests.search.builders.example import ONE_SEED, effect, pair, typed_pair, verdict


def _figures(difference, outcome, p_holm=0.01):
    estimate = PairEstimate(
        difference=difference, people_variance=1e-5, people_degrees=99.0, num_differing=50
    )
    return PairFigures.of(estimate, p_holm, outcome)


def _pair(outcome=Outcome.A_WINS, difference=0.02, held_out=0.01, rule=Outcome.A_WINS):
    return PairVerdict(
        a="joint",
        b="separate",
        headline=_figures(difference, outcome),
        with_rule=_figures(difference, rule),
        search=_figures(difference, outcome),
        held_out=_figures(held_out, Outcome.UNDECIDED),
        would_decide=None,
    )


def test_holm_multiplies_by_the_tests_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.02, 0.03]) == pytest.approx([0.04, 0.04])
    assert holm([0.9, 0.8, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("low", "value", "high", "p_holm", "expected"),
    [
        (-0.004, 0.0, 0.005, 0.9, Outcome.EQUIVALENT),
        (0.001, 0.002, 0.004, 0.001, Outcome.EQUIVALENT),  # inside the margin comes first
        (0.001, 0.004, 0.007, 0.01, Outcome.A_WINS),
        (-0.02, -0.01, -0.001, 0.04, Outcome.B_WINS),
        (0.001, 0.01, 0.02, 0.05, Outcome.UNDECIDED),  # the interval is not adjusted, p is
        (-0.006, 0.0, 0.004, 0.9, Outcome.UNDECIDED),
    ],
)
def test_a_verdict_follows_from_interval_margin_and_adjusted_p(low, value, high, p_holm, expected):
    assert outcome_of(Interval(value=value, low=low, high=high), p_holm, 0.005) is expected


def test_a_pair_becomes_the_fields_of_verdict_json():
    fields = json.loads(json.dumps(_pair().to_dict()))
    same = {"difference", "interval", "p_a_greater", "p_holm", "verdict"}
    assert same <= set(fields)
    assert set(fields["with_decision_rule"]) == same
    assert set(fields["parts"]["search"]) == set(fields["parts"]["held_out"]) == same
    assert fields["verdict"] == "a_wins"
    assert fields["interval"][0] < fields["difference"] < fields["interval"][1]
    assert {"people", "seeds"} <= set(fields["would_decide"])


def test_missing_parts_become_null():
    pair = PairVerdict(
        a="a",
        b="b",
        headline=_figures(0.0, Outcome.UNDECIDED),
        with_rule=None,
        search=None,
        held_out=None,
        would_decide=WouldDecide(people=900, seeds=None),
        caveat=Caveat.ONE_SEED,
    )
    fields = pair.to_dict()
    assert fields["with_decision_rule"] is None
    assert fields["parts"] == {"search": None, "held_out": None}
    assert fields["would_decide"] == {"people": 900, "seeds": None, "together": False}
    assert fields["note"].startswith("one training seed: what another training would give")
    assert pair.winner is None
    assert not pair.flips_with_rule
    assert not pair.loses_on_held_out


def test_a_winner_that_loses_on_the_untouched_part_is_reported():
    assert _pair(held_out=-0.001).loses_on_held_out
    assert not _pair(held_out=0.001).loses_on_held_out
    assert _pair(Outcome.B_WINS, -0.02, held_out=0.01).loses_on_held_out
    assert not _pair(Outcome.UNDECIDED, held_out=-0.01).loses_on_held_out


def test_a_verdict_that_flips_with_the_decision_rule_is_reported():
    assert _pair(rule=Outcome.UNDECIDED).flips_with_rule
    assert not _pair(rule=Outcome.A_WINS).flips_with_rule


def test_winners_have_names():
    assert _pair().winner == "joint"
    assert _pair(Outcome.B_WINS).winner == "separate"
    assert _pair(Outcome.EQUIVALENT).winner is None


def test_a_verdict_finds_its_pairs_and_becomes_json():
    interval = Interval(value=0.7, low=0.6, high=0.8)
    score = Score(
        name="joint", interval=interval, per_seed=(0.69, 0.71), ensemble=interval, with_rule=None
    )
    verdict = Verdict(
        scores=(score,), pairs=(_pair(),), num_people=300, num_photos=900, margin=0.005
    )
    assert verdict.pair("separate", "joint").a == "joint"
    fields = json.loads(json.dumps(verdict.to_dict()))
    assert fields["scores"]["joint"]["value"] == 0.7
    assert fields["scores"]["joint"]["interval"] == [0.6, 0.8]
    assert fields["scores"]["joint"]["seeds_averaged"]["value"] == 0.7
    assert len(fields["pairs"]) == 1
    with pytest.raises(AnalysisError, match="unknown pair joint/x; judged were: joint/separate"):
        verdict.pair("joint", "x")


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(AnalysisError, match=r"got margin=-0\.1"):
        Rules(margin=-0.1)
    with pytest.raises(AnalysisError, match="num_resamples=5"):
        Rules(num_resamples=5)


def test_a_score_has_everything_that_stands_beside_it():
    found = Verdict.from_dict(verdict()).scores[1]
    assert (found.interval.value, found.interval.low, found.per_seed) == (0.76, 0.72, (0.75, 0.77))
    beside = (found.with_rule, found.parts["search"], found.parts["held_out"])
    assert [each.value for each in beside] == [0.77, 0.761, 0.75]
    assert Score.from_dict("a", effect(0.5)) == Score(
        name="a", interval=Interval(value=0.5, low=0.496, high=0.504)
    )


def test_a_pair_is_read_with_its_parts_and_what_would_decide_it():
    found = typed_pair(
        verdict="undecided",
        with_decision_rule=pair(difference=0.1),
        parts={"search": pair(difference=0.2), "held_out": None},
        would_decide={"people": 5400, "seeds": 6, "together": True},
    )
    assert (found.a, found.b, found.outcome) == ("joint", "separate", Outcome.UNDECIDED)
    assert found.with_rule.difference.value == 0.1
    assert (found.search.difference.value, found.held_out) == (0.2, None)
    assert found.would_decide == WouldDecide(people=5400, seeds=6, together=True)
    assert found.caveat is Caveat.NONE
    assert typed_pair(**ONE_SEED).is_of_one_seed


def test_a_pair_that_is_decided_needs_nothing_more():
    assert typed_pair().would_decide is None


def test_a_pair_that_leads_stays_as_it_is():
    found = typed_pair(difference=0.02)
    assert found.leader_first() is found


def test_a_pair_that_trails_is_turned_round_with_all_its_figures():
    found = typed_pair(
        difference=-0.02, verdict="b_wins", with_decision_rule=pair(difference=0.01)
    )
    turned = found.leader_first()
    assert (turned.a, turned.b) == ("separate", "joint")
    assert turned.outcome is Outcome.A_WINS
    difference = turned.headline.difference
    assert (difference.value, difference.high) == (0.02, 0.03)
    assert difference.low == pytest.approx(0.01)
    assert turned.headline.p_a_greater == pytest.approx(0.02)
    assert turned.headline.p_holm == 0.03
    assert turned.with_rule.outcome is Outcome.B_WINS
    assert turned.leader_first() is turned


def test_an_undecided_pair_stays_undecided_when_turned_round():
    assert typed_pair(verdict="undecided").headline.negated().outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("key", ["a", "b", "difference", "interval", "verdict", "p_holm"])
def test_a_pair_without_what_every_pair_has_is_refused(key):
    broken = {name: value for name, value in pair().items() if name != key}
    with pytest.raises(AnalysisError, match=rf"needs '{key}', got only .*headrace verdict"):
        PairVerdict.from_dict(broken)


def test_an_unknown_verdict_is_refused():
    with pytest.raises(AnalysisError, match=r"one of a_wins, .*undecided, got 'maybe'"):
        typed_pair(verdict="maybe")


def test_an_unknown_caveat_is_refused():
    with pytest.raises(AnalysisError, match=r"caveat must be one of one training seed.*got 'why'"):
        typed_pair(note="why")
