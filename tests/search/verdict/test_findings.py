"""`verdict.json` of any run of this schema is read into the types that write it."""

import copy
import json
from pathlib import Path

import pytest

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.reasons.reason import Reason, Unread
from search.analysis.verdict.sentence import SCOPE
from search.report.contents import ReportContents
from search.report.render import render_html
from search.verdict.findings import Findings

STORED = Path(__file__).parents[2] / "assets" / "verdict_schema_1.json"


@pytest.fixture
def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


def _renamed(figures):
    """Figures of a pair in schema 1 under the names of now."""
    kept = {key: figures[key] for key in ("difference", "interval", "verdict")}
    confidence, p_adjusted = figures["p_a_greater"], figures["p_holm"]
    seeds = {"seeds": figures.get("seeds", 0)}
    return {**kept, **seeds, "confidence_a_greater": confidence, "p_adjusted": p_adjusted}


def test_a_verdict_of_schema_1_keeps_all_but_its_parts_of_the_people(stored):
    expected = {
        **copy.deepcopy(stored),
        "schema": 2,
        "answer": (
            "No winner is proven: separate leads with 0.644, not clearly ahead of joint (by "
            "0.037) and multihead (by 0.039)."
        ),
        "holds": SCOPE,
        "recommendation": None,
        "finalists": {},
    }
    for score in expected["scores"].values():
        del score["parts"]
    expected["pairs"] = [
        {
            "a": pair["a"],
            "b": pair["b"],
            **_renamed(pair),
            "with_decision_rule": _renamed(pair["with_decision_rule"]),
            "decision_rule_effect": None,
            "flips_with_decision_rule": False,
            "parts": {"chose_nothing": None, "chose": None},
            "standing": "open",
            "look_seeds": None,
            "hopeless": False,
            "would_decide": pair["would_decide"],
            "note": pair["note"],
        }
        for pair in stored["pairs"]
    ]
    written = Findings.from_dict(stored).to_dict()
    assert (stored["schema"], written["schema"]) == (1, 2)
    # The answer is worded anew; what schema 1 did not know is not there, or says so.
    anew = ("schema", "answer", "holds", "recommendation")
    assert {k: v for k, v in written.items() if k not in anew} == {
        k: v for k, v in expected.items() if k not in anew
    }


def test_a_verdict_of_schema_1_says_nothing_of_what_it_did_not_know(stored):
    found = Findings.from_dict(stored)
    assert found.verdict.baselines == ()
    assert not found.verdict.means_nothing
    assert {pair.statements for pair in found.verdict.pairs} == {None}
    assert all(reason.doubt == "" for reason in found.every_reason)
    assert [reason.supported for reasons in found.reasons.values() for reason in reasons] == [
        row["supported"] for row in stored["reasons"]
    ]


def test_a_verdict_that_was_written_is_written_again_byte_for_byte(stored):
    first = Findings.from_dict(stored).to_text()
    assert Findings.from_dict(json.loads(first)).to_text() == first


def test_every_reason_of_a_stored_verdict_is_known_and_says_what_it_found(stored):
    found = Findings.from_dict(stored)
    assert len(found.every_reason) == len(stored["reasons"]) + sum(
        map(len, stored["descriptions"].values())
    )
    for reason in found.every_reason:
        assert not isinstance(reason.figures, Unread)
        assert reason.heading
        assert reason.effect or reason.plot


def test_a_stored_verdict_makes_a_page(stored):
    found = Findings.from_dict(stored)
    contents = ReportContents(
        title="t",
        verdict=found.verdict,
        reasons=found.every_reason,
        costs=found.costs,
        ensemble=found.ensemble,
        notes=found.notes,
    )
    page = render_html(contents)
    said = found.to_dict()["answer"]
    assert said.replace("macro-F1", "macro\N{NON-BREAKING HYPHEN}F1") in page
    assert wording.typeset(found.ensemble.sentence) in page


def test_a_reason_of_a_kind_that_is_not_known_keeps_its_figures(stored):
    first = {**stored["reasons"][0], "key": "new_kind.age", "figures": {"a": [1, {"b": None}]}}
    found = Findings.from_dict({**stored, "reasons": [first]})
    assert found.to_dict()["reasons"] == [first]
    assert found.every_reason[0].heading == "New kind, age"


def test_a_reason_without_figures_of_its_own_is_no_reason_to_fail():
    bare = Reason(key="k", mechanism="", about=("a",), sentence="S.")
    assert (bare.to_dict()["figures"], bare.plot, bare.supported) == ({}, None, False)


@pytest.mark.parametrize("key", ["scores", "pairs", "people", "photos", "margin"])
def test_a_verdict_without_what_every_verdict_has_is_refused(stored, key):
    del stored[key]
    with pytest.raises(AnalysisError, match=f"it is not whole: .*needs '{key}', got only"):
        Findings.from_dict(stored)
