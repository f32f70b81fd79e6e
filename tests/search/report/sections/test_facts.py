from dataclasses import replace

import pytest

from search.report.contents import Cost, DataFacts, Reproduce
from search.report.document import Code, Figure, Folded, Grid
from search.report.sections.facts import (
    confusion_section,
    cost_section,
    data_section,
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
    assert "a long name of 30-59 · 1" in large.svg
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


def test_people_are_counted_by_row_and_column():
    table, grid, _ = data_section(contents()).blocks
    assert table.columns == ("people, gender", "<30", "30-59", ">=60", "all")
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows[0] == ["남성", "100", "90", "10", "200"]
    assert rows[-1] == ["all", "300", "270", "30", "600"]
    assert grid.cards[0].heading == "착용 <30 is the rarest class"
    assert grid.cards[1].heading.startswith("age: ")


@pytest.mark.parametrize(
    ("photos", "heading"),
    [
        ({"a": 7, "b": 7}, "All classes have as many photos"),
        ({"a": 7, "b": 7, "c": 9}, "a and b are the rarest"),
        ({"a": 7, "b": 7, "c": 7, "d": 9}, "3 classes are the rarest"),
    ],
)
def test_of_classes_that_are_equally_rare_none_is_named(photos, heading):
    data = DataFacts(name="d", num_people=3, num_photos=30, class_photos=photos)
    (grid,) = (b for b in data_section(contents(data=data)).blocks if isinstance(b, Grid))
    assert grid.cards[0].heading == heading


def test_data_may_be_no_more_than_two_counts():
    bare = DataFacts(name="d", num_people=3, num_photos=1200)
    assert data_section(contents(data=bare)) is None
    assert data_section(contents(data=None)) is None


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


def test_a_shift_is_a_figure_and_a_row_of_ratios_a_class():
    section = data_section(contents())
    _, grid, folded = section.blocks
    card = grid.cards[-1]
    assert card.heading.replace("\N{NO-BREAK SPACE}", " ") == (
        "age: 30-59 is 40 % in training, about 30 % of the unlabelled photos"
    )
    assert "unlabelled, estimated" in card.figure.svg
    (table,) = folded.blocks
    assert [cell.text for cell in table.rows[2]][-2:] == ["2.00", "1.00 to 3.00"]
    shown = [cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in table.rows[2]]
    assert shown[2:6] == ["10 %", "10 %", "5.0 %", "0.50"]


def test_a_shift_of_an_older_file_has_no_columns_of_validation():
    data = contents().data
    shift = replace(data.shifts[0], validated=())
    section = data_section(contents(data=replace(data, shifts=(shift,))))
    (table,) = section.blocks[-1].blocks
    shown = [cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in table.rows[2]]
    assert shown[2:6] == ["10 %", "5.0 %", "7.0 %", "20 %"]


def test_a_class_that_training_lacks_has_no_ratio():
    data = contents().data
    shift = replace(data.shifts[0], training=(0.6, 0.4, 0.0))
    section = data_section(contents(data=replace(data, shifts=(shift,))))
    (table,) = section.blocks[-1].blocks
    assert [cell.text for cell in table.rows[2]][-2:] == ["", ""]
