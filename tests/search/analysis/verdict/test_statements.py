import json

import numpy as np
import pytest
from scipy.stats import t

from search.analysis.plain import from_plain, to_plain
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.rules import (
    Rules,
)
from search.analysis.verdict.statements import Bound, PairStatements
from tests.search.builders.fold_models import SIZES, refit_of

QUICK = Rules(num_resamples=200)


def _estimate(difference=0.02, variance=0.0004, degrees=30.0):
    return PairEstimate(
        difference=difference,
        people_variance=variance,
        people_degrees=degrees,
        num_differing=100,
    )


@pytest.fixture(scope="module")
def verdict():
    refit = refit_of(
        np.random.default_rng(0),
        num_people=120,
        num_seeds=3,
        evidence=(2.0, 1.5, 2.0),
        networks=(3, 1, 1),
    )
    return judge(refit.approaches, refit.people, rules=QUICK, attributes=SIZES)


def test_a_bound_is_one_sided_at_five_percent_over_all_pairs():
    found = Bound.of(_estimate(), 1_000, 3)
    reach = t.ppf(1 - 0.05 / 3, 30) * 0.02
    assert found.worse == pytest.approx(reach - 0.02)
    assert found.better == pytest.approx(reach + 0.02)
    assert Bound.of(_estimate(), 1_000, 1).worse < found.worse
    assert Bound.of(_estimate(), 1_000, 1, 3) == found  # told at three ends of one pair


def test_a_bound_is_no_nearer_than_people_allow():
    found = Bound.of(_estimate(0.0, 0.0), 60, 3)
    assert found == Bound(worse=0.1, better=0.1)
    assert Bound.of(_estimate(0.0, 0.0), 4, 3) == Bound(worse=1.0, better=1.0)


def test_a_bound_is_said_in_words_and_is_no_lead():
    assert Bound(worse=0.026, better=0.078).said("joint", "separate") == (
        "joint is at most 0.026 worse than separate and at most 0.078 better"
    )
    lead = Bound(worse=-0.01, better=0.05)
    assert lead.said("a", "b") == "a is not worse than b, and at most 0.050 better"
    assert lead.negated().said("b", "a") == "b is not better than a, and at most 0.050 worse"
    assert Bound(worse=1.0, better=1.0).said("a", "b") == ""  # nothing is known
    # People may allow a winner to be worse: what is proven of it is said, and no more.
    won = Bound(worse=0.012, better=0.058)
    assert won.said("a", "b", "a") == "a is at most 0.058 better than b"
    assert won.negated().said("b", "a", "a") == "a is at most 0.058 better than b"


def test_every_statement_stands_beside_its_pair(verdict):
    first, _, _ = verdict.pairs
    assert first.winner == "0"
    said = first.statements
    assert said.log_score.decided
    assert said.bound.worse < 0 < said.bound.better
    assert said.deployed is not None
    assert (said.equal_networks.averaged, said.equal_networks.seeds) == ("1", 3)
    assert [row.name for row in said.attributes] == ["first", "second"]
    assert verdict.pair("1", "2").statements.equal_networks is None


def test_only_decided_pairs_have_attributes(verdict):
    has = {pair.is_decided: bool(pair.statements.attributes) for pair in verdict.pairs}
    assert has == {True: True, False: False}


def test_statements_are_written_and_read_back(verdict):
    written = json.loads(json.dumps(verdict.to_dict()))
    pairs = [PairVerdict.from_dict(pair) for pair in written["pairs"]]
    assert [pair.statements for pair in pairs] == [pair.statements for pair in verdict.pairs]
    read = Verdict.from_dict({**written, "people": 120, "photos": 480, "margin": 0.005})
    assert read.to_dict() == written
    assert read.baselines == verdict.baselines
    assert written["pairs"][0]["statements"]["said"][0].startswith("0 gives the true class more")
    empty = PairStatements()
    assert from_plain(PairStatements, to_plain(empty)) == empty


def test_the_leader_first_turns_every_statement(verdict):
    pair = verdict.pair("1", "2")
    turned = pair.leader_first()
    assert (turned.a, turned.b) == ("2", "1")
    said, before = turned.statements, pair.statements
    assert said.log_score.difference.value == -before.log_score.difference.value
    assert said.log_score.p_adjusted == before.log_score.p_adjusted
    assert (said.bound.worse, said.bound.better) == (before.bound.better, before.bound.worse)
    assert said.deployed == before.deployed.negated()
    assert [row.difference for row in said.attributes] == [
        row.difference.negated() for row in before.attributes
    ]
    assert said.negated() == before


def test_one_seed_has_no_bound_and_nothing_averaged():
    refit = refit_of(np.random.default_rng(0), num_seeds=1, networks=(3, 1))
    said = judge(refit.approaches, refit.people, rules=QUICK).pairs[0].statements
    assert (said.bound, said.deployed, said.equal_networks) == (None, None, None)
    assert said.log_score is not None
    fixed = Rules(num_resamples=200, fixed_models=True)
    assert judge(refit.approaches, refit.people, rules=fixed).pairs[0].statements.bound


def test_a_pair_of_an_older_file_has_no_statements(verdict):
    older = {k: v for k, v in verdict.pairs[0].to_dict().items() if k != "statements"}
    assert PairVerdict.from_dict(older).statements is None
    assert "statements" not in PairVerdict.from_dict(older).to_dict()
    assert PairVerdict.from_dict(older).is_decided  # by its macro-F1
