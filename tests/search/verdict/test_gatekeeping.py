from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import reasons_of_pair
from search.analysis.reasons.read import read_reason
from search.analysis.reasons.reason import Reason
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.judging import judge
from search.analysis.verdict.multiplicity import holm
from search.analysis.verdict.rules import (
    Rules,
)
from search.verdict.findings import Findings
from search.verdict.gatekeeping import NO_BETTER_THAN_GUESSING, NOT_DECIDED, gated
from tests.search.builders.fold_models import SIZES, refit_of

QUICK = Rules(num_resamples=200)
PAIR = ("0", "1")


def _verdict(evidence=(2.5, 1.5), attributes=None, seed=0):
    refit = refit_of(np.random.default_rng(seed), num_people=100, evidence=evidence)
    return judge(refit.approaches, refit.people, rules=QUICK, attributes=attributes)


def _reason(key, p, value=0.02, half=0.01):
    effect = Interval(value=value, low=value - half, high=value + half, p_value=p)
    return Reason(key=key, mechanism="", about=PAIR, sentence="It is so.", effect=effect)


DESCRIPTION = Reason(key="overlap", mechanism="", about=PAIR, sentence="They overlap.")


def _gated(verdict, *reasons):
    found = gated(verdict, {PAIR: reasons})[1][PAIR]
    return {reason.key: reason for reason in found}


def test_reasons_of_a_decided_pair_share_five_percent():
    verdict = _verdict()
    assert verdict.pairs[0].winner == "0"
    p_values = (0.001, 0.02, 0.03)
    found = _gated(verdict, DESCRIPTION, *(_reason(f"p{p}", p) for p in p_values))
    assert [found[f"p{p}"].p_adjusted for p in p_values] == holm(p_values)
    assert [found[f"p{p}"].supported for p in p_values] == [True, True, True]
    found = _gated(verdict, *(_reason(f"p{p}", p) for p in (0.001, 0.03, 0.04)))
    assert [reason.supported for reason in found.values()] == [True, False, False]
    assert found["p0.03"].told == (
        "It is so. Not supported: with 3 effects tested together, its p is 0.060 (Holm)."
    )
    assert found["p0.001"].told == "It is so."
    assert _gated(verdict, DESCRIPTION)["overlap"] == DESCRIPTION


def test_an_effect_whose_own_interval_holds_zero_needs_no_doubt():
    found = _gated(_verdict(), _reason("weak", 0.4, half=0.05))["weak"]
    assert (found.supported, found.doubt, found.p_adjusted) == (False, "", 0.4)


def test_no_reason_is_named_for_a_pair_that_is_not_decided():
    verdict = _verdict(evidence=(2.0, 2.0), seed=1)
    assert not verdict.pairs[0].is_decided
    found = _gated(verdict, _reason("clear", 1e-9), DESCRIPTION)
    assert not found["clear"].supported
    assert found["clear"].doubt == NOT_DECIDED
    assert found["clear"].p_adjusted is None
    assert found["overlap"] == DESCRIPTION


def test_the_log_score_alone_opens_the_gate():
    verdict = _verdict(evidence=(2.0, 2.0), seed=1)
    (pair,) = verdict.pairs
    log_score = replace(pair.statements.log_score, decided=True)
    opened = replace(pair, statements=replace(pair.statements, log_score=log_score))
    assert opened.winner is None
    assert _gated(replace(verdict, pairs=(opened,)), _reason("clear", 1e-9))["clear"].supported


def test_no_reason_is_named_where_nobody_is_better_than_guessing():
    verdict = _verdict()
    guessing = replace(
        verdict,
        baselines=tuple(replace(baseline, value=1.0) for baseline in verdict.baselines),
    )
    assert guessing.means_nothing
    assert _gated(guessing, _reason("clear", 1e-9))["clear"].doubt == NO_BETTER_THAN_GUESSING


def test_attributes_are_tested_together_with_the_reasons():
    verdict = _verdict(attributes=SIZES)
    before = verdict.pairs[0].statements.attributes
    own = [row.difference.p_value for row in before]
    assert [row.p_adjusted for row in before] == holm(own)
    after, found = gated(verdict, {PAIR: (_reason("one", 0.001), _reason("two", 0.02))})
    adjusted = holm([*own, 0.001, 0.02])
    assert [row.p_adjusted for row in after.pairs[0].statements.attributes] == adjusted[:2]
    assert [reason.p_adjusted for reason in found[PAIR]] == adjusted[2:]


def test_gating_again_starts_from_the_single_p_values():
    verdict = _verdict(attributes=SIZES)
    reasons = {PAIR: (_reason("one", 0.001), _reason("two", 0.03))}
    once = gated(verdict, reasons)
    assert gated(*once) == once
    fewer = gated(once[0], {PAIR: once[1][PAIR][:1]})
    assert fewer == gated(verdict, {PAIR: reasons[PAIR][:1]})


def test_reasons_are_ranked_after_they_are_tested():
    lucky, luckier = _reason("lucky", 0.03, value=0.5), _reason("luckier", 0.04, value=0.6)
    found = gated(_verdict(), {PAIR: (luckier, lucky, _reason("strong", 0.001))})[1][PAIR]
    assert [reason.key for reason in found] == ["strong", "luckier", "lucky"]


def test_an_effect_without_a_p_speaks_for_itself_where_its_pair_is_decided():
    old = replace(_reason("old", None), p_adjusted=0.2, doubt="Old doubt.")
    assert _gated(_verdict(), old)["old"].supported
    assert not _gated(_verdict(evidence=(2.0, 2.0), seed=1), old)["old"].supported


def test_a_tested_reason_is_written_and_read_back():
    found = _gated(_verdict(), *(_reason(f"p{p}", p) for p in (0.001, 0.03, 0.04)))
    for reason in found.values():
        read = read_reason(reason.to_dict())
        assert (read.p_adjusted, read.doubt) == (reason.p_adjusted, reason.doubt)
        assert (read.effect, read.supported) == (reason.effect, reason.supported)
    assert found["p0.04"].to_dict()["doubt"].startswith("Not supported")
    assert "doubt" not in found["p0.001"].to_dict()


def test_more_reasons_are_tested_with_those_that_are_there():
    findings = Findings(verdict=_verdict(attributes=SIZES), reasons={PAIR: ()})
    one = findings.with_reasons([_reason("one", 0.02)])
    two = one.with_reasons([_reason("two", 0.03)])
    p_of = {reason.key: reason.p_adjusted for reason in two.reasons[PAIR]}
    own = [row.difference.p_value for row in findings.verdict.pairs[0].statements.attributes]
    assert [p_of["one"], p_of["two"]] == holm([*own, 0.02, 0.03])[2:]


@pytest.mark.parametrize("evidence", [(2.0, 2.0), (2.6, 2.0)])
def test_reasons_carry_the_exact_p_of_their_estimate(evidence):
    refit = refit_of(np.random.default_rng(0), evidence=evidence)
    found = _evidence(refit)
    for reason in reasons_of_pair(found, *PAIR):
        if reason.effect is not None and reason.effect.p_value is not None:
            assert reason.effect.excludes_zero == (reason.effect.p_value < 0.05)
    assert sum(r.effect is not None for r in reasons_of_pair(found, *PAIR)) == 4


def _evidence(refit):
    classes = dict.fromkeys(SIZES, ("no", "yes"))
    return Evidence.of(refit.approaches, refit.people, classes, num_resamples=100)


def test_equal_approaches_are_explained_in_at_most_five_percent():
    """Tested one by one, some reason stood out in a tenth or more of equal data sets."""
    rng, explained, alone, num = np.random.default_rng(5), 0, 0, 150
    for _ in range(num):
        refit = refit_of(rng, num_people=40)
        verdict = judge(
            refit.approaches, refit.people, rules=Rules(num_resamples=100), attributes=SIZES
        )
        reasons = reasons_of_pair(_evidence(refit), *PAIR)
        alone += any(reason.supported for reason in reasons)
        after, found = gated(verdict, {PAIR: reasons})
        attributes = after.pairs[0].statements.attributes
        explained += any(row.supported for row in (*found[PAIR], *attributes))
    assert binomtest(explained, num, 0.05, alternative="greater").pvalue > 0.025
    assert alone > 2 * explained
