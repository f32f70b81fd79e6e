import json
from dataclasses import replace

import pytest
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.rounds import Standing
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
    outcome_of,
)
from tests.search.builders.example import ONE_SEED, effect, pair, typed_pair, verdict


def _figures(difference, outcome, p_adjusted=0.01):
    estimate = PairEstimate(
        difference=difference, people_variance=1e-5, people_degrees=99.0, num_differing=50
    )
    return PairFigures.of(estimate, p_adjusted, outcome)


def _pair(outcome=Outcome.A_WINS, difference=0.02, rule=Outcome.A_WINS, effect=(0.01, 0.03)):
    low, high = effect
    return PairVerdict(
        a="joint",
        b="separate",
        headline=_figures(difference, outcome),
        with_rule=_figures(difference, rule),
        rule_effect=Interval(value=(low + high) / 2, low=low, high=high),
        chose_nothing=_figures(difference, outcome),
        chose=_figures(difference / 2, Outcome.UNDECIDED),
    )


@pytest.mark.parametrize(
    ("difference", "reach", "p_adjusted", "expected"),
    [
        (0.0005, 0.0044, 0.9, Outcome.EQUIVALENT),
        (0.002, 0.0015, 0.001, Outcome.EQUIVALENT),  # inside the margin comes first
        (0.004, 0.003, 0.01, Outcome.A_WINS),
        (-0.01, 0.009, 0.04, Outcome.B_WINS),
        (0.01, 0.009, 0.05, Outcome.UNDECIDED),  # the interval is not adjusted, p is
        (-0.001, 0.005, 0.9, Outcome.UNDECIDED),
    ],
)
def test_a_verdict_follows_from_interval_margin_and_adjusted_p(
    difference, reach, p_adjusted, expected
):
    estimate = PairEstimate(
        difference=difference,
        people_variance=(reach / stats.t.ppf(0.975, 99)) ** 2,
        people_degrees=99.0,
        num_differing=50,
    )
    assert outcome_of(estimate, p_adjusted, 10**6, 0.005) is expected


def test_few_people_are_never_equivalent_and_may_still_differ():
    nobody = PairEstimate(
        difference=0.0, people_variance=0.0, people_degrees=1199.0, num_differing=0
    )
    assert outcome_of(nobody, 1.0, 1200, 0.005) is Outcome.EQUIVALENT
    assert outcome_of(nobody, 1.0, 1199, 0.005) is Outcome.UNDECIDED
    few = PairEstimate(
        difference=0.002, people_variance=1e-8, people_degrees=199.0, num_differing=9
    )
    assert outcome_of(few, 0.01, 200, 0.005) is Outcome.A_WINS


def test_a_pair_becomes_the_fields_of_verdict_json():
    fields = json.loads(json.dumps(_pair().to_dict()))
    same = {"difference", "interval", "confidence_a_greater", "p_adjusted", "seeds", "verdict"}
    assert same <= set(fields)
    assert set(fields["with_decision_rule"]) == same
    assert set(fields["parts"]) == {"chose_nothing", "chose"}
    assert set(fields["parts"]["chose_nothing"]) == set(fields["parts"]["chose"]) == same
    assert fields["parts"]["chose"]["difference"] == 0.01
    assert fields["decision_rule_effect"] == {"value": 0.02, "interval": [0.01, 0.03]}
    assert fields["verdict"] == "a_wins"
    assert fields["interval"][0] < fields["difference"] < fields["interval"][1]
    assert (fields["standing"], fields["hopeless"]) == ("open", False)
    assert {"people", "seeds"} <= set(fields["would_decide"])


def test_missing_parts_become_null():
    pair = PairVerdict(
        a="a",
        b="b",
        headline=_figures(0.0, Outcome.UNDECIDED),
        would_decide=WouldDecide(people=900, seeds=None),
        caveat=Caveat.ONE_SEED,
    )
    fields = pair.to_dict()
    assert fields["with_decision_rule"] is None
    assert fields["decision_rule_effect"] is None
    assert fields["parts"] == {"chose_nothing": None, "chose": None}
    assert fields["would_decide"] == {"people": 900, "seeds": None, "together": False}
    assert fields["note"].startswith("one training seed: what another training would give")
    assert pair.winner is None
    assert not pair.flips_with_rule


def test_a_pair_survives_its_file():
    futile = replace(
        _pair(Outcome.UNDECIDED),
        standing=Standing.FUTILE,
        hopeless=True,
        would_decide=WouldDecide(people=5400, seeds=None),
        caveat=Caveat.CHOSEN_BY,
    )
    for each in (_pair(), _pair(Outcome.B_WINS, -0.02), futile):
        read = PairVerdict.from_dict(json.loads(json.dumps(each.to_dict())))
        assert read.to_dict() == each.to_dict()
        assert (read.standing, read.hopeless) == (each.standing, each.hopeless)
        assert (read.caveat, read.would_decide) == (each.caveat, each.would_decide)
        assert read.rule_effect == each.rule_effect


@pytest.mark.parametrize(
    ("rule", "effect", "flips"),
    [
        (Outcome.UNDECIDED, (-0.03, -0.01), True),
        (Outcome.B_WINS, (0.001, 0.02), True),
        (Outcome.UNDECIDED, (-0.03, 0.001), False),  # a difference of outcomes, maybe by chance
        (Outcome.A_WINS, (-0.03, -0.01), False),
    ],
)
def test_a_verdict_flips_with_the_decision_rule_only_where_its_effect_is_not_zero(
    rule, effect, flips
):
    assert _pair(rule=rule, effect=effect).flips_with_rule is flips


def test_a_rule_whose_effect_is_not_known_flips_nothing():
    assert not replace(_pair(rule=Outcome.UNDECIDED), rule_effect=None).flips_with_rule
    assert not replace(_pair(), with_rule=None).flips_with_rule


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
    assert (found.with_rule.value, found.ensemble.value) == (0.77, 0.765)
    assert Score.from_dict("a", effect(0.5)) == Score(
        name="a", interval=Interval(value=0.5, low=0.496, high=0.504)
    )


def test_a_pair_is_read_with_its_parts_and_what_would_decide_it():
    found = typed_pair(
        verdict="undecided",
        with_decision_rule=pair(difference=0.1),
        parts={"chose_nothing": pair(difference=0.2), "chose": None},
        would_decide={"people": 5400, "seeds": 6, "together": True},
    )
    assert (found.a, found.b, found.outcome) == ("joint", "separate", Outcome.UNDECIDED)
    assert found.with_rule.difference.value == 0.1
    assert (found.chose_nothing.difference.value, found.chose) == (0.2, None)
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
        difference=-0.02,
        verdict="b_wins",
        with_decision_rule=pair(difference=0.01),
        decision_rule_effect={"value": 0.03, "interval": [0.01, 0.06]},
        parts={"chose_nothing": pair(difference=-0.03), "chose": pair(difference=0.04)},
    )
    turned = found.leader_first()
    assert (turned.a, turned.b) == ("separate", "joint")
    assert turned.outcome is Outcome.A_WINS
    difference = turned.headline.difference
    assert (difference.value, difference.high) == (0.02, 0.03)
    assert difference.low == pytest.approx(0.01)
    assert turned.headline.confidence_a_greater == pytest.approx(0.02)
    assert turned.headline.p_adjusted == 0.03
    assert turned.with_rule.outcome is Outcome.B_WINS
    effect = turned.rule_effect
    assert (effect.value, effect.low, effect.high) == (-0.03, -0.06, -0.01)
    parts = (turned.chose_nothing.difference.value, turned.chose.difference.value)
    assert parts == (0.03, -0.04)
    assert turned.leader_first() is turned


def test_an_undecided_pair_stays_undecided_when_turned_round():
    assert typed_pair(verdict="undecided").headline.negated().outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("key", ["a", "b", "difference", "interval", "verdict", "p_adjusted"])
def test_a_pair_without_what_every_pair_has_is_refused(key):
    broken = {name: value for name, value in pair().items() if name != key}
    with pytest.raises(AnalysisError, match=rf"needs '{key}', got only "):
        PairVerdict.from_dict(broken)


def test_figures_of_schema_1_are_read_by_their_old_names():
    old = pair()
    old["p_a_greater"], old["p_holm"] = old.pop("confidence_a_greater"), old.pop("p_adjusted")
    found = PairVerdict.from_dict({**old, "parts": {"search": pair(), "held_out": pair()}})
    assert (found.headline.confidence_a_greater, found.headline.p_adjusted) == (0.98, 0.03)
    assert (found.chose_nothing, found.chose) == (None, None)
    assert found.standing is Standing.OPEN


def test_an_unknown_verdict_is_refused():
    with pytest.raises(AnalysisError, match=r"one of a_wins, .*undecided, got 'maybe'"):
        typed_pair(verdict="maybe")


def test_an_unknown_caveat_is_refused():
    with pytest.raises(AnalysisError, match=r"caveat must be one of one training seed.*got 'why'"):
        typed_pair(note="why")
