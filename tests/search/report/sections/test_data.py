from dataclasses import replace

import numpy as np
import pytest

from search.analysis.data_look import cuts_of, photo_facts
from search.report.contents import DataFacts, PeopleTable
from search.report.document import Folded, Grid, Photos, Table, Text
from search.report.page import page_of
from search.report.render import render_markdown
from search.report.sections.data import (
    brightness_card,
    data_section,
    people_card,
    people_table,
    size_heading,
    size_table,
)
from tests.search.builders.example import contents

AGES = ("<30", "30-59", ">=60")
CUTS = cuts_of(
    {"age": AGES}, {"age": (30.0, 60.0)}, {"age": np.array([18.0, 57, 59, 60, 63])}, np.arange(5)
)


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


def of_data(**parts):
    """Returns the section on the data of a page that says no more than `parts`."""
    return data_section(contents(data=DataFacts(name="d", num_people=5, num_photos=5, **parts)))


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_people_have_sums_only_where_each_is_counted_once():
    found = PeopleTable(
        row_name="a",
        column_name="b",
        rows=("x", "y"),
        columns=("u", "v"),
        counts=np.eye(2, dtype=int),
        num_people=2,
    )
    assert texts(people_table(found))[-1] == ["all", "1", "1", "2"]
    twice = replace(found, num_people=1)
    assert texts(people_table(twice)) == [["x", "1", "0"], ["y", "0", "1"]]


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ({"a": 6, "b": 2}, "mask: the largest class has 3.0 times the people of the smallest"),
        ({"a": 2, "b": 2}, "mask: all classes have as many people"),
        ({"a": 103, "b": 100}, "mask: the classes have nearly as many people"),
        ({"a": 1, "b": 0}, "mask: the largest class has 1 person, another none"),
        ({"a": 0, "b": 0}, "mask: nobody has a label"),
    ],
)
def test_a_card_of_people_says_how_unlike_the_classes_are(people, said):
    card = people_card("mask", people)
    assert card.heading == said
    assert texts(card.figure.told) == [[name, str(count)] for name, count in people.items()]


def test_of_many_classes_the_largest_and_the_smallest_are_shown():
    card = people_card("breed", {f"b{n:03}": n for n in range(120)})
    shown = [name for name, _ in texts(card.figure.told)]
    assert shown == [f"b{n:03}" for n in (*range(119, 99, -1), *range(19, -1, -1))]
    assert card.figure.told.caption.endswith(": the 20 largest and the 20 smallest of 120")
    assert "b119" in card.figure.svg
    assert "b060" not in card.figure.svg


def test_of_many_classes_those_whose_share_differs_most_are_shown():
    shift, names = contents().data.shifts[0], [f"b{n:02}" for n in range(50)]
    same, off = [0.02] * 50, [0.02 + 0.0001 * n for n in range(50)]
    parts = {"classes": tuple(names), "training": tuple(same), "estimated": tuple(off)}
    parts |= {name: tuple(same) for name in ("predicted", "averaged", "low")}
    parts["high"] = tuple(off)
    many = replace(shift, validated=(), **parts)
    section = data_section(contents(data=replace(contents().data, shifts=(many,))))
    (grid,) = (block for block in section.blocks if isinstance(block, Grid))
    card = grid.cards[-1]
    assert [name for name in names if name not in card.figure.svg] == names[:10]
    assert "the 40 of 50 classes that differ most" in card.sentences[0]
    (table,) = section.blocks[-1].blocks
    assert len(table.rows) == 50


def test_who_is_near_a_cut_is_a_table_and_the_options_are_folded():
    near, caution, folded = of_data(cuts=CUTS).blocks
    assert texts(near) == [
        ["age 30", "<30 | 30-59", "0", "0"],
        ["age 60", "30-59 | >=60", "2", "1"],
    ]
    assert isinstance(caution, Text)
    assert "at no cost in labels" in caution.text
    (options,) = folded.blocks
    assert texts(options)[5:] == [
        ["age 60", "as it is", "2", "2"],
        ["age 60", "cut at 59", "1", "3"],
        ["age 60", "cut at 58", "1", "3"],
        ["age 60", "cut at 57", "0", "4"],
        ["age 60", "without 57 to below 60", "0", "2"],
    ]


def test_sizes_and_brightness_are_shown_where_somebody_looked():
    facts = photo_facts(np.array([[512, 384]] * 3 + [[10, 20]]), np.array([0.0, 100, 120, 255]))
    grid, folded = of_data(photo_facts=facts).blocks
    (card,) = grid.cards
    assert card == brightness_card(facts)
    assert card.heading == "Brightness: half of the photos between 75 and 154 of 255"
    assert len(texts(card.figure.told)) == 12
    heading = folded.summary.replace("\N{NO-BREAK SPACE}", " ")
    assert heading == "2 sizes of photos, 75 % of them 384 x 512"
    assert texts(folded.blocks[0]) == [["384 x 512", "3"], ["20 x 10", "1"]]


def test_one_size_is_said_to_be_that_of_all_and_many_are_counted():
    one = photo_facts(np.array([[2, 3]] * 4), np.zeros(4))
    assert size_heading(one) == "All photos are 3 x 2"
    assert of_data(photo_facts=one).blocks[-1] == Text(text="All photos are 3 x 2.", quiet=True)
    many = photo_facts(np.array([[n, n] for n in range(1, 11)]), np.zeros(10))
    assert texts(size_table(many))[-1] == ["2 other sizes", ""]
    assert size_heading(many).startswith("10 sizes of photos, ")


def test_of_some_photos_it_is_said_that_they_are_some():
    facts = photo_facts(np.array([[2, 3]] * 4), np.zeros(4), of=9)
    assert size_heading(facts) == "All 4 photos that were looked at are 3 x 2"
    assert brightness_card(facts).heading.startswith("Brightness: half of 4 photos ")
    two = photo_facts(np.array([[2, 3]] * 3 + [[1, 1]]), np.zeros(5), of=9)
    heading = size_heading(two).replace("\N{NO-BREAK SPACE}", " ")
    assert heading == "2 sizes of 4 photos that were looked at, 75 % of them 3 x 2"


def test_without_a_known_size_there_is_brightness_alone():
    (grid,) = of_data(photo_facts=photo_facts(np.empty((0, 2), int), np.full(4, 99.0))).blocks
    assert isinstance(grid, Grid)
    # Steps outside the photos' own are left out.
    assert texts(grid.cards[0].figure.told) == [["85 to 106", "4"]]


def test_mean_photos_have_their_cell_below_and_are_not_in_markdown():
    section = of_data(means={"female <30: 7 people": "eA=="}, cuts=CUTS)
    (photos,) = (block for block in section.blocks if isinstance(block, Photos))
    (photo,) = photos.photos
    assert photos.note.startswith("Each is of 200 photos at most.")
    assert "short cut" in photos.note
    assert (photo.source, photo.caption) == ("data:image/jpeg;base64,eA==", "female <30: 7 people")
    made = contents(data=DataFacts(name="d", num_people=5, num_photos=5, means={"cell": "eA=="}))
    assert "mean photo" not in render_markdown(made).lower()
    assert "Data" in [section.kicker for section in page_of(made).sections]


def test_people_of_every_attribute_stand_before_the_photos_of_the_joint_label():
    found = of_data(class_people={"age": {"a": 1, "b": 4}}, class_photos={"a": 1, "b": 4})
    (grid,) = found.blocks
    assert [card.heading for card in grid.cards] == [
        "age: the largest class has 4.0 times the people of the smallest",
        "a is the rarest class",
    ]
    assert all(isinstance(card.figure.told, Table) for card in grid.cards)


def test_the_people_of_six_attributes_stand_beside_the_other_cards_once():
    people = {f"a{n}": {"no": 1, "yes": 4} for n in range(6)}
    facts = photo_facts(np.array([[2, 3]] * 4), np.zeros(4))
    found = of_data(class_people=people, class_photos={"no": 1, "yes": 4}, photo_facts=facts)
    grid, sizes = found.blocks
    assert len(grid.cards) == 8
    assert isinstance(sizes, Text)


def test_the_people_of_many_attributes_are_folded():
    (folded,) = of_data(class_people={f"a{n}": {"no": 1, "yes": 4} for n in range(40)}).blocks
    assert isinstance(folded, Folded)
    assert folded.summary == "People of every class of 40 attributes"
    assert len(folded.blocks[0].cards) == 40
