from dataclasses import replace

import pytest

from search.report.contents import Cost, Reproduce
from search.report.document import Code, Figure, Folded, Grid
from search.report.sections.facts import (
    confusion_section,
    cost_section,
    reproduce_section,
)
from tests.search.builders.example import contents, parts

SLOTS = {"joint": 0, "separate": 1}


def test_small_matrices_stand_side_by_side_and_the_best_large_one_is_open():
    small, large, folded = confusion_section(contents()).blocks
    assert isinstance(small, Grid)
    assert [card.heading for card in small.cards] == ["age, joint", "age, separate"]
    assert isinstance(large, Figure)
    assert large.scrolls
    assert large.caption.startswith("joint:")
    assert folded.summary == "The same of separate"


def test_a_matrix_whose_names_find_no_room_beside_others_takes_the_whole_column():
    (found, _) = parts()["confusions"]
    names = tuple(f"a long name of {each}" for each in found.classes)
    large, folded = confusion_section(contents(confusions=(replace(found, classes=names),))).blocks
    assert isinstance(large, Figure)
    assert "1 · a long name of 30-59" in large.svg
    assert folded.summary == "The same of separate"


def test_the_heading_tells_where_the_errors_are():
    heading = confusion_section(contents()).heading.replace("\N{NO-BREAK SPACE}", " ")
    assert heading == "Where the errors are: age 20 % of the photos wrong"
    joint = confusion_section(contents(confusions=parts()["confusions"][1:]))
    assert joint.heading == "What is taken for what"


def test_without_matrices_there_is_no_section():
    assert confusion_section(contents(confusions=())) is None


@pytest.mark.parametrize(
    ("costs", "heading"),
    [
        ((6.0, 18.0), "a is cheapest to serve; b takes 3.0 times its time"),
        ((6.0, 6.1), "All approaches cost about the same time to serve"),
        ((None, None), "What each approach costs"),
    ],
)
def test_the_cheapest_approach_is_the_heading(costs, heading):
    rows = tuple(Cost(approach=n, serve_ms=ms) for n, ms in zip("ab", costs, strict=True))
    section = cost_section(contents(costs=rows), {"a": 0, "b": 1})
    assert section.heading == heading


def test_costs_that_were_not_measured_have_no_column():
    table, note = cost_section(contents(), SLOTS).blocks
    assert "batch of 32" in note.text
    assert table.columns == ("approach", "search, device time", "parameters", "ms a photo")
    assert [cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in table.rows[0]] == [
        "joint",
        "10 min",
        "4.0 M",
        "6.0",
    ]


def test_without_a_time_to_serve_there_is_no_word_on_it():
    costs = (Cost(approach="joint", search_device_seconds=600.0),)
    (table,) = cost_section(contents(costs=costs), SLOTS).blocks
    assert table.columns == ("approach", "search, device time")


def test_everything_that_decides_a_result_is_listed():
    code, folded = reproduce_section(contents()).blocks
    assert code == Code(lines=("headrace run --space all --data 'a<b'",))
    (table,) = folded.blocks
    assert isinstance(folded, Folded)
    assert {tuple(cell.text for cell in row) for row in table.rows} == {
        ("seed", "7"),
        ("git commit", "abc123"),
        ("fingerprint of data", "5a1c"),
        ("version of torch", "2.11"),
        ("cpu", "2 cores"),
    }


def test_what_is_not_known_of_a_run_is_not_listed():
    assert reproduce_section(contents(reproduce=Reproduce())).blocks == ()
    assert reproduce_section(contents(reproduce=None)) is None
    seeded = replace(parts()["reproduce"], commands=(), seed=0)
    assert reproduce_section(contents(reproduce=seeded)).blocks[0].summary.startswith("Versions")
