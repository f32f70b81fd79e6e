import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.verdict.sentence import answer
from search.report.contents import Confusion, Cost, PeopleTable, ReportContents
from search.report.errors import ReportError
from tests.search.builders.example import (
    PAIR,
    REASONS,
    contents,
    effect,
    pair,
    reason,
    verdict,
)


def test_scores_are_ranked_and_the_answer_comes_from_the_verdict():
    found = contents()
    assert [row.name for row in found.scores] == ["joint", "separate"]
    assert contents(answer="Mine.").answer == "Mine."
    assert contents(answer="").answer == answer(found.verdict)


def test_descriptions_of_approaches_follow_the_reasons():
    described = {"joint": [reason("overtuning", {"gap": 0.1})]}
    found = contents({"reasons": [REASONS["class_size"]], "descriptions": described})
    assert [row.key for row in found.reasons] == ["class_size", "overtuning"]


def test_approaches_are_gathered_from_every_part():
    assert contents().approaches == ("joint", "separate")
    only_costs = ReportContents(title="t", costs=(Cost(approach="z"), Cost(approach="a")))
    assert only_costs.approaches == ("a", "z")


def test_a_title_is_enough():
    empty = ReportContents(title="t")
    assert (empty.scores, empty.pairs, empty.reasons, empty.approaches) == ((), (), (), ())


def test_a_cost_survives_the_verdict_file():
    cost = Cost(approach="joint", search_device_seconds=1.5, parameters=12, flops=3e9)
    assert Cost.of("joint", cost.to_dict()) == cost


def test_a_matrix_must_have_a_row_and_a_column_a_class():
    with pytest.raises(ReportError, match=r"'age' must be \[2, 2\].*got \[3, 3\] for 'joint'"):
        Confusion(name="age", classes=("a", "b"), counts={"joint": np.eye(3, dtype=np.int64)})


def test_people_must_fit_their_rows_and_columns():
    with pytest.raises(AnalysisError, match=r"gender and age must be \[1, 2\], got \[2, 1\]"):
        PeopleTable(
            row_name="gender",
            column_name="age",
            rows=("a",),
            columns=("b", "c"),
            counts=np.zeros((2, 1), dtype=np.int64),
            num_people=0,
        )


def test_reasons_are_told_as_the_page_tells_their_pair_the_leader_first():
    rows = [
        reason("attribution.age", {}, PAIR, "Old words.", effect(-0.015)),
        reason("class_size", {}, PAIR, "The winner gains.", effect(-0.01)),
        reason("decision_rule", {}, PAIR, "By name.", effect(-0.02)),
        reason("error_overlap", {}, PAIR, "Both err."),
        reason("overtuning", {}, ("joint",), "One alone."),
    ]
    same = contents(verdict(pairs=[pair()], reasons=rows)).reasons
    assert [row.sentence for row in same] == [row["sentence"] for row in rows]
    behind = pair(difference=-0.02, verdict="b_wins")
    age, size, rule, overlap, alone = contents(verdict(pairs=[behind], reasons=rows)).reasons
    assert age.about == size.about == rule.about == ("separate", "joint")
    assert (age.effect.value, size.effect.value, rule.effect.value) == (0.015, 0.01, 0.02)
    assert age.sentence.startswith(
        "Of the difference of -0.0200 between separate and joint, +0.01"
    )
    assert size.figures.halves == (-0.1, 0.01)
    assert size.figures.gain == (-0.1, 0.01, 0.0)
    assert (size.sentence, rule.sentence) == ("The winner gains.", "By name.")
    assert (overlap.about, alone.about) == (PAIR, ("joint",))
