from xml.etree import ElementTree

import pytest

from search.report.contents import Network, ReportContents
from search.report.document import Grid, Table
from search.report.figures.approach import draw_approach
from search.report.sections.about import about_section, told
from tests.search.builders.example import contents, judged, verdict

SLOTS = {"joint": 0, "separate": 1}
MASK, GENDER, AGE = ({name: count} for name, count in (("mask", 3), ("gender", 2), ("age", 3)))
ALL = MASK | GENDER | AGE


@pytest.mark.parametrize(
    ("networks", "text"),
    [
        (
            [Network(classes=each) for each in (MASK, GENDER, AGE)],
            "A network of its own for each of mask, gender and age, each tuned and trained by "
            "itself.",
        ),
        (
            [Network(classes=ALL)],
            "One network with one output: every combination of mask, gender and age is a class, "
            "18 in all.",
        ),
        (
            [Network(classes=ALL, heads=True)],
            "One network: mask, gender and age share its features, and each has an output of its "
            "own.",
        ),
        (
            [Network(classes=MASK | GENDER), Network(classes=AGE)],
            "2 networks: mask and gender together (6 combinations) and age alone.",
        ),
    ],
)
def test_an_approach_is_told_in_a_sentence(networks, text):
    assert told(networks) == text


def test_the_drawing_has_a_network_for_every_model_and_a_box_for_every_output():
    networks = [Network(classes=MASK | GENDER, heads=True), Network(classes=AGE)]
    image = ElementTree.fromstring(draw_approach("mine", networks, 1))
    rects = [rect.attrib["class"] for rect in image.iter("rect")]
    assert rects.count("net c1") == 2
    assert rects.count("out") == 1 + 3  # the photo, too
    said = [text.text for text in image.iter("text")]
    assert [text for text in said if text != "network"] == ["mask: 3", "gender: 2", "age: 3"]
    assert image.findtext("desc").startswith("One photo; a network that says mask: 3 and gender")


def test_the_first_section_says_when_on_whom_and_what_guessing_scores():
    values = verdict(baselines={"majority": 0.019})
    grid, rows = about_section(contents(values), SLOTS).blocks
    assert isinstance(grid, Grid)
    assert [card.heading for card in grid.cards] == ["joint", "separate"]
    found = {row[0].text: row[1].text for row in rows.rows}
    assert found["date"] == "search 2026-11-20 14:03 to 14:12 UTC"
    assert found["origin"] == "drawn by headrace"
    assert found["labels"].endswith("= 9 joint classes")
    assert found["people"] == "600 people, 120 of them held out of the search"
    assert found["guessing the most frequent class for everyone"] == "macro-F1 0.019"


def test_what_is_not_known_has_no_row():
    values = verdict(baselines={"prior": 0.05})
    bare = ReportContents(title="compare", **judged(values))
    (rows,) = about_section(bare, SLOTS).blocks
    assert isinstance(rows, Table)
    assert len(rows.rows) == 1
    assert about_section(ReportContents(title="nothing"), SLOTS) is None
