import pytest

from search.report.page import page_of
from search.report.render import render_html, render_markdown
from search.report.sections.ensemble import ensemble_section
from tests.search.builders.example import contents, effect, ensemble, verdict

SLOTS = {"joint": 0, "separate": 1}


def section(**changes):
    return ensemble_section(contents(verdict(ensemble=ensemble(**changes))), SLOTS)


def rows(table):
    return [[cell.text.replace("\N{MINUS SIGN}", "-") for cell in row] for row in table.rows]


def test_a_run_without_an_ensemble_has_no_section():
    assert ensemble_section(contents(), SLOTS) is None


def test_the_gain_over_the_best_approach_is_the_heading():
    assert section().heading == "2 members together: +0.020 over joint"
    gains = [{**ensemble()["gains"][0], **effect(0.005, half=0.01)}]
    assert section(gains=gains).heading == (
        "2 members together: +0.005 over joint, which may be luck"
    )
    assert section(fell_back=True).heading == "No ensemble gains over joint"


def test_scores_and_gains_stand_beside_each_other():
    text, figure, scores, _, _ = section().blocks
    assert text.text == "The ensemble gains."
    assert "over joint" in figure.svg
    assert "over separate" in figure.narrow
    assert rows(scores) == [
        ["ensemble", "0.795", "[0.791, 0.799]", "", ""],
        ["without class biases", "0.790", "[0.786, 0.794]", "", ""],
        ["joint", "0.770", "[0.766, 0.774]", "+0.020", "[+0.010, +0.030]"],
        ["separate", "0.750", "[0.746, 0.754]", "+0.040", "[+0.030, +0.050]"],
    ]


def test_members_are_listed_by_weight_with_their_networks():
    folded = section().blocks[3]
    assert folded.summary == "2 members"
    (members,) = folded.blocks
    assert rows(members) == [
        ["joint.chosen.0", "joint.1.0", "0.750", "0.46"],
        ["separate.chosen.0", "mask.1.0, age.2.0", "0.250", "12.3"],
    ]
    assert [row[0].slot for row in members.rows] == [0, 1]


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_section_follows_the_differences(render):
    found = contents(verdict(ensemble=ensemble()))
    assert [part.kicker for part in page_of(found).sections][1:4] == [
        "Scores",
        "Differences",
        "Ensemble",
    ]
    assert "The ensemble gains." in render(found)
