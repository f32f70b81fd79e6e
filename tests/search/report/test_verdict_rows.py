import pytest

from search.report.errors import ReportError
from search.report.verdict_rows import Estimate, PairFigures, PairRow, ReasonRow, ScoreRow
from tests.search.builders.example import pair, reason, verdict


def test_a_figure_may_lack_its_interval():
    assert Estimate.of({"value": 0.5}) == Estimate(value=0.5)
    assert Estimate.of({"value": 0.5, "interval": None}) == Estimate(value=0.5)
    assert Estimate.of({"value": 0.5, "interval": [0.4, 0.6]}).high == 0.6


def test_the_other_way_round_the_interval_changes_its_ends():
    assert Estimate(value=0.1, low=-0.1, high=0.3).negated() == Estimate(
        value=-0.1, low=-0.3, high=0.1
    )
    assert Estimate(value=0.1).negated() == Estimate(value=-0.1)


def test_a_score_has_everything_that_stands_beside_it():
    row = ScoreRow.of("joint", verdict()["scores"]["joint"])
    assert (row.score.value, row.score.low, row.per_seed) == (0.76, 0.72, (0.75, 0.77))
    assert [row.with_rule.value, row.search.value, row.held_out.value] == [0.77, 0.761, 0.75]
    assert ScoreRow.of("a", {"value": 1.0}) == ScoreRow(name="a", score=Estimate(value=1.0))


def test_a_pair_is_read_with_its_parts_and_what_would_decide_it():
    row = PairRow.of(
        pair(
            verdict="undecided",
            with_decision_rule=pair(difference=0.1),
            parts={"search": pair(difference=0.2), "held_out": None},
            would_decide={"people": 5400, "seeds": 6, "together": True},
            note="why",
        )
    )
    assert (row.a, row.b, row.headline.outcome, row.note) == (
        "joint",
        "separate",
        "undecided",
        "why",
    )
    assert row.with_rule.difference.value == 0.1
    assert (row.search.difference.value, row.held_out) == (0.2, None)
    assert (row.people, row.seeds, row.together) == (5400, 6, True)


def test_a_pair_that_leads_stays_as_it_is():
    row = PairRow.of(pair(difference=0.02))
    assert row.leader_first() is row


def test_a_pair_that_trails_is_turned_round_with_all_its_figures():
    row = PairRow.of(
        pair(difference=-0.02, verdict="b_wins", with_decision_rule=pair(difference=0.01))
    )
    turned = row.leader_first()
    assert (turned.a, turned.b) == ("separate", "joint")
    assert turned.headline.outcome == "a_wins"
    assert turned.headline.difference == Estimate(value=0.02, low=pytest.approx(0.01), high=0.03)
    assert turned.headline.p_a_greater == pytest.approx(0.02)
    assert turned.headline.p_holm == 0.03
    assert turned.with_rule.outcome == "b_wins"
    assert turned.leader_first() is turned


def test_an_undecided_pair_stays_undecided_when_turned_round():
    figures = PairFigures.of(pair(verdict="undecided", p_a_greater=None))
    assert figures.negated().outcome == "undecided"
    assert figures.negated().p_a_greater is None


def test_a_reason_may_have_no_effect():
    assert ReasonRow.of(reason("error_budget", {"cost": {}})).effect is None
    found = ReasonRow.of(reason("x", {}, effect={"value": 0.1, "interval": [0, 0.2]}))
    assert found.effect == Estimate(value=0.1, low=0, high=0.2)
    assert found.supported


@pytest.mark.parametrize("key", ["a", "b", "difference"])
def test_a_pair_without_what_every_pair_has_is_refused(key):
    broken = {name: value for name, value in pair().items() if name != key}
    with pytest.raises(
        ReportError, match=rf"needs '{key}', got only .*interval.*headrace verdict"
    ):
        PairRow.of(broken)


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ReportError, match=r"one of a_wins, .*undecided, got 'maybe'"):
        PairRow.of(pair(verdict="maybe"))
